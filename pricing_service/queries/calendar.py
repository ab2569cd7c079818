"""Reads of the fiscal calendar and of which periods are closed.

Periods close in the order of time, so everything up to the newest closed one is closed, also a period in which
nothing ever happened and which nobody closed by name.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.periods import Period, PeriodStatus
from pricing_service.tables import FiscalCalendarRow, PeriodState


async def fiscal_calendar(session: AsyncSession) -> FiscalCalendar:
    """The organisation's calendar; calendar months in UTC until it sets one."""
    row: FiscalCalendarRow | None = await session.scalar(select(FiscalCalendarRow))
    return FiscalCalendar() if row is None else row.calendar


async def reporting_currency(session: AsyncSession) -> str | None:
    """The one currency in which all is added up; None until it is set."""
    currency: str | None = await session.scalar(select(FiscalCalendarRow.reporting_currency))
    return currency


async def closed_through(session: AsyncSession) -> str | None:
    """The name of the newest closed period: it and all before it refuse rows."""
    newest: str | None = await session.scalar(
        select(func.max(PeriodState.name)).where(PeriodState.state == PeriodStatus.CLOSED)
    )
    return newest


async def is_closed(session: AsyncSession, period: Period) -> bool:
    newest = await closed_through(session)
    return newest is not None and period.name <= newest


async def earliest_open(session: AsyncSession, calendar: FiscalCalendar, period: Period) -> Period:
    """`period` if it is open, else the first open one after it: where what comes late is booked."""
    newest = await closed_through(session)
    return period if newest is None or period.name > newest else calendar.next(calendar.parse(newest))
