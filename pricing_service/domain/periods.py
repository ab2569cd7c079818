"""Billing periods as the fiscal calendar cuts them, half-open, and how a period splits into days.

A subscription is charged by actual days: the day it starts counts, the day it ends does not. Each change of
a price splits the period; the shares of all splits of a whole period are 1. Which day an instant falls on is
decided by the calendar's one billing time zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo


class PeriodStatus(StrEnum):
    """A closed period refuses rows."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From its first day up to but not including `end_day`. Names sort in the order of time; made by the calendar."""

    name: str  # "2026-10" where periods are calendar months, "2026-P07" (fiscal year, number) where they are weeks
    fiscal_year: int
    number: int  # within the fiscal year, from 1
    first_day: date
    end_day: date
    zone: ZoneInfo

    def __str__(self) -> str:
        return self.name

    @property
    def quarter(self) -> int:
        return (self.number + 2) // 3

    @property
    def days(self) -> int:
        return (self.end_day - self.first_day).days

    @property
    def last_day(self) -> date:
        return self.end_day - timedelta(days=1)

    @property
    def start(self) -> datetime:
        """Its first instant, in UTC."""
        return datetime.combine(self.first_day, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first instant that no longer belongs to it, in UTC."""
        return datetime.combine(self.end_day, time(), self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The day of an instant in the billing time zone."""
        return moment.astimezone(self.zone).date()

    def __contains__(self, moment: datetime) -> bool:
        return self.first_day <= self.day_of(moment) < self.end_day


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
        return self.start <= self.period.day_of(moment) < self.end


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
    start = max(period.first_day, period.day_of(active_from))
    end = period.end_day if active_until is None else min(period.end_day, period.day_of(active_until))
    if start >= end:
        return []
    inner = {day for change in changes if start < (day := period.day_of(change)) < end}
    days = [start, *sorted(inner), end]
    return [DaySplit(period, first, last) for first, last in pairwise(days)]
