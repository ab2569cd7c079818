"""Usage of closed periods that no statement bills yet: noted when it happens, so that a rating run finds it at once.

Whoever writes usage calls `note_late` after it has written, in the same transaction. A close waits for the writers of
usage who are at work, so that each of them either sees the period closed, or has its usage seen by `note_unbilled`.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.domain.statement import StatementState
from pricing_service.tables import FiscalCalendarRow, KnownSubscription, LateUsage, Statement, StatementLine, UsageEvent
from services.db.upsert import upsert


async def note_late(session: AsyncSession, usage: Iterable[tuple[UUID, date]], arrival: Any) -> None:
    """Note of which subscriptions usage has come, or no longer counts, on days of closed periods."""
    closed_through = await queries.closed_through(session)
    if closed_through is None:
        return
    calendar = await queries.fiscal_calendar(session)
    closed_end = calendar.parse(closed_through).end_day
    late = {(calendar.of_day(day).name, id_) for id_, day in usage if day < closed_end}
    for name, id_ in sorted(late):
        note = upsert(session, LateUsage).values(period=name, subscription_id=id_, arrival=arrival)
        newest = {"arrival": note.excluded.arrival}
        await session.execute(note.on_conflict_do_update(index_elements=["period", "subscription_id"], set_=newest))


async def note_changed(session: AsyncSession, subscription_id: UUID, since: datetime) -> None:
    """Note that a subscription's history has changed in closed periods: they are rated anew, as for late usage."""
    await session.execute(select(FiscalCalendarRow.id).with_for_update(read=True))  # nobody closes one meanwhile
    closed_through = await queries.closed_through(session)
    if closed_through is None:
        return
    calendar = await queries.fiscal_calendar(session)
    last, period = calendar.parse(closed_through), calendar.of(since)
    while period.first_day <= last.first_day:
        note = upsert(session, LateUsage).values(period=period.name, subscription_id=subscription_id, arrival=0)
        await session.execute(note.on_conflict_do_nothing())
        period = calendar.next(period)


async def note_unit_changed(session: AsyncSession, business_unit_id: UUID, since: datetime) -> None:
    """The same for every subscription that the unit held since then."""
    await session.execute(select(FiscalCalendarRow.id).with_for_update(read=True))
    closed_through = await queries.closed_through(session)
    if closed_through is None:
        return
    closed_end = (await queries.fiscal_calendar(session)).parse(closed_through).end
    if since >= closed_end:
        return
    held = select(KnownSubscription.id, KnownSubscription.activated_at).where(
        KnownSubscription.business_unit_id == business_unit_id,
        KnownSubscription.activated_at < closed_end,
        or_(KnownSubscription.ended_at.is_(None), KnownSubscription.ended_at > since),
    )
    for subscription_id, activated_at in (await session.execute(held.order_by(KnownSubscription.id))).all():
        await note_changed(session, subscription_id, max(since, activated_at))


async def note_unbilled(session: AsyncSession, period: Period) -> None:
    """Note what no statement that stands bills of a period that is being closed."""
    await queries.cut_arrivals(session)
    arrival = func.max(func.coalesce(UsageEvent.withdrawn_arrival, UsageEvent.arrival))
    unbilled = _unbilled(period, literal(period.name), UsageEvent.subscription_id, arrival, drafts_too=False)
    columns = ["period", "subscription_id", "arrival"]
    note = upsert(session, LateUsage).from_select(columns, unbilled.group_by(UsageEvent.subscription_id))
    newest = {"arrival": note.excluded.arrival}  # it may have been noted at a close before it was reopened
    await session.execute(note.on_conflict_do_update(index_elements=["period", "subscription_id"], set_=newest))


async def count_unrated(session: AsyncSession, period: Period) -> int:
    """How many usage events of the period are on no statement, be it a draft, or still on one but count no longer."""
    return await session.scalar(_unbilled(period, func.count(), drafts_too=True)) or 0


def _unbilled(period: Period, *columns: Any, drafts_too: bool) -> Select[Any]:
    """Usage that came, or ceased to count, after what the lines of its subscription's statements knew of."""
    on_statement = StatementLine.service_period == period.name
    billed = (
        select(StatementLine.subscription_id, func.max(StatementLine.usage_upto).label("upto"))
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(on_statement if drafts_too else and_(on_statement, Statement.state != StatementState.DRAFT))
        .group_by(StatementLine.subscription_id)
        .subquery()
    )
    upto = func.coalesce(billed.c.upto, -1)
    return (
        select(*columns)
        .select_from(UsageEvent)
        .outerjoin(billed, billed.c.subscription_id == UsageEvent.subscription_id)
        .where(
            *queries.in_days(period.first_day, period.end_day),
            or_(
                and_(UsageEvent.arrival > upto, UsageEvent.counts),
                and_(UsageEvent.arrival <= upto, UsageEvent.withdrawn_arrival > upto),
            ),
        )
    )
