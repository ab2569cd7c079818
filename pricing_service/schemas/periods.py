"""The fiscal calendar, its periods and their closing."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from pricing_service.domain.calendar import Scheme, YearName
from services.http import Body, CurrencyCode, DecimalString, Read

Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*\S[^\x00]*$"),
    Field(examples=["the invoice of September came in"]),
]


class FiscalCalendarPut(Body):
    """Two calendars that cut time differently cannot both be right: once something rests on one, it stays."""

    scheme: Scheme = Field(description="months; or weeks: 4-4-5, 4-5-4, 5-4-4")
    start_month: int = Field(ge=1, le=12, description="In which the fiscal year begins")
    year_named_by: YearName = Field(
        default=YearName.END, description="Whether the calendar year in which it ends, or starts, names a fiscal year"
    )
    first_weekday: int = Field(default=0, ge=0, le=6, description="Of week schemes: 0 is Monday, 6 is Sunday")
    time_zone: str = Field(
        default="UTC", min_length=1, max_length=60, description="Which day it is; IANA", examples=["Europe/Zurich"]
    )
    reporting_currency: CurrencyCode | None = Field(
        default=None, description="In which costs of several currencies are added up; null until it is set"
    )


class FiscalCalendarRead(Read):
    scheme: Scheme
    start_month: int
    year_named_by: YearName
    first_weekday: int
    time_zone: str
    reporting_currency: str | None


class PeriodRead(Read):
    """A billing period. It is closed when it, or a later one, was closed."""

    name: str
    fiscal_year: int
    number: int = Field(description="Within the fiscal year, from 1")
    quarter: str = Field(examples=["2026-Q3"])
    first_day: date
    last_day: date
    days: int
    starts_at: datetime
    ends_at: datetime = Field(description="The first instant that no longer belongs to it")
    state: str = Field(description="open or closed")
    closed_at: datetime | None = Field(description="When it was closed last, itself; null where only a later one was")
    reopened_at: datetime | None
    reopened_reason: str | None


class NotHeldAgain(Read):
    """What an accepted quote held in the period before its close, and its hard budget does not have any more."""

    budget_id: UUID
    quote_id: UUID
    number: str = Field(description="The quote's")
    amount: DecimalString
    reason: str


class PeriodReopened(PeriodRead):
    not_held_again: list[NotHeldAgain]


class PeriodList(Read):
    items: list[PeriodRead]


class FindingRead(Read):
    check: str = Field(examples=["earlier-period-open"])
    message: str
    remedy: str = Field(description="What to do about it")


class ClosingRead(Read):
    """What closing the period would meet."""

    period: PeriodRead
    can_close: bool
    blockers: list[FindingRead] = Field(description="Each keeps the period from closing")
    warnings: list[FindingRead] = Field(description="Worth a look; they block nothing")


class PeriodReopen(Body):
    reason: Reason
