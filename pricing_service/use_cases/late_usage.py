"""What of closed periods no statement bills rightly yet: noted when it happens, so that a rating run finds it at once.

What changes an open period that was rated is noted too, and comes to bear where nobody rates it again before the close.

Whoever writes usage calls `note_late` after it has written, in the same transaction. A close waits for the writers of
usage who are at work, so that each of them either sees the period closed, or has its usage seen by `note_unbilled`.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SelectBase, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.domain.statement import StatementState
from pricing_service.tables import (
    FiscalCalendarRow,
    KnownSubscription,
    LateUsage,
    Statement,
    StatementLine,
    SubscriptionStep,
    UsageEvent,
)
from services.db.chassis_tables import Job
from services.db.upsert import upsert
from services.work.jobs import QUEUED, RUNNING

_KEY = ["period", "subscription_id"]


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
        await session.execute(note.on_conflict_do_update(index_elements=_KEY, set_=newest))


async def note_changed(session: AsyncSession, subscription_id: UUID, since: datetime) -> None:
    """Note that a subscription's history has changed in periods that are closed or rated: they are rated anew once
    they are closed, as for late usage."""
    await _note_rated(
        session, since, StatementLine.subscription_id == subscription_id, KnownSubscription.id == subscription_id
    )
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
    held_by_unit = KnownSubscription.business_unit_id == business_unit_id
    its = select(KnownSubscription.id).where(held_by_unit)
    await _note_rated(session, since, StatementLine.subscription_id.in_(its), held_by_unit)
    closed_through = await queries.closed_through(session)
    if closed_through is None:
        return
    closed_end = (await queries.fiscal_calendar(session)).parse(closed_through).end
    if since >= closed_end:
        return
    held = select(KnownSubscription.id, KnownSubscription.activated_at).where(
        held_by_unit,
        KnownSubscription.activated_at < closed_end,
        or_(KnownSubscription.ended_at.is_(None), KnownSubscription.ended_at > since),
    )
    for subscription_id, activated_at in (await session.execute(held.order_by(KnownSubscription.id))).all():
        await note_changed(session, subscription_id, max(since, activated_at))


async def note_repriced(session: AsyncSession, offering_id: UUID, since: datetime) -> None:
    """Note who has been charged by the offering's prices in periods that get another one; none of them is closed."""
    held = select(SubscriptionStep.id).where(SubscriptionStep.offering_id == offering_id)
    holders = or_(KnownSubscription.offering_id == offering_id, KnownSubscription.id.in_(held))
    await _note_rated(session, since, StatementLine.offering_id == offering_id, holders)


async def _note_rated(
    session: AsyncSession, since: datetime, lines: ColumnElement[bool], holders: ColumnElement[bool]
) -> None:
    """Note the periods from `since` on that statements hold lines of, and those that a run at work may yet draft."""
    await session.execute(select(FiscalCalendarRow.id).with_for_update(read=True))  # nobody closes one meanwhile
    calendar = await queries.fiscal_calendar(session)
    first = calendar.of(since).name
    # Jobs before lines: a run that ends in between has written its lines by then.
    at_work = select(Job.payload).where(Job.kind == "rating-run", Job.state.in_([QUEUED, RUNNING]))
    for payload in (await session.scalars(at_work)).all():
        rated = calendar.parse(payload["period"])
        for period in (rated, calendar.next(rated)):
            if period.name >= first:
                await _note(session, select(literal(period.name), KnownSubscription.id, literal(0)).where(holders))
    of_lines = select(StatementLine.service_period, StatementLine.subscription_id, literal(0))
    await _note(session, of_lines.where(lines, StatementLine.service_period >= first).distinct())


async def _note(session: AsyncSession, rows: SelectBase) -> None:
    note = upsert(session, LateUsage).from_select([*_KEY, "arrival"], rows)
    await session.execute(note.on_conflict_do_nothing(index_elements=_KEY))


async def closes_with(session: AsyncSession, period: Period) -> list[Period]:
    """The open periods that end with the close of this one: it, and those passed over since the last close. What was
    before the first close is before the books begin."""
    calendar = await queries.fiscal_calendar(session)
    through = await queries.closed_through(session)
    closing = period if through is None else calendar.next(calendar.parse(through))
    found = []
    while closing.first_day < period.first_day:
        found.append(closing)
        closing = calendar.next(closing)
    return [*found, period]


async def note_unrated(session: AsyncSession, closing: Iterable[Period]) -> None:
    """Note the subscriptions that no statement that stands bills in periods that are being closed."""
    for period in closing:
        # What was billed in advance, on an earlier period's statement, is not all that may be due.
        billed = _has_line(period, Statement.state != StatementState.DRAFT, Statement.period >= period.name)
        await _note(
            session, select(literal(period.name), KnownSubscription.id, literal(0)).where(_due(period), ~billed)
        )


async def count_never_rated(session: AsyncSession, period: Period) -> int:
    """How many subscriptions ran in the period and have no line of it, not even on a draft."""
    return await session.scalar(select(func.count(KnownSubscription.id)).where(_due(period), ~_has_line(period))) or 0


def _due(period: Period) -> ColumnElement[bool]:
    ended = KnownSubscription.ended_at
    return and_(KnownSubscription.activated_at < period.end, or_(ended.is_(None), ended >= period.start))


def _has_line(period: Period, *of_statement: ColumnElement[bool]) -> ColumnElement[bool]:
    lines = select(StatementLine.id).join(Statement, Statement.id == StatementLine.statement_id)
    of = (StatementLine.subscription_id == KnownSubscription.id, StatementLine.service_period == period.name)
    return lines.where(*of, *of_statement).exists()


async def note_credited(session: AsyncSession, lines: Iterable[tuple[str, UUID]]) -> None:
    """Note of which (service period, subscription) credits were taken back: what they had settled is due again.

    Also of a period that is open, which may be closed before it is rated again.
    """
    for name, subscription_id in sorted(set(lines)):
        note = upsert(session, LateUsage).values(period=name, subscription_id=subscription_id, arrival=0)
        await session.execute(note.on_conflict_do_nothing())


async def note_unbilled(session: AsyncSession, period: Period) -> None:
    """Note what usage no statement that stands bills of a period that is being closed."""
    await queries.cut_arrivals(session)
    arrival = func.max(func.coalesce(UsageEvent.withdrawn_arrival, UsageEvent.arrival))
    unbilled = _unbilled(period, literal(period.name), UsageEvent.subscription_id, arrival, drafts_too=False)
    columns = [*_KEY, "arrival"]
    note = upsert(session, LateUsage).from_select(columns, unbilled.group_by(UsageEvent.subscription_id))
    newest = {"arrival": note.excluded.arrival}  # it may have been noted at a close before it was reopened
    await session.execute(note.on_conflict_do_update(index_elements=_KEY, set_=newest))


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
