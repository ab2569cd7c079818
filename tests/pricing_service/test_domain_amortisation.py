"""Amortisation: shares add up to the last unit, over the periods of any calendar."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.amortisation import (
    By,
    EndBeforeStart,
    ScheduleTooLong,
    StartOutsidePeriod,
    TermUnclear,
    shares,
    term,
)
from pricing_service.domain.calendar import FiscalCalendar, Scheme, YearName
from services.errors import Refusal
from services.money import exact_total, exponent

D = Decimal
MONTHS = FiscalCalendar()

calendars = st.builds(
    FiscalCalendar,
    st.sampled_from(Scheme),
    st.integers(1, 12),
    st.sampled_from(YearName),
    st.integers(0, 6),
    st.sampled_from(["UTC", "Europe/Zurich", "Pacific/Apia", "America/St_Johns"]).map(ZoneInfo),
)
days = st.dates(date(1980, 1, 1), date(2100, 1, 1))


@given(calendars, days)
def test_the_periods_of_any_calendar_follow_each_other_without_a_gap(calendar: FiscalCalendar, day: date) -> None:
    period = calendar.of_day(day)
    assert period.first_day <= day <= period.last_day
    assert calendar.parse(period.name) == period
    assert calendar.previous(calendar.next(period)) == period
    year = calendar.periods_of_year(period.fiscal_year)
    assert len(year) == 12 and period in year
    assert sorted(one.name for one in year) == [one.name for one in year]  # names sort in the order of time
    for one, after in pairwise([calendar.previous(year[0]), *year, calendar.next(year[-1])]):
        assert one.end_day == after.first_day and one.end == after.start
        assert one.name < after.name
        assert 27 < one.days < 43
    total = sum(one.days for one in year)
    assert total in ((365, 366) if calendar.scheme is Scheme.MONTHS else (364, 371))
    assert [one.quarter for one in year] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    if calendar.scheme is not Scheme.MONTHS:
        assert {one.first_day.weekday() for one in year} == {calendar.first_weekday}


@given(
    calendars,
    days,
    st.decimals("0.01", "100000000", places=4),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(By),
    st.integers(1, 40),
    st.integers(0, 500),
)
def test_shares_add_up_to_the_last_unit(
    calendar: FiscalCalendar, day: date, amount: Decimal, currency: str, by: By, count: int, length: int
) -> None:
    first = calendar.of_day(day)
    start = day if by is By.DAYS else None
    for over in (
        term(calendar, first, by=by, count=count, start_date=start),
        term(calendar, first, by=by, end_date=day + timedelta(days=length), start_date=start),
    ):
        split = shares(amount, currency, over, by=by)
        assert exact_total(list(split.values())) == amount
        assert list(split) == list(over.periods)
        covered = [over.days(period) for period in over.periods]
        assert all(covered) and sum(covered) == (over.last_day - over.first_day).days + 1
        unit = D(1).scaleb(-exponent(currency))
        for period, share in split.items():
            weight = D(over.days(period)) / sum(covered) if by is By.DAYS else 1 / D(len(split))
            assert abs(share - amount * weight) <= 2 * unit  # one of rounding, one of what lies below the unit


def test_a_year_of_insurance() -> None:
    march = MONTHS.parse("2026-03")
    by_periods = term(MONTHS, march, by=By.PERIODS, count=12)
    assert (by_periods.first_day, by_periods.last_day) == (date(2026, 3, 1), date(2027, 2, 28))
    split = list(shares(D("1000.00"), "USD", by_periods, by=By.PERIODS).values())
    assert split == [D("83.34")] * 4 + [D("83.33")] * 8
    by_days = term(MONTHS, march, by=By.DAYS, start_date=date(2026, 3, 16), end_date=date(2026, 5, 10))
    assert [over.name for over in by_days.periods] == ["2026-03", "2026-04", "2026-05"]
    assert list(shares(D(56), "USD", by_days, by=By.DAYS).values()) == [16, 30, 10]


def test_an_unclear_term_is_refused_by_name() -> None:
    march = MONTHS.parse("2026-03")
    for refusal, pointer, options in (
        (TermUnclear, "/periods", {}),
        (TermUnclear, "/periods", {"count": 2, "end_date": date(2026, 5, 1)}),
        (TermUnclear, "/start_date", {"count": 2, "start_date": date(2026, 3, 2)}),
        (EndBeforeStart, "/end_date", {"end_date": date(2026, 2, 28)}),
        (EndBeforeStart, "/end_date", {"by": By.DAYS, "end_date": date(2026, 3, 9), "start_date": date(2026, 3, 10)}),
        (StartOutsidePeriod, "/start_date", {"by": By.DAYS, "count": 2, "start_date": date(2026, 4, 1)}),
        (ScheduleTooLong, "/end_date", {"end_date": date(2076, 3, 1)}),
        (ScheduleTooLong, "/periods", {"count": 601}),
    ):
        with pytest.raises(Refusal) as caught:
            term(MONTHS, march, **{"by": By.PERIODS, **options})  # type: ignore[arg-type]
        assert type(caught.value) is refusal
        assert caught.value.faults[0].pointer == pointer
    assert len(term(MONTHS, march, by=By.PERIODS, end_date=date(2076, 2, 29)).periods) == 600
