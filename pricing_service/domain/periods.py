"""Billing periods: calendar months in UTC, half-open, and how a period splits into days.

A subscription is charged by actual days: the day it starts counts, the day it ends does not. Each change of
a price splits the period; the shares of all splits of a whole period are 1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise

from services.errors import Fault, Invalid

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


class PeriodUnreadable(Invalid): ...


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A calendar month, from its first instant up to but not including the next month's."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str, *, pointer: str = "/period") -> "Period":
        """From "2026-10". Raises PeriodUnreadable."""
        match = _MONTH.fullmatch(text)
        if match is None or not 1 <= int(match[1]) <= 9998:
            raise PeriodUnreadable(
                f"{text[:20]!r} is not a billing period",
                faults=[Fault(pointer, "must be a calendar month such as 2026-10")],
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, moment: datetime) -> "Period":
        """The period that an instant with a zone falls into."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def next(self) -> "Period":
        return Period(self.year + 1, 1) if self.month == 12 else Period(self.year, self.month + 1)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def end_day(self) -> date:
        """The first day that no longer belongs to it."""
        return self.next.first_day

    @property
    def days(self) -> int:
        return (self.end_day - self.first_day).days

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.next.start

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class DaySplit:
    """Days of a period, half-open, with one price."""

    period: Period
    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def share(self) -> Fraction:
        return Fraction(self.days, self.period.days)

    @property
    def reason(self) -> str:
        return f"{self.days}/{self.period.days} days"

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment.astimezone(UTC).date() < self.end


def split_days(
    period: Period,
    *,
    active_from: datetime,
    active_until: datetime | None = None,
    changes: Iterable[datetime] = (),
) -> list[DaySplit]:
    """The days of `period` between `active_from` and `active_until`, cut at each of `changes`.

    A change counts from its day on. Empty where nothing of the period is active.
    """
    start = max(period.first_day, active_from.astimezone(UTC).date())
    end = period.end_day if active_until is None else min(period.end_day, active_until.astimezone(UTC).date())
    if start >= end:
        return []
    inner = {day for change in changes if start < (day := change.astimezone(UTC).date()) < end}
    days = [start, *sorted(inner), end]
    return [DaySplit(period, first, last) for first, last in pairwise(days)]


def months_left(now: datetime, *, fiscal_year: int) -> int:
    """Periods of the fiscal year (the calendar year, for now) from that of `now` on, that one included: 0 to 12."""
    current = Period.of(now)
    if current.year > fiscal_year:
        return 0
    return 12 if current.year < fiscal_year else 13 - current.month
