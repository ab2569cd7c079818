"""Where the real data lies, and small FOCUS files made on the spot."""

import csv
import io
import os
from pathlib import Path

import pytest

FOCUS_SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "focus" / "focus_sample.csv"

NEEDED = {
    "BilledCost": "10.00",
    "EffectiveCost": "8.00",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-05T00:00:00Z",
    "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ChargeCategory": "Usage",
    "ServiceName": "Virtual Servers",
    "Tags": "",
}


def real_focus_sample() -> Path:
    """The real sample; where it is missing the test skips, but never in CI."""
    if not FOCUS_SAMPLE.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{FOCUS_SAMPLE.name} is not beside the repository (../shared/data/focus)")
    return FOCUS_SAMPLE


def focus_csv(*rows: dict[str, str], columns: dict[str, str] | None = None) -> str:
    """A FOCUS file; each row overrides the needed columns' defaults, `columns` adds or replaces defaults for all."""
    defaults = {**NEEDED, **(columns or {})}
    names = [*defaults, *dict.fromkeys(name for row in rows for name in row if name not in defaults)]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**defaults, **row} for row in rows)
    return out.getvalue()
