"""The fiscal calendar as data, and the one rule that keeps a closed period as it is.

Whoever writes something that counts in a period calls `require_open` first, in the same transaction. It shares the
lock of the books (the calendar's row), which closing, reopening and changing the calendar take alone: so nothing
slips into a period while it is being closed (ADR-0011). SQLite has one writer anyway.
"""

from datetime import datetime

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.calendar import FiscalCalendar, refuse_unbookable
from pricing_service.domain.periods import Period, PeriodStatus
from pricing_service.domain.zones import time_zone
from pricing_service.schemas.periods import FiscalCalendarPut, PeriodRead
from pricing_service.tables import (
    AllocationRun,
    AllocationSource,
    Base,
    FiscalCalendarRow,
    PeriodState,
    UsageEvent,
)
from pricing_service.tables.calendar import THE_CALENDAR
from services.errors import Conflict, Fault, Invalid
from services.http import check_version

MOST_PERIODS = 120
# A table with one of these columns holds what the calendar as it is has put into a period or onto a day.
PUT_INTO_PERIODS = frozenset({"period", "fiscal_year", "first_period"})
ALSO_RESTING_ON_TIME = frozenset({UsageEvent.__tablename__, PeriodState.__tablename__})
CUTS_TIME = ("scheme", "start_month", "year_named_by", "first_weekday", "time_zone")


class PeriodClosed(Conflict): ...


class CalendarInUse(Conflict): ...


class ReportingCurrencyInUse(Conflict): ...


class PeriodsOutOfOrder(Invalid): ...


class TooManyPeriods(Invalid): ...


async def share_books(session: AsyncSession) -> None:
    """Until this transaction ends, nobody closes or reopens a period."""
    await session.execute(select(FiscalCalendarRow.id).with_for_update(read=True))


async def require_open(session: AsyncSession, period: Period, pointer: str = "/period") -> None:
    """Raises PeriodClosed; until this transaction ends, nobody closes the period either."""
    await share_books(session)
    if await queries.is_closed(session, period):
        calendar = await queries.fiscal_calendar(session)
        open_one = await queries.earliest_open(session, calendar, period)
        raise PeriodClosed(
            f"{period} is closed",
            faults=[Fault(pointer, f"is closed: book into {open_one}, the earliest open period, or reopen it")],
        )


def bookable(calendar: FiscalCalendar, name: str, *, pointer: str = "/period") -> Period:
    """The period of that name, for amounts. Raises PeriodUnreadable, PeriodNotBookable."""
    period = calendar.parse(name, pointer=pointer)
    refuse_unbookable(period, pointer=pointer)
    return period


async def books(session: AsyncSession) -> FiscalCalendarRow:
    """The calendar's row, locked: nobody else writes into a period, closes one or changes the calendar meanwhile."""
    query = select(FiscalCalendarRow).with_for_update().execution_options(populate_existing=True)
    row: FiscalCalendarRow | None = await session.scalar(query)
    if row is None:
        row = default_calendar()
        session.add(row)
        await session.flush()
    return row


async def calendar_row(session: AsyncSession) -> FiscalCalendarRow:
    row: FiscalCalendarRow | None = await session.scalar(select(FiscalCalendarRow))
    return row or default_calendar()


def default_calendar() -> FiscalCalendarRow:
    plain = FiscalCalendar()
    return FiscalCalendarRow(
        id=THE_CALENDAR,
        version=1,
        scheme=plain.scheme,
        start_month=plain.start_month,
        year_named_by=plain.year_named_by,
        first_weekday=plain.first_weekday,
        time_zone=plain.zone.key,
        reporting_currency=None,
    )


async def set_calendar(
    session: AsyncSession, body: FiscalCalendarPut, *, if_match: frozenset[int] | None
) -> FiscalCalendarRow:
    """Raises UnknownTimeZone, CalendarInUse, ReportingCurrencyInUse."""
    row = await books(session)
    check_version(row, if_match)
    time_zone(body.time_zone)
    wanted = body.model_dump()
    changed = [name for name in CUTS_TIME if getattr(row, name) != wanted[name]]
    if changed and (users := await _upon_time(session)):
        raise CalendarInUse(
            f"how time is cut can no longer change: {', '.join(users)} rest on it",
            faults=[Fault(f"/{name}", f"must stay {getattr(row, name)}") for name in changed],
        )
    before = row.reporting_currency
    if before is not None and before != body.reporting_currency and (users := await _upon_reporting_currency(session)):
        raise ReportingCurrencyInUse(
            f"the reporting currency can no longer change: {', '.join(users)} rest on it",
            faults=[Fault("/reporting_currency", f"must stay {before}")],
        )
    for name, value in wanted.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    return row


async def _upon_time(session: AsyncSession) -> list[str]:
    """The tables that rest on how time is cut and hold anything, in words."""
    tables = [
        table
        for table in Base.metadata.sorted_tables
        if PUT_INTO_PERIODS & set(table.c.keys()) or table.name in ALSO_RESTING_ON_TIME
    ]
    held = [table.name for table in tables if await session.scalar(select(literal(1)).select_from(table).limit(1))]
    return [name.replace("_", " ") for name in held]


async def _upon_reporting_currency(session: AsyncSession) -> list[str]:
    """What was converted into it, or closed upon it."""
    converted = (
        select(literal(1))
        .select_from(AllocationSource)
        .join(AllocationRun, AllocationRun.id == AllocationSource.run_id)
        .where(AllocationSource.currency != AllocationRun.currency)
    )
    users = {"converted costs": converted, "closed periods": select(literal(1)).select_from(PeriodState)}
    return [name for name, found in users.items() if await session.scalar(found.limit(1))]


async def periods_between(
    session: AsyncSession, first: str | None, last: str | None, *, now: datetime
) -> list[PeriodRead]:
    """From one period to another, both included; by default from the start, and to the end, of the fiscal year.

    Raises PeriodUnreadable, PeriodsOutOfOrder, TooManyPeriods.
    """
    calendar = await queries.fiscal_calendar(session)
    end = None if last is None else calendar.parse(last, pointer="to")
    if first is not None:
        begin = calendar.parse(first, pointer="from")
    else:
        begin = calendar.periods_of_year((end or calendar.of(now)).fiscal_year)[0]
    end = end or calendar.periods_of_year(begin.fiscal_year)[-1]
    if end < begin:
        raise PeriodsOutOfOrder(f"{end} lies before {begin}", faults=[Fault("to", f"must not lie before {begin}")])
    if 12 * (end.fiscal_year - begin.fiscal_year) + end.number - begin.number >= MOST_PERIODS:
        raise TooManyPeriods(f"at most {MOST_PERIODS} periods at once", faults=[Fault("to", "lies too far off")])
    span = [begin]
    while span[-1] < end:
        span.append(calendar.next(span[-1]))
    return await _read(session, span)


async def periods_of_year(session: AsyncSession, fiscal_year: int) -> list[PeriodRead]:
    calendar = await queries.fiscal_calendar(session)
    return await _read(session, list(calendar.periods_of_year(fiscal_year)))


async def _read(session: AsyncSession, periods: list[Period]) -> list[PeriodRead]:
    through = await queries.closed_through(session)
    names = [period.name for period in periods]
    query = select(PeriodState).where(PeriodState.name.in_(names))
    states = {state.name: state for state in await session.scalars(query)}
    return [period_read(period, states.get(period.name), through) for period in periods]


def period_read(period: Period, state: PeriodState | None, closed_through: str | None) -> PeriodRead:
    closed = closed_through is not None and period.name <= closed_through
    return PeriodRead(
        name=period.name,
        fiscal_year=period.fiscal_year,
        number=period.number,
        quarter=f"{period.fiscal_year:04}-Q{period.quarter}",
        first_day=period.first_day,
        last_day=period.last_day,
        days=period.days,
        starts_at=period.start,
        ends_at=period.end,
        state=PeriodStatus.CLOSED if closed else PeriodStatus.OPEN,
        closed_at=state.closed_at if state else None,
        reopened_at=state.reopened_at if state else None,
        reopened_reason=state.reason if state else None,
    )
