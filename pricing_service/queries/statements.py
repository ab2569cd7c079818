"""Reads of what is to be rated, and of what is billed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.credit import CreditOrigin
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import Recurrence
from pricing_service.domain.statement import Billed, LineKey, StatementState
from pricing_service.queries.usage import in_days
from pricing_service.tables import (
    CreditNote,
    CreditNoteLine,
    KnownSubscription,
    Statement,
    StatementLine,
    SubscriptionStep,
    UsageEvent,
)
from services.db import exact_sum
from services.money import exact_total

ZERO = Decimal(0)
_IDS_A_QUERY = 1000


def chargeable(period: Period) -> ColumnElement[bool]:
    """Subscriptions that may owe something for the period: those begun by then, or with usage in it."""
    # Correlated, so that it is asked of the few that have not begun, through the index: not of all usage there is.
    used = select(UsageEvent.day).where(
        UsageEvent.subscription_id == KnownSubscription.id, *in_days(period.first_day, period.end_day)
    )
    return or_(KnownSubscription.activated_at < period.end, used.exists())


async def is_subscribed(session: AsyncSession, demand_id: UUID) -> bool:
    """Whether a subscription of the demand is known, be it active or ended."""
    found = select(KnownSubscription.id).where(KnownSubscription.demand_id == demand_id).limit(1)
    return await session.scalar(found) is not None


async def runs_on(session: AsyncSession, demand_id: UUID) -> bool:
    """Whether a subscription of the demand is known that has not ended."""
    running = select(KnownSubscription.id).where(KnownSubscription.demand_id == demand_id)
    return await session.scalar(running.where(KnownSubscription.state != "ended").limit(1)) is not None


async def chargeable_units(
    session: AsyncSession, period: Period, *, after: UUID | None, limit: int
) -> list[tuple[UUID, int]]:
    """The next business units, in the order of their ids, and how many subscriptions each has."""
    unit = KnownSubscription.business_unit_id
    query = select(unit, func.count()).where(chargeable(period)).group_by(unit).order_by(unit).limit(limit)
    found = await session.execute(query if after is None else query.where(unit > after))
    return [(id_, subscriptions) for id_, subscriptions in found]


async def chargeable_subscriptions(
    session: AsyncSession, units: Sequence[UUID], period: Period
) -> list[KnownSubscription]:
    query = select(KnownSubscription).where(KnownSubscription.business_unit_id.in_(units), chargeable(period))
    return list(await session.scalars(query.order_by(KnownSubscription.business_unit_id, KnownSubscription.id)))


def _counts_as_billed(statement_period: Period) -> ColumnElement[bool]:
    """What a statement of the period builds upon: all but its own drafts, which it replaces.

    A draft of another period counts: what it bills in advance, or for this period, must not be billed twice.
    """
    return or_(Statement.state != StatementState.DRAFT, Statement.period != str(statement_period))


async def billed_before(
    session: AsyncSession, units: Sequence[UUID], service_period: Period, statement_period: Period
) -> dict[tuple[UUID, UUID], dict[LineKey, Billed]]:
    """Per business unit and subscription what statements already hold of a service period, as a statement of the other
    one sees it."""
    line = StatementLine
    columns = (line.subscription_id, line.charge, line.kind, line.split_start, line.amount, line.quantity)
    query = (
        select(Statement.business_unit_id, Statement.period, Statement.sequence, line.usage_upto, *columns)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id.in_(units),
            StatementLine.service_period == str(service_period),
            _counts_as_billed(statement_period),
        )
        .order_by(Statement.period, Statement.sequence, StatementLine.position)
    )
    before: dict[tuple[UUID, UUID], dict[LineKey, Billed]] = {}
    for unit, period, number, upto, subscription_id, charge, kind, start, amount, quantity in await session.execute(
        query
    ):
        sequence = number if period == str(statement_period) else f"{number} of {period}"
        of_subscription = before.setdefault((unit, subscription_id), {})
        key = LineKey(subscription_id, charge, kind, start)
        held = of_subscription.get(key, Billed(ZERO, ZERO, ()))
        of_subscription[key] = Billed(
            exact_total([held.amount, amount]),
            exact_total([held.quantity, quantity]),
            (*held.sequences, sequence),
            max(held.usage_upto, -1 if upto is None else upto),
        )
    await _take_credits_in(session, units, service_period, before)
    return before


async def _take_credits_in(
    session: AsyncSession,
    units: Sequence[UUID],
    service_period: Period,
    before: dict[tuple[UUID, UUID], dict[LineKey, Billed]],
) -> None:
    """Note with what is billed what credit notes gave back of it; service credits apart, since they correct nothing."""
    service_credits = select(CreditNote.id).where(CreditNote.origin == CreditOrigin.SERVICE_CREDIT)
    is_service = or_(
        CreditNote.origin == CreditOrigin.SERVICE_CREDIT,
        and_(CreditNote.reverses_id.is_not(None), CreditNote.reverses_id.in_(service_credits)),
    )
    line = StatementLine
    keys = (CreditNote.business_unit_id, line.subscription_id, line.charge, line.kind, line.split_start)
    query = (
        select(*keys, case((is_service, 1), else_=0).label("is_service"), exact_sum(CreditNoteLine.amount))
        .join(CreditNoteLine, CreditNoteLine.credit_note_id == CreditNote.id)
        .join(StatementLine, line.id == CreditNoteLine.statement_line_id)
        .where(
            CreditNote.business_unit_id.in_(units),
            line.service_period == str(service_period),
        )
        .group_by(*keys, "is_service")
    )
    for unit, subscription_id, charge, kind, start, service, amount in await session.execute(query):
        key = LineKey(subscription_id, charge, kind, start)
        of_subscription = before.get((unit, subscription_id), {})
        if key in of_subscription:
            credited = {"service_credited" if service else "credited": amount}
            of_subscription[key] = replace(of_subscription[key], **credited)


async def billed_in_term(
    session: AsyncSession, subscription_id: UUID, start: date, end: date, *, but: Period
) -> Decimal:
    """What the days from `start` up to `end` were billed for the subscription, one-offs and the period `but` aside."""
    query = (
        select(exact_sum(StatementLine.amount))
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            StatementLine.subscription_id == subscription_id,
            StatementLine.split_start >= start,
            StatementLine.split_start < end,
            StatementLine.recurring != Recurrence.ONE_OFF,
            StatementLine.service_period != str(but),
            _counts_as_billed(but),
        )
    )
    return await session.scalar(query) or ZERO


async def steps_of(session: AsyncSession, subscription_ids: Sequence[UUID]) -> dict[UUID, list[SubscriptionStep]]:
    """The history of each, in the order of the events."""
    steps: dict[UUID, list[SubscriptionStep]] = {id_: [] for id_ in subscription_ids}
    for start in range(0, len(subscription_ids), _IDS_A_QUERY):
        wanted = subscription_ids[start : start + _IDS_A_QUERY]
        query = select(SubscriptionStep).where(SubscriptionStep.id.in_(wanted))
        for step in await session.scalars(query.order_by(SubscriptionStep.id, SubscriptionStep.sequence)):
            steps[step.id].append(step)
    return steps
