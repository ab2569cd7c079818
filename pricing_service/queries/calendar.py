"""Reads of the fiscal calendar and of which periods are closed."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.periods import Period
from pricing_service.tables import FiscalCalendarRow, PeriodState

CLOSED = "closed"


async def fiscal_calendar(session: AsyncSession) -> FiscalCalendar:
    """The organisation's calendar; calendar months in UTC until it sets one."""
    row: FiscalCalendarRow | None = await session.scalar(select(FiscalCalendarRow))
    return FiscalCalendar() if row is None else row.calendar


async def closed_period_names(session: AsyncSession) -> set[str]:
    return set(await session.scalars(select(PeriodState.name).where(PeriodState.state == CLOSED)))


async def is_closed(session: AsyncSession, period: Period) -> bool:
    return await session.scalar(select(PeriodState.state).where(PeriodState.name == period.name)) == CLOSED


async def earliest_open(session: AsyncSession, calendar: FiscalCalendar, period: Period) -> Period:
    """`period` if it is open, else the first open one after it: where what comes late is booked."""
    closed = await closed_period_names(session)
    while period.name in closed:
        period = calendar.next(period)
    return period
