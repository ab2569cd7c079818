"""The public FOCUS validator, run as a command in an environment of its own: it needs Python 3.12 and old libraries.

`make setup-dev` makes that environment at .venv-focus where the machine has a Python 3.12.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-focus"
# What of the specification applies to IT as a provider: it names accounts, publishes prices, measures usage …
APPLICABLE = (
    "ACCOUNT_NAMING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
)
# The rule "InvoiceId MUST be null" is one of the two branches of InvoiceId-C-003-C, the other being that it MUST NOT
# be. Version 2.2.1 runs and reports both without their conditions, so that no row whatever passes both.
CONTRADICTORY = "InvoiceId-C-004-C"


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: int
    failed: frozenset[str]
    output: str


def missing() -> str | None:
    """Why the validator cannot be run here; None where it can."""
    if (ENVIRONMENT / "bin" / "focus-validator").exists():
        return None
    return "focus-validator needs a Python 3.12, which `make setup-dev` did not find: the export was not validated"


def validate(file: Path, *, version: str = "1.2", applicable: tuple[str, ...] = APPLICABLE) -> Verdict:
    (package,) = ENVIRONMENT.glob("lib/python3.*/site-packages")  # it finds its rules from the working directory
    command = [
        str(ENVIRONMENT / "bin" / "focus-validator"),
        *("--data-file", str(file), "--block-download", "--validate-version", version),
        *("--applicability-criteria", ",".join(applicable)),
    ]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=110)
    total = re.search(r"^Total: \d+ \| Pass: (\d+) \| Fail: (\d+)", done.stdout, re.MULTILINE)
    assert total is not None, done.stdout[-2000:] + done.stderr[-2000:]
    failed = frozenset(re.findall(r"^❌ (\S+): FAIL", done.stdout, re.MULTILINE))
    assert len(failed) == int(total[2])
    return Verdict(int(total[1]), failed, done.stdout)
