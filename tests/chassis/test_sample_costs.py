"""The sample organisation's costs: exact, repeatable, and FOCUS 1.0 in columns, values and nulls."""

import csv
import io
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.sample.costs import COLUMNS, CostSummary, write_costs
from tests.requirements import require_or_skip

FOCUS_SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "focus" / "focus_sample.csv"


def costs(period: str) -> tuple[CostSummary, list[dict[str, str]]]:
    out = io.StringIO(newline="")
    summary = write_costs(period, out)
    out.seek(0)
    return summary, list(csv.DictReader(out))


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_october_2026_is_what_it_always_was() -> None:
    summary, rows = costs("2026-10")
    assert summary == CostSummary(328, Decimal("126031.1914579936016875"), Decimal("126254.3914579936016875"))
    assert len({row["ProviderName"] for row in rows}) == 6


@settings(max_examples=20, deadline=None)
@given(st.integers(2000, 2100), st.integers(1, 12))
def test_any_month_adds_up_and_repeats(year: int, month: int) -> None:
    period = f"{year}-{month:02}"
    summary, rows = costs(period)
    assert costs(period)[1] == rows
    assert (summary.rows, summary.billed) == (len(rows), total(rows, "BilledCost"))
    assert summary.effective == total(rows, "EffectiveCost")
    for row in rows:
        assert row["BillingPeriodStart"] == f"{period}-01T00:00:00Z"
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        if row["ContractedUnitPrice"]:
            assert Decimal(row["ContractedUnitPrice"]) * Decimal(row["PricingQuantity"]) == Decimal(
                row["ContractedCost"]
            )


def test_the_commitment_is_billed_once_and_effective_day_by_day() -> None:
    _, rows = costs("2026-11")
    daily: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["CommitmentDiscountStatus"]:
            assert Decimal(row["EffectiveCost"]) >= 0
            daily[row["ChargePeriodStart"]] += Decimal(row["EffectiveCost"])
    assert set(daily.values()) == {Decimal("43.20")}
    purchases = [row for row in rows if row["ChargeCategory"] == "Purchase"]
    assert [(Decimal(row["BilledCost"]), Decimal(row["EffectiveCost"])) for row in purchases] == [
        (Decimal(1080), Decimal(0))
    ]


def test_values_are_those_of_the_specification() -> None:
    """Allowed values and null rules of FOCUS 1.0 for the columns that the importer relies on."""
    _, rows = costs("2027-07")
    allowed = {
        "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
        "ChargeClass": {"", "Correction"},
        "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
        "PricingCategory": {"", "Standard", "Dynamic", "Committed", "Other"},
        "CommitmentDiscountCategory": {"", "Spend", "Usage"},
        "CommitmentDiscountStatus": {"", "Used", "Unused"},
    }
    for column, values in allowed.items():
        assert {row[column] for row in rows} <= values, column
    for row in rows:
        for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
            assert "E" not in row[column].upper() and Decimal(row[column]).is_finite()
        for column in ("BillingAccountId", "BillingCurrency", "InvoiceIssuerName", "ServiceCategory", "ServiceName"):
            assert row[column], column
        if row["ChargeCategory"] in {"Usage", "Purchase"}:
            assert row["SkuId"] and row["SkuPriceId"] and row["PricingQuantity"]
        if row["Tags"]:
            assert all(isinstance(value, str) for value in json.loads(row["Tags"]).values())
    assert any(not row["Tags"] for row in rows)


def test_the_columns_are_those_of_the_published_sample() -> None:
    if not FOCUS_SAMPLE.exists():
        require_or_skip(f"{FOCUS_SAMPLE.name} is not beside the repository (../shared/data/focus)")
    with FOCUS_SAMPLE.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert set(COLUMNS) == set(header) - {"Id"}  # "Id" is the sample's own row number, not a FOCUS column


@pytest.mark.parametrize(
    "period", ["2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "", "0000-01", "9999-12", "２０２６-10"]
)
def test_what_is_no_month_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match=r"month|calendar"):
        write_costs(period, io.StringIO())
