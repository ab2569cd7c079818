"""What a row of a source says: FOCUS 1.0 to 1.2, a ledger's notations, terms, conditions, fiscal periods."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.calendar import FiscalCalendar, Scheme
from pricing_service.domain.clearing import ExplanationExceedsResidual, NothingToExplain, explained_amount
from pricing_service.domain.cost_rows import CostBasis, CostRow, RowFault, placed
from pricing_service.domain.cost_rules import Condition
from pricing_service.domain.cost_terms import (
    CostBasisContradicts,
    RecoverableTax,
    SourceTerms,
    agree_on_basis,
    detailed_accounts,
)
from pricing_service.domain.exact import CurrencySign, FloatNoise, NumberUnreadable, exact_decimal, refuse_float_noise
from pricing_service.domain.focus import FocusReader
from pricing_service.domain.focus_columns import OTHERS, TEXTS
from pricing_service.domain.ledger import (
    DecimalFormat,
    LedgerColumnsMissing,
    LedgerMapping,
    LedgerReader,
    MinusSign,
    NumberFormatMismatch,
    NumberReader,
    PeriodFormat,
)
from tests.pricing_service.samples import NEEDED, focus_csv

D = Decimal

# By version the columns that it has more than the one before (focus.finops.org, 1.0, 1.1 and 1.2).
VERSION_1_0 = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory"),
    *("CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
)
MORE_IN_1_1 = (
    *("CapacityReservationId", "CapacityReservationStatus", "CommitmentDiscountQuantity", "CommitmentDiscountUnit"),
    *("ServiceSubcategory", "SkuMeter", "SkuPriceDetails"),
)
MORE_IN_1_2 = (
    *("BillingAccountType", "InvoiceId", "PricingCurrency", "PricingCurrencyContractedUnitPrice"),
    *("PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "SubAccountType"),
)
NUMBERS = ("Cost", "Price", "Quantity")


def focus(*rows: dict[str, str], terms: SourceTerms | None = None) -> list[CostRow | RowFault]:
    reader = FocusReader(io.StringIO(focus_csv(*rows), newline=""), terms or SourceTerms(CostBasis.EFFECTIVE))
    return [item[1] if isinstance(item, tuple) else item for item in reader]  # type: ignore[misc]


def reason(row: dict[str, str]) -> str:
    (fault,) = focus(row)
    assert isinstance(fault, RowFault)
    return fault.reason


@pytest.mark.parametrize(
    "columns",
    [VERSION_1_0, VERSION_1_0 + MORE_IN_1_1, VERSION_1_0 + MORE_IN_1_1 + MORE_IN_1_2],
    ids=["1.0", "1.1", "1.2"],
)
def test_every_column_of_a_version_is_kept(columns: tuple[str, ...]) -> None:
    assert len(columns) in (43, 50, 57)
    given = {
        name: NEEDED.get(name) or (f"{n}.25" if name.endswith(NUMBERS) else f"v{n}") for n, name in enumerate(columns)
    }
    given |= {"ChargeClass": "Correction", "Tags": '{"b": "2", "a": "1"}', "x_Own": "mine"}
    (row,) = focus(given)
    assert isinstance(row, CostRow), row
    kept: dict[str, Any] = {"Tags": '{"b": "2", "a": "1"}', **row.other}
    kept |= {column: getattr(row, name) for name, column in TEXTS.items()}
    kept |= {"ChargeClass": row.charge_class, "ChargeCategory": row.charge_category, "BillingCurrency": row.currency}
    kept |= {
        "BilledCost": row.billed_cost,
        "EffectiveCost": row.effective_cost,
        "ContractedCost": row.contracted_cost,
        "ListCost": row.list_cost,
        "ConsumedQuantity": row.consumed_quantity,
        "PricingQuantity": row.pricing_quantity,
        "CommitmentDiscountQuantity": row.commitment_discount_quantity,
        "PricingCurrencyEffectiveCost": row.pricing_currency_effective_cost,
    }
    for name in {*columns, "x_Own"} - {name for name in columns if name.endswith(("Start", "End"))}:
        assert str(kept[name]) == given[name], name
    assert row.tags_json == '{"a":"1","b":"2"}'
    assert set(OTHERS) >= set(row.other) - {"x_Own"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0.30000000000000004", "0.3"),
        ("9.899999999999999", "9.9"),
        ("-1234.5600000000001", "-1234.56"),
        ("1.0000000000000001E-7", "0.0000001"),
        ("0.1000000000000000055511151231257827", None),
        ("0.29999999999999998890", "0.3"),
        ("0.00001605990", None),
        ("2.000000000000000", None),
        ("0.1234567890123456", None),
        ("0.02000000000000000042", "0.02"),
        ("0.02000000000000142", None),
        ("12345678901.23456789", None),
        ("0.3000000000000001", "0.3"),
    ],
)
def test_float_noise_is_told_from_digits_that_are_meant(text: str, meant: str | None) -> None:
    try:
        number = exact_decimal(text)
    except NumberUnreadable:
        assert meant is None
        return
    if meant is None:
        refuse_float_noise(text, number)
        return
    with pytest.raises(FloatNoise, match=f"{meant} was meant"):
        refuse_float_noise(text, number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_of_few_digits_is_never_noise_and_its_float_sums_are(number: Decimal) -> None:
    refuse_float_noise(str(number), number)
    noisy = repr(float(number) + 0.1 - 0.1)
    if len(Decimal(noisy).normalize().as_tuple().digits) >= 16 and 1 <= abs(number) < 10**6:
        with pytest.raises(FloatNoise):
            refuse_float_noise(noisy, Decimal(noisy))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"BilledCost": "0.30000000000000004"}, "BilledCost: '0.30000000000000004' carries float noise; 0.3 was meant"),
        ({"BilledCost": "$10,000.00 "}, "BilledCost: '$10,000.00 ' carries a currency sign"),
        ({"EffectiveCost": "10,000.00"}, "EffectiveCost: '10,000.00' carries a separator"),
        ({"ListCost": "NaN"}, "ListCost: 'NaN' is not a number"),
        ({"ListUnitPrice": "-1"}, "ListUnitPrice: -1 is negative, but a price is not"),
        ({"ConsumedQuantity": "-1"}, "ConsumedQuantity: -1 is negative, but BilledCost is positive"),
        ({"ChargeCategory": "tax"}, "ChargeCategory: 'tax' is none of Adjustment, Credit, Purchase, Tax, Usage"),
        ({"ChargeClass": "Refund"}, "ChargeClass: 'Refund' is neither Correction nor empty"),
        ({"BillingPeriodStart": "2026-02-30"}, "BillingPeriodStart: '2026-02-30' is not an ISO 8601 timestamp"),
        ({"ServiceName": "NULL"}, "ServiceName is empty"),
        ({"SkuPriceId": "x" * 3000}, "SkuPriceId is longer than 2048 characters"),
        ({"PricingQuantity": "many"}, "PricingQuantity: 'many' is not a number"),
    ],
)
def test_a_bad_row_says_which_field_and_why(row: dict[str, str], said: str) -> None:
    assert reason(row).startswith(said)


def test_refunds_and_corrections_may_be_negative() -> None:
    refund = {"ConsumedQuantity": "-2", "PricingQuantity": "-2", "BilledCost": "-4", "EffectiveCost": "-4"}
    correction = {"ChargeClass": "Correction", "ConsumedQuantity": "-2", "ListUnitPrice": "-1"}
    credit = {"ChargeCategory": "Credit", "ContractedUnitPrice": "-3"}
    assert all(isinstance(each, CostRow) for each in focus(refund, correction, credit))


def test_the_declared_currency_holds_from_the_first_row_on() -> None:
    fault, row = focus({"BillingCurrency": "EUR"}, {}, terms=SourceTerms(CostBasis.EFFECTIVE, currency="USD"))
    assert isinstance(fault, RowFault)
    assert isinstance(row, CostRow)


@pytest.mark.parametrize(
    ("written", "minus", "text", "number"),
    [
        (DecimalFormat.COMMA, MinusSign.TRAILING, "1.234.567,89-", "-1234567.89"),
        (DecimalFormat.COMMA, MinusSign.LEADING, "1234,5", "1234.5"),
        (DecimalFormat.COMMA, MinusSign.LEADING, "1.234", "1234"),
        (DecimalFormat.POINT, MinusSign.PARENTHESES, "(1,234.50)", "-1234.50"),
        (DecimalFormat.SPACE_COMMA, MinusSign.LEADING, "-1\u202f234,50", "-1234.50"),
        (DecimalFormat.APOSTROPHE, MinusSign.LEADING, "1'234.50", "1234.50"),
        (DecimalFormat.PLAIN_COMMA, MinusSign.LEADING, " 12,5 ", "12.5"),
        (DecimalFormat.PLAIN, MinusSign.TRAILING, "0-", "0"),
    ],
)
def test_a_ledgers_numbers_are_read_as_declared(
    written: DecimalFormat, minus: MinusSign, text: str, number: str
) -> None:
    assert NumberReader(written, minus)(text) == D(number)


@pytest.mark.parametrize(
    ("written", "text", "refusal"),
    [
        (DecimalFormat.COMMA, "1,234.56", NumberFormatMismatch),
        (DecimalFormat.COMMA, "1.23", NumberFormatMismatch),
        (DecimalFormat.POINT, "1.234,56", NumberFormatMismatch),
        (DecimalFormat.POINT, "12,34.5", NumberFormatMismatch),
        (DecimalFormat.COMMA, "12,5-", NumberFormatMismatch),
        (DecimalFormat.COMMA, "€ 12,50", CurrencySign),
        (DecimalFormat.COMMA, "n/a", NumberUnreadable),
        (DecimalFormat.COMMA, "1" * 30, NumberUnreadable),
    ],
)
def test_a_number_that_is_written_otherwise_is_refused(
    written: DecimalFormat, text: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        NumberReader(written, MinusSign.LEADING)(text)


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12),
    written=st.sampled_from(DecimalFormat),
    minus=st.sampled_from(MinusSign),
)
def test_any_number_survives_any_notation(number: Decimal, written: DecimalFormat, minus: MinusSign) -> None:
    group, point = {
        DecimalFormat.PLAIN: ("", "."),
        DecimalFormat.POINT: (",", "."),
        DecimalFormat.COMMA: (".", ","),
        DecimalFormat.PLAIN_COMMA: ("", ","),
        DecimalFormat.SPACE_COMMA: (" ", ","),
        DecimalFormat.APOSTROPHE: ("'", "."),
    }[written]
    text = f"{abs(number):,.2f}".replace(",", "G").replace(".", point).replace("G", group)
    shown = {MinusSign.LEADING: f"-{text}", MinusSign.TRAILING: f"{text}-", MinusSign.PARENTHESES: f"({text})"}[minus]
    assert NumberReader(written, minus)(shown if number < 0 else text) == number


def test_a_ledger_by_fiscal_period_of_weeks() -> None:
    mapping = LedgerMapping("A", period="P", amount="V", decimal_format=DecimalFormat.PLAIN)
    calendar = FiscalCalendar(Scheme.WEEKS_445)
    terms = SourceTerms(CostBasis.BILLED, currency="USD")
    items = list(LedgerReader(["A,P,V\n", "1,2026-P07,5\n", "1,2026-07,5\n"], terms, mapping, calendar))
    assert isinstance(items[0], tuple)
    row = items[0][1]
    assert (row.period, row.account, row.cost, row.service_name) == ("2026-P07", "1", D(5), "Account 1")
    assert row.charge_period_start == calendar.parse("2026-P07").start
    assert isinstance(items[1], RowFault)
    assert items[1].reason.startswith("P: '2026-07' is not a billing period")
    numbered = LedgerMapping("A", period="P", amount="V", period_format=PeriodFormat.YEAR_LAST)
    ((_, third),) = LedgerReader(["A,P,V\n", "1,003/2026,5\n"], terms, numbered, calendar)  # type: ignore[misc]
    assert third.period == "2026-P03"
    with pytest.raises(LedgerColumnsMissing, match="P"):
        LedgerReader(["A,V\n"], terms, mapping, calendar)


def test_tax_that_comes_back_is_no_cost() -> None:
    terms = SourceTerms(CostBasis.EFFECTIVE, tax=RecoverableTax(D("0.4"), {"V1": D(1), "V0": D(0)}))
    usage, tax = focus({}, {"ChargeCategory": "Tax", "EffectiveCost": "1.23"}, terms=terms)
    assert isinstance(usage, CostRow) and isinstance(tax, CostRow)
    assert (usage.cost, usage.recoverable_tax, tax.cost, tax.recoverable_tax) == (
        D("8.00"),
        None,
        D("0.738"),
        D("0.492"),
    )
    assert [terms.tax.of(D(10), code) for code in ("V1", "V0", "other", None)] == [10, None, 4, 4]


def test_conditions() -> None:
    (row,) = focus({"ServiceName": "EC2", "Tags": '{"team": "x"}', "SkuMeter": "hours", "x_Own": "1"})
    assert isinstance(row, CostRow)
    holding: list[dict[str, Any]] = [
        {"column": "ServiceName", "equals": "EC2"},
        {"column": "ServiceName", "in": ["S3", "EC2"]},
        {"column": "ServiceName", "prefix": "EC"},
        {"column": "SkuMeter", "equals": "hours"},
        {"column": "x_Own", "present": True},
        {"tag": "team", "equals": "x"},
        {"tag": "other", "present": False},
    ]
    assert all(Condition.of(rule).holds(row) for rule in holding)
    failing: list[dict[str, Any]] = [
        {"column": "ServiceName", "prefix": "ec"},
        {"column": "RegionId", "prefix": "e"},
        {"column": "RegionId", "equals": ""},
        {"tag": "team", "present": False},
        {"tag": "team", "in": ["y"]},
    ]
    assert not any(Condition.of(rule).holds(row) for rule in failing)


def test_a_basis_is_declared_or_asked_for_but_never_both_differently() -> None:
    assert agree_on_basis(None, CostBasis.LIST) is agree_on_basis(CostBasis.LIST, None) is CostBasis.LIST
    for declared, asked in ((CostBasis.BILLED, CostBasis.LIST), (None, None)):
        with pytest.raises(CostBasisContradicts):
            agree_on_basis(declared, asked)
    assert detailed_accounts([("b", ["1", "2"]), ("a", ["2"])]) == {"1": "b", "2": "a"}


def test_a_charge_belongs_to_the_fiscal_period_of_its_day_within_its_bill() -> None:
    def at(day: str) -> datetime:
        return datetime.fromisoformat(day).replace(tzinfo=UTC)

    bill = (at("2026-09-01"), at("2026-10-01"))
    weeks = FiscalCalendar(Scheme.WEEKS_445)
    for charged, period in (("2026-09-27", "P09"), ("2026-09-28", "P10"), ("2026-05-01", "P09"), ("2026-12-31", "P10")):
        assert placed(weeks, *bill, at(charged)) == (f"2026-{period}", "2026-09")
    assert placed(FiscalCalendar(), *bill, at("2026-07-01")) == ("2026-09", "2026-09")


def _billed(start: str, end: str) -> dict[str, str]:
    return {"BillingPeriodStart": start, "BillingPeriodEnd": end}


@pytest.mark.parametrize(
    "calendar", [FiscalCalendar(), FiscalCalendar(Scheme.WEEKS_445), FiscalCalendar(start_month=7)]
)
def test_rows_of_ages_in_which_nothing_can_be_booked_are_refused_one_by_one(calendar: FiscalCalendar) -> None:
    far = [("0001-01-01", "0001-02-01"), ("1969-01-01", "1969-02-01"), ("2201-08-01", "2201-09-01")]
    far += [("9999-12-01", "9999-12-31")]
    charged = [{"ChargePeriodStart": start, "ChargePeriodEnd": end} for start, end in far]
    text = focus_csv(*(_billed(*days) | charge for days, charge in zip(far, charged, strict=True)), {})
    *refused, kept = FocusReader(io.StringIO(text), SourceTerms(CostBasis.BILLED), calendar)
    assert [type(each) for each in refused] == [RowFault] * 4 and isinstance(kept, tuple)
    for fault in refused:
        assert isinstance(fault, RowFault) and fault.reason.startswith("BillingPeriodStart: "), fault
    mapping = LedgerMapping.of({"account": "A", "date": "D", "amount": "V", "decimal_format": "1234.56"})
    rows = [f"1,{day},5\n" for day, _ in [*far, ("2026-10-05", "")]]
    *refused, kept = LedgerReader(["A,D,V\n", *rows], SourceTerms(CostBasis.BILLED, currency="USD"), mapping, calendar)
    assert [each.reason[:3] for each in refused if isinstance(each, RowFault)] == ["D: "] * 4, refused
    assert isinstance(kept, tuple)
    by_number = LedgerMapping.of(
        {"account": "A", "period": "P", "amount": "V", "decimal_format": "1234.56", "period_format": "YYYYPP"}
    )
    rows = [f"1,{year:04}07,5\n" for year in (1, 1969, 2201, 9998, 9999)]
    terms = SourceTerms(CostBasis.BILLED, currency="USD")
    assert all(isinstance(each, RowFault) for each in LedgerReader(["A,P,V\n", *rows], terms, by_number, calendar))


@pytest.mark.parametrize(("unexplained", "asked"), [("5", "5.01"), ("5", "-1"), ("5", "0"), ("-5", "1"), ("-5", "-6")])
def test_an_explanation_is_a_part_of_what_is_unexplained(unexplained: str, asked: str) -> None:
    with pytest.raises(ExplanationExceedsResidual):
        explained_amount(D(unexplained), D(asked))
    assert explained_amount(D(unexplained), None) == explained_amount(D(unexplained), D(unexplained)) == D(unexplained)
    with pytest.raises(NothingToExplain):
        explained_amount(D(0), None)
