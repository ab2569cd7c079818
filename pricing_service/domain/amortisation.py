"""Amortisation of prepaid and capital cost: straight line over periods, each share whole units, which add up.

    by periods  every period bears the same
    by days     every day that is covered bears the same, so a period bears its covered days

What does not divide goes by the largest remainder, so that the shares are the amount to the last unit.

ScheduleUnclear
├── TermUnclear          periods and end_date, or neither; a start date although days do not count
├── EndBeforeStart
├── StartOutsidePeriod   the start date lies outside the first period
└── ScheduleTooLong      more than MOST_PERIODS
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.periods import Period
from services.errors import Fault, Invalid
from services.money import exponent, largest_remainder

MOST_PERIODS = 600


class ScheduleUnclear(Invalid): ...


class TermUnclear(ScheduleUnclear): ...


class EndBeforeStart(ScheduleUnclear): ...


class StartOutsidePeriod(ScheduleUnclear): ...


class ScheduleTooLong(ScheduleUnclear): ...


class Method(StrEnum):
    STRAIGHT_LINE = "straight_line"


class By(StrEnum):
    PERIODS = "periods"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Term:
    """The periods that bear the amount, and the days that are covered, both ends included."""

    periods: Sequence[Period]
    first_day: date
    last_day: date

    def days(self, period: Period) -> int:
        """How many days of the period are covered."""
        return (min(period.last_day, self.last_day) - max(period.first_day, self.first_day)).days + 1


def term(
    calendar: FiscalCalendar,
    first: Period,
    *,
    by: By,
    count: int | None = None,
    end_date: date | None = None,
    start_date: date | None = None,
) -> Term:
    """From the first period on: `count` periods, or through `end_date`. Raises one of the refusals above."""
    if (count is None) == (end_date is None):
        raise TermUnclear("say either how many periods or the end date", faults=[Fault("/periods", "or /end_date")])
    if start_date is not None and by is By.PERIODS:
        raise TermUnclear("by periods, the days do not count", faults=[Fault("/start_date", "only with days")])
    if start_date is not None and not first.first_day <= start_date < first.end_day:
        raise StartOutsidePeriod(
            f"{start_date} lies outside {first}",
            faults=[Fault("/start_date", f"must lie from {first.first_day} through {first.last_day}")],
        )
    start = start_date or first.first_day
    if end_date is not None and end_date < start:
        raise EndBeforeStart(f"{end_date} lies before {start}", faults=[Fault("/end_date", f"lies before {start}")])
    periods = [first]
    while len(periods) < count if count is not None else periods[-1].last_day < (end_date or start):
        if len(periods) == MOST_PERIODS:
            named = "/periods" if end_date is None else "/end_date"
            raise ScheduleTooLong(f"more than {MOST_PERIODS} periods", faults=[Fault(named, "is too far off")])
        periods.append(calendar.next(periods[-1]))
    return Term(periods, start, end_date or periods[-1].last_day)


def shares(amount: Decimal, currency: str, over: Term, *, by: By) -> dict[Period, Decimal]:
    """What each period bears of a positive amount; they add up to it."""
    weights = {period: Decimal(over.days(period) if by is By.DAYS else 1) for period in over.periods}
    return largest_remainder(amount, weights, places=exponent(currency))
