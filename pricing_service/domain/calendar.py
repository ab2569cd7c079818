"""The fiscal calendar: how the organisation cuts time into years, quarters and billing periods.

| scheme | a year | a period |
|---|---|---|
| months | twelve calendar months from the start month on | "2026-10": that month |
| 4-4-5, 4-5-4, 5-4-4 | weeks, from the weekday nearest to the start month's 1st on | "2026-P07": the year's seventh |

Week schemes have 52 weeks, or 53 where the next year begins a week later; the last period takes the 53rd.
A fiscal year is named by the calendar year in which it ends, or begins, as the organisation says.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from pricing_service.domain.periods import Period
from services.errors import Fault, Invalid

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_WEEKS = re.compile(r"(\d{4})-P(0[1-9]|1[0-2])", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 2, 9990
FIRST_BOOKABLE, LAST_BOOKABLE = 1970, 2200  # fiscal years
UTC_ZONE = ZoneInfo("UTC")


class PeriodUnreadable(Invalid): ...


class PeriodNotBookable(Invalid): ...


class Scheme(StrEnum):
    MONTHS = "months"
    WEEKS_445 = "4-4-5"
    WEEKS_454 = "4-5-4"
    WEEKS_544 = "5-4-4"


class YearName(StrEnum):
    """Which calendar year names a fiscal year."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """Raises PeriodUnreadable wherever a text is no period of it."""

    scheme: Scheme = Scheme.MONTHS
    start_month: int = 1
    year_named_by: YearName = YearName.END
    first_weekday: int = 0  # Monday; of week schemes alone
    zone: ZoneInfo = UTC_ZONE

    def parse(self, text: str, *, pointer: str = "/period") -> Period:
        """From a period's name."""
        by_months = self.scheme is Scheme.MONTHS
        match = (_MONTH if by_months else _WEEKS).fullmatch(text)
        if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
            wanted = "a calendar month such as 2026-10" if by_months else "a fiscal period such as 2026-P07"
            raise PeriodUnreadable(
                f"{text[:20]!r} is not a billing period", faults=[Fault(pointer, f"must be {wanted}")]
            )
        if by_months:
            return self.of_day(date(int(match[1]), int(match[2]), 1))
        return self.periods_of_year(int(match[1]))[int(match[2]) - 1]

    def parse_quarter(self, text: str, *, pointer: str = "/quarter") -> list[Period]:
        """The three periods of a fiscal quarter, from "2026-Q3"."""
        match = _QUARTER.fullmatch(text)
        if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
            raise PeriodUnreadable(
                f"{text[:20]!r} is not a fiscal quarter", faults=[Fault(pointer, "must be such as 2026-Q3")]
            )
        return [period for period in self.periods_of_year(int(match[1])) if period.quarter == int(match[2])]

    def of(self, moment: datetime) -> Period:
        """The period that an instant with a zone falls into."""
        return self.of_day(moment.astimezone(self.zone).date())

    def of_day(self, day: date) -> Period:
        in_reach = _FIRST_YEAR <= day.year <= _LAST_YEAR
        # A week may begin or end a fiscal year across New Year.
        for year in (day.year, day.year + 1, day.year - 1) if in_reach else ():
            for period in self.periods_of_year(year):
                if period.first_day <= day < period.end_day:
                    return period
        raise PeriodUnreadable(f"{day} lies outside the fiscal calendar", faults=[Fault("", "lies outside it")])

    def next(self, period: Period) -> Period:
        return self.of_day(period.end_day)

    def previous(self, period: Period) -> Period:
        return self.of_day(period.first_day - timedelta(days=1))

    def periods_of_year(self, fiscal_year: int) -> tuple[Period, ...]:
        """Its twelve periods, in order; they follow each other without a gap."""
        return _periods_of_year(self, fiscal_year)

    def periods_left(self, now: datetime, *, fiscal_year: int) -> int:
        """Periods of the fiscal year from that of `now` on, that one included: 0 to 12."""
        today = now.astimezone(self.zone).date()
        return sum(period.end_day > today for period in self.periods_of_year(fiscal_year))

    def year_start(self, fiscal_year: int) -> date:
        year = fiscal_year
        if self.year_named_by is YearName.END and self.start_month > 1:
            year -= 1
        first = date(year, self.start_month, 1)
        if self.scheme is Scheme.MONTHS:
            return first
        ahead = (self.first_weekday - first.weekday()) % 7
        return first + timedelta(days=ahead if ahead <= 3 else ahead - 7)


def refuse_unbookable(period: Period, *, pointer: str = "/period") -> None:
    """Raise PeriodNotBookable where amounts may not be booked."""
    if not FIRST_BOOKABLE <= period.fiscal_year <= LAST_BOOKABLE:
        raise PeriodNotBookable(
            f"nothing can be booked in {period}: not in the fiscal years {FIRST_BOOKABLE} to {LAST_BOOKABLE}",
            faults=[Fault(pointer, f"must lie in the fiscal years {FIRST_BOOKABLE} to {LAST_BOOKABLE}")],
        )


@lru_cache(maxsize=256)
def _periods_of_year(calendar: FiscalCalendar, fiscal_year: int) -> tuple[Period, ...]:
    first, end = calendar.year_start(fiscal_year), calendar.year_start(fiscal_year + 1)
    if calendar.scheme is Scheme.MONTHS:
        months = [first.year * 12 + first.month - 1 + index for index in range(13)]
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
        names = [f"{day.year:04}-{day.month:02}" for day in days]
    else:
        weeks = [int(week) for week in calendar.scheme.value.split("-")] * 4
        days = [first]
        for count in weeks[:-1]:
            days.append(days[-1] + timedelta(weeks=count))
        days.append(end)  # 52 or 53 weeks after the first
        names = [f"{fiscal_year:04}-P{number:02}" for number in range(1, 13)]
    return tuple(
        Period(names[index], fiscal_year, index + 1, days[index], days[index + 1], calendar.zone) for index in range(12)
    )
