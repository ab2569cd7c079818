"""FOCUS rows: exact values, named faults with the right line, and the real sample's sums."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pricing_service.domain.cost_terms import SourceTerms
from pricing_service.domain.exact import (
    CurrencySign,
    NotANumber,
    NumberUnreadable,
    ThousandsSeparator,
    TooManyDigits,
    exact_decimal,
)
from pricing_service.domain.focus import (
    CostBasis,
    CostRow,
    EmptyLines,
    FocusColumnsMissing,
    FocusHeaderUnreadable,
    FocusReader,
    LineTooLong,
    RowFault,
    bounded_lines,
    instant,
)
from services.money import exact_total
from tests.pricing_service.samples import NEEDED, focus_csv, real_focus_sample

D = Decimal


def read(text: str, basis: CostBasis = CostBasis.EFFECTIVE) -> tuple[list[tuple[int, CostRow]], list[RowFault]]:
    rows: list[tuple[int, CostRow]] = []
    faults: list[RowFault] = []
    for item in FocusReader(io.StringIO(text, newline=""), SourceTerms(basis)):
        if isinstance(item, RowFault):
            faults.append(item)
        elif not isinstance(item, EmptyLines):
            rows.append(item)
    return rows, faults


def test_real_sample_sums_exactly() -> None:
    with real_focus_sample().open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        items = list(FocusReader(lines, SourceTerms(CostBasis.EFFECTIVE)))
    rows = [item[1] for item in items if isinstance(item, tuple)]
    assert len(rows) == len(items) == 1000
    assert exact_total([row.billed_cost for row in rows]) == D("20.52022672899")
    assert exact_total([row.effective_cost for row in rows]) == D("14.97651418586")
    assert sum(1 for row in rows if "business_unit" in row.tags) == 660
    assert {str(row.billing_period) for row in rows} == {"2024-09", "2024-10"}


def test_real_sample_on_the_contracted_basis_faults_the_rows_without_that_cost() -> None:
    with real_focus_sample().open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        items = list(FocusReader(lines, SourceTerms(CostBasis.CONTRACTED)))
    faults = [item for item in items if isinstance(item, RowFault)]
    assert len(faults) == 7
    assert {fault.reason for fault in faults} == {"ContractedCost is empty, but is the cost basis of this source"}


def test_columns_are_matched_whatever_their_order_and_others_are_ignored() -> None:
    names = ["x_Extra", *reversed(NEEDED)]
    text = ",".join(names) + "\n" + ",".join({**NEEDED, "x_Extra": "1"}[name] for name in names) + "\n"
    ((line, row),), faults = read(text)
    assert (line, row.billed_cost, row.service_name, faults) == (2, D("10.00"), "Virtual Servers", [])


def test_null_and_nothing_are_empty() -> None:
    (rows, faults) = read(focus_csv({"ListCost": "NULL", "ResourceId": "NULL", "Tags": "NULL"}, {"ListCost": ""}))
    assert faults == []
    assert [(row.list_cost, row.resource_id, row.tags) for _, row in rows] == [(None, None, {}), (None, None, {})]


@pytest.mark.parametrize(
    "text",
    [
        "2024-09-01 00:00:00",
        "2024-09-01T00:00:00",
        "2024-09-01T00:00:00Z",
        "2024-09-01T02:00:00+02:00",
        "2024-09-01T00:00:00.000Z",
        "2024-09-01",
    ],
)
def test_timestamps_with_and_without_t_and_zone(text: str) -> None:
    assert instant(text) == datetime(2024, 9, 1, tzinfo=UTC)
    assert instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["2024-13-01", "01.09.2024", "20240901", "2024-W36-1", "yesterday", "0001-01-01T00:00:00+14:00"],
)
def test_other_timestamps_are_faults(text: str) -> None:
    _, (fault,) = read(focus_csv({"ChargePeriodStart": text}))
    assert fault.line == 2
    assert fault.reason == f"ChargePeriodStart: {text!r} is not an ISO 8601 timestamp"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("$10,000.00 ", CurrencySign),
        ("10 EUR", CurrencySign),
        ("€5", CurrencySign),
        ("10,000.00", ThousandsSeparator),
        ("10,5", ThousandsSeparator),
        ("1 000", ThousandsSeparator),
        ("NaN", NotANumber),
        ("Infinity", NotANumber),
        ("-inf", NotANumber),
        ("sNaN", NotANumber),
        ("", NotANumber),
        ("1_000", NotANumber),
        ("١٢", NotANumber),
        ("1e999", TooManyDigits),
        ("1E-999", TooManyDigits),
        ("9" * 40, TooManyDigits),
        ("0." + "3" * 30, TooManyDigits),
    ],
)
def test_numbers_that_are_not_plain_have_named_refusals(text: str, refusal: type[NumberUnreadable]) -> None:
    with pytest.raises(refusal):
        exact_decimal(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.00000080000", "0.00000080000"), ("1.5E-7", "0.00000015"), ("-3", "-3"), ("+.5", "0.5"), ("12e3", "12000")],
)
def test_exact_numbers_keep_every_digit(text: str, number: str) -> None:
    assert f"{exact_decimal(text):f}" == number


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ({"BilledCost": "$10,000.00 "}, "BilledCost: '$10,000.00 ' carries a currency sign"),
        ({"BilledCost": "NULL"}, "BilledCost is empty"),
        ({"EffectiveCost": "n/a"}, "EffectiveCost: 'n/a' is not a number"),
        ({"BillingCurrency": "usd"}, "BillingCurrency: 'usd' is not an ISO 4217 code"),
        ({"ChargePeriodEnd": "2026-10-01"}, "ChargePeriodEnd lies before ChargePeriodStart"),
        ({"Tags": "{not json"}, "Tags is not JSON"),
        ({"Tags": "[1]"}, "Tags is not a JSON object"),
        ({"Tags": '{"a": {"b": 1}}'}, "Tags: 'a' is not a scalar"),
        ({"Tags": "[" * 100_000}, "Tags is not JSON"),
        ({"ServiceName": "x" * 3000}, "ServiceName is longer than 2048 characters"),
        ({"ServiceName": "a\0b"}, "the row holds a NUL character"),
        ({"ServiceName": "a\udcffb"}, "the row is not UTF-8"),
    ],
)
def test_a_bad_row_is_a_fault_and_the_good_rows_are_kept(override: dict[str, str], reason: str) -> None:
    rows, faults = read(focus_csv({}, override, {}))
    assert [line for line, _ in rows] == [2, 4]
    assert faults == [RowFault(3, reason)]


def test_mixed_currencies_are_refused_row_by_row() -> None:
    rows, faults = read(focus_csv({}, {"BillingCurrency": "EUR"}, {}))
    assert len(rows) == 2
    assert faults[0].line == 3
    assert faults[0].reason.startswith("BillingCurrency: EUR in a file in USD; mixed currencies need an exchange rate")


def test_lines_are_right_after_a_field_with_a_line_break() -> None:
    rows, faults = read(focus_csv({"ServiceName": "two\nlines"}, {"BilledCost": "x"}, {}))
    assert [(line, row.service_name) for line, row in rows] == [(3, "two\nlines"), (5, "Virtual Servers")]
    assert [fault.line for fault in faults] == [4]


def test_rows_of_the_wrong_width_broken_quotes_and_empty_lines() -> None:
    good = focus_csv({})
    header, row = good.splitlines()
    text = "\n".join([header, row, "", row + ",extra", '"half" quoted,1', row]) + "\n"
    rows, faults = read(text)
    assert [line for line, _ in rows] == [2, 6]
    assert faults[0] == RowFault(4, "10 fields expected, 11 found")
    assert faults[1].line == 5
    assert faults[1].reason.startswith("not CSV: ")


def test_a_quote_that_never_closes_ends_in_a_fault_not_in_memory() -> None:
    header, row = focus_csv({}).splitlines()
    rows, faults = read("\n".join([header, row, '"open,' + row, *[row] * 5000]) + "\n")
    assert faults
    assert all("not CSV" in fault.reason or "fields expected" in fault.reason for fault in faults)
    assert rows[0][0] == 2


def test_tags_keep_digits_and_scalars() -> None:
    ((_, row),), _ = read(focus_csv({"Tags": '{"a": 1.10, "b": true, "c": null, "business_unit": "Retail", "d": NaN}'}))
    assert row.tags == {"a": "1.10", "b": "true", "c": "null", "business_unit": "Retail", "d": "NaN"}


def test_a_file_without_its_columns_is_refused_as_a_whole() -> None:
    with pytest.raises(FocusColumnsMissing) as caught:
        read("ServiceName,BilledCost\nx,1\n")
    assert "EffectiveCost" in {fault.pointer for fault in caught.value.faults}
    with pytest.raises(FocusColumnsMissing, match="ContractedCost"):
        read(focus_csv({}), CostBasis.CONTRACTED)
    for text in ("", "\n", ",,\n", "BilledCost,billedcost\n"):
        with pytest.raises(FocusHeaderUnreadable):
            read(text)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(LineTooLong, match="line 2"):
        list(bounded_lines(io.StringIO("header\n" + "x" * 3_000_000, newline="")))
    assert list(bounded_lines(io.StringIO('a\r\n"b\n', newline=""))) == ["a\r\n", '"b\n']


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ('{"a": "\\ud800"}', "Tags holds half a surrogate pair, which is no character"),
        ('{"\\udc00": "a"}', "Tags holds half a surrogate pair, which is no character"),
        ('{"a": "x\\u0000"}', "Tags holds a NUL character"),
        ('{"a\\u0000": true}', "Tags holds a NUL character"),
    ],
)
def test_a_tag_whose_escapes_no_database_can_hold_is_its_rows_fault(tags: str, reason: str) -> None:
    rows, faults = read(focus_csv({}, {"Tags": tags}, {"Tags": '{"a": "\\ud83d\\ude00"}'}))
    assert faults == [RowFault(3, reason)]
    assert [row.tags for _, row in rows] == [{}, {"a": "\U0001f600"}]


def test_empty_lines_are_told_now_and_then_and_all_characters_are_counted() -> None:
    text = focus_csv({}) + "\n" * 25_000 + focus_csv({}).splitlines()[1] + "\n"
    reader = FocusReader(io.StringIO(text, newline=""), SourceTerms(CostBasis.EFFECTIVE))
    items = list(reader)
    assert [item if isinstance(item, EmptyLines) else item[0] for item in items if not isinstance(item, RowFault)] == [
        2,
        EmptyLines(10_002),
        EmptyLines(20_002),
        25_003,
    ]
    assert reader.characters == len(text)
