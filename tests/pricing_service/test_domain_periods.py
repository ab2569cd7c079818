"""Periods, days, and that the parts of a proration add up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.calendar import FiscalCalendar, PeriodUnreadable, Scheme, YearName
from pricing_service.domain.periods import Period, split_days
from pricing_service.domain.prices import Charge, PerUnit, Split, price
from services.money import exact_total, largest_remainder

D = Decimal
MONTHS = FiscalCalendar()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_period_is_half_open() -> None:
    october = MONTHS.parse("2026-10")
    assert (str(october), october.days, MONTHS.next(october), october.first_day) == (
        "2026-10",
        31,
        MONTHS.parse("2026-11"),
        date(2026, 10, 1),
    )
    assert at("2026-10-01") in october
    assert at("2026-11-01") not in october
    assert at("2026-10-31T23:59:59.999999") in october
    assert MONTHS.next(MONTHS.parse("2026-12")) == MONTHS.parse("2027-01")
    assert MONTHS.of(datetime.fromisoformat("2026-11-01T00:30:00+02:00")) == october


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "2026-10-01", "26-10", "", "0000-01", "9999-12", "2026-P07", "2026-1٠"]
)
def test_other_texts_are_refused_by_name(text: str) -> None:
    with pytest.raises(PeriodUnreadable) as caught:
        MONTHS.parse(text)
    assert caught.value.faults[0].pointer == "/period"


def test_the_first_day_counts_and_the_last_does_not() -> None:
    november = MONTHS.parse("2026-11")
    (split,) = split_days(november, active_from=at("2026-11-10T15:00"), active_until=at("2026-11-20T09:00"))
    assert (split.days, split.share, split.reason) == (10, Fraction(10, 30), "10/30 days")
    assert split_days(november, active_from=at("2026-12-01")) == []
    assert split_days(november, active_from=at("2026-01-01"), active_until=at("2026-11-01")) == []
    assert split_days(november, active_from=at("2026-11-05"), active_until=at("2026-11-05T23:00")) == []


def test_a_change_splits_from_its_day_on() -> None:
    november = MONTHS.parse("2026-11")
    splits = split_days(november, active_from=at("2026-01-01"), changes=[at("2026-11-16T12:00"), at("2026-11-01")])
    assert [(s.start.day, s.days) for s in splits] == [(1, 15), (16, 15)]


def test_months_left_of_a_fiscal_year() -> None:
    assert [
        MONTHS.periods_left(at(day), fiscal_year=2026)
        for day in ("2025-06-01", "2026-01-31", "2026-11-24", "2027-01-01")
    ] == [
        12,
        12,
        2,
        0,
    ]


calendars = st.builds(
    FiscalCalendar,
    st.sampled_from(Scheme),
    st.integers(1, 12),
    st.sampled_from(YearName),
    st.integers(0, 6),
    st.sampled_from([ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Auckland")]),
)
periods = st.builds(lambda calendar, day: calendar.of_day(day), calendars, st.dates(date(2000, 1, 1), date(2100, 1, 1)))


@given(calendars, st.dates(date(1990, 1, 1), date(2150, 1, 1)))
def test_every_day_is_in_one_period_and_periods_follow_each_other(calendar: FiscalCalendar, day: date) -> None:
    period = calendar.of_day(day)
    assert period.first_day <= day < period.end_day
    assert calendar.parse(period.name) == period
    after = calendar.next(period)
    assert (after.first_day, calendar.previous(after)) == (period.end_day, period)
    assert after.name > period.name
    assert 1 <= period.number <= 12 and period in calendar.periods_of_year(period.fiscal_year)
    assert period.start in period and period.end not in period


@given(calendars, st.integers(1990, 2150))
def test_a_year_is_twelve_periods_without_a_gap(calendar: FiscalCalendar, year: int) -> None:
    periods = calendar.periods_of_year(year)
    assert len(periods) == 12
    assert periods[-1].end_day == calendar.periods_of_year(year + 1)[0].first_day
    if calendar.scheme is not Scheme.MONTHS:
        assert periods[0].first_day.weekday() == calendar.first_weekday
        assert (periods[-1].end_day - periods[0].first_day).days in (364, 371)
    quarters = [calendar.parse_quarter(f"{year}-Q{quarter}") for quarter in range(1, 5)]
    assert [period for quarter in quarters for period in quarter] == list(periods)


def test_a_day_belongs_to_the_billing_time_zone() -> None:
    auckland = FiscalCalendar(zone=ZoneInfo("Pacific/Auckland"))
    assert str(auckland.of(at("2026-10-31T12:00"))) == "2026-11"
    assert auckland.parse("2026-11").start == at("2026-10-31T11:00")


def test_a_july_year_of_weeks() -> None:
    calendar = FiscalCalendar(Scheme.WEEKS_445, start_month=7, year_named_by=YearName.END)
    first = calendar.parse("2027-P01")
    assert (first.first_day, first.days, first.fiscal_year) == (date(2026, 6, 29), 28, 2027)
    assert [period.days // 7 for period in calendar.periods_of_year(2027)] == [4, 4, 5] * 4
    with pytest.raises(PeriodUnreadable, match="not a billing period"):
        calendar.parse("2026-10")


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
