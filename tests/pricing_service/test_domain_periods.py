"""Periods, days, and that the parts of a proration add up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.periods import Period, PeriodUnreadable, months_left, split_days
from pricing_service.domain.prices import Charge, PerUnit, Split, price
from services.money import exact_total, largest_remainder

D = Decimal


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_period_is_half_open() -> None:
    october = Period.parse("2026-10")
    assert (str(october), october.days, october.next, october.first_day) == (
        "2026-10",
        31,
        Period(2026, 11),
        date(2026, 10, 1),
    )
    assert at("2026-10-01") in october
    assert at("2026-11-01") not in october
    assert at("2026-10-31T23:59:59.999999") in october
    assert Period.parse("2026-12").next == Period(2027, 1)
    assert Period.of(datetime.fromisoformat("2026-11-01T00:30:00+02:00")) == october


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "2026-10-01", "26-10", "", "0000-01", "9999-12", "2026-1٠"])
def test_other_texts_are_refused_by_name(text: str) -> None:
    with pytest.raises(PeriodUnreadable) as caught:
        Period.parse(text)
    assert caught.value.faults[0].pointer == "/period"


def test_the_first_day_counts_and_the_last_does_not() -> None:
    november = Period.parse("2026-11")
    (split,) = split_days(november, active_from=at("2026-11-10T15:00"), active_until=at("2026-11-20T09:00"))
    assert (split.days, split.share, split.reason) == (10, Fraction(10, 30), "10/30 days")
    assert split_days(november, active_from=at("2026-12-01")) == []
    assert split_days(november, active_from=at("2026-01-01"), active_until=at("2026-11-01")) == []
    assert split_days(november, active_from=at("2026-11-05"), active_until=at("2026-11-05T23:00")) == []


def test_a_change_splits_from_its_day_on() -> None:
    november = Period.parse("2026-11")
    splits = split_days(november, active_from=at("2026-01-01"), changes=[at("2026-11-16T12:00"), at("2026-11-01")])
    assert [(s.start.day, s.days) for s in splits] == [(1, 15), (16, 15)]


def test_months_left_of_a_fiscal_year() -> None:
    assert [
        months_left(at(day), fiscal_year=2026) for day in ("2025-06-01", "2026-01-31", "2026-11-24", "2027-01-01")
    ] == [
        12,
        12,
        2,
        0,
    ]


periods = st.builds(Period, st.integers(2000, 2100), st.integers(1, 12))


@given(periods, st.lists(st.timedeltas(timedelta(days=-40), timedelta(days=40)), max_size=6), st.integers(1, 10**9))
def test_proration_parts_add_up(period: Period, shifts: list[timedelta], cents: int) -> None:
    splits = split_days(period, active_from=at("1999-01-01"), changes=[period.start + shift for shift in shifts])
    assert sum((split.share for split in splits), Fraction(0)) == 1
    assert [split.end for split in splits[:-1]] == [split.start for split in splits[1:]]
    amount = D(cents).scaleb(-2)
    parts = largest_remainder(amount, {split: D(split.days) for split in splits}, places=2)
    assert exact_total(list(parts.values())) == amount
    # Lines are rounded one by one: a split period never differs from the whole by more than half a cent a line.
    lines = [price(Charge(PerUnit(amount)), D(1), "USD", Split(s.share, s.reason)).total for s in splits]
    assert abs(exact_total(lines) - amount) <= D("0.005") * len(splits)
