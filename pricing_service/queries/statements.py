"""Reads of what is to be rated, and of what is billed."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.periods import Period
from pricing_service.domain.plan import Recurrence
from pricing_service.domain.statement import Billed, LineKey, StatementState
from pricing_service.queries.usage import in_days, on_statements
from pricing_service.tables import (
    KnownSubscription,
    PricePlan,
    Statement,
    StatementLine,
    SubscriptionStep,
    UsageEvent,
)
from services.db import exact_sum
from services.money import exact_total

ZERO = Decimal(0)
_IDS_A_QUERY = 1000


async def plans_of(session: AsyncSession, offering_id: UUID) -> list[PricePlan]:
    query = select(PricePlan).where(PricePlan.offering_id == offering_id).order_by(PricePlan.plan_version)
    return list(await session.scalars(query))


def chargeable(period: Period) -> ColumnElement[bool]:
    """Subscriptions that may owe something for the period: those begun by then, or with usage in it."""
    used = select(UsageEvent.subscription_id).where(*in_days(period.first_day, period.end_day))
    return or_(KnownSubscription.activated_at < period.end, KnownSubscription.id.in_(used))


async def is_subscribed(session: AsyncSession, demand_id: UUID) -> bool:
    """Whether a subscription of the demand is known, be it active or ended."""
    found = select(KnownSubscription.id).where(KnownSubscription.demand_id == demand_id).limit(1)
    return await session.scalar(found) is not None


async def runs_on(session: AsyncSession, demand_id: UUID) -> bool:
    """Whether a subscription of the demand is known that has not ended."""
    running = select(KnownSubscription.id).where(KnownSubscription.demand_id == demand_id)
    return await session.scalar(running.where(KnownSubscription.state != "ended").limit(1)) is not None


async def next_chargeable_unit(session: AsyncSession, period: Period, after: UUID | None) -> UUID | None:
    """Business units one by one, in the order of their ids."""
    query = select(KnownSubscription.business_unit_id).where(chargeable(period))
    if after is not None:
        query = query.where(KnownSubscription.business_unit_id > after)
    unit: UUID | None = await session.scalar(query.order_by(KnownSubscription.business_unit_id).limit(1))
    return unit


async def chargeable_subscriptions(
    session: AsyncSession, business_unit_id: UUID, period: Period
) -> list[KnownSubscription]:
    query = select(KnownSubscription).where(KnownSubscription.business_unit_id == business_unit_id, chargeable(period))
    return list(await session.scalars(query.order_by(KnownSubscription.id)))


async def metered_by_day(
    session: AsyncSession, business_unit_id: UUID, period: Period
) -> dict[UUID, dict[tuple[str, date], Decimal]]:
    """Per subscription the quantities that statements hold, by meter and day (of meters that sum or count)."""
    query = (
        select(UsageEvent.subscription_id, UsageEvent.meter, UsageEvent.day, exact_sum(UsageEvent.quantity))
        .join(KnownSubscription, KnownSubscription.id == UsageEvent.subscription_id)
        .where(
            KnownSubscription.business_unit_id == business_unit_id,
            *in_days(period.first_day, period.end_day),
            on_statements(),
        )
        .group_by(UsageEvent.subscription_id, UsageEvent.meter, UsageEvent.day)
    )
    metered: dict[UUID, dict[tuple[str, date], Decimal]] = {}
    for subscription_id, meter, day, quantity in await session.execute(query):
        metered.setdefault(subscription_id, {})[meter, day] = quantity
    return metered


def _counts_as_billed(statement_period: Period) -> ColumnElement[bool]:
    """What a statement of the period builds upon: all but its own drafts, which it replaces.

    A draft of another period counts: what it bills in advance, or for this period, must not be billed twice.
    """
    return or_(Statement.state != StatementState.DRAFT, Statement.period != str(statement_period))


async def billed_before(
    session: AsyncSession, business_unit_id: UUID, service_period: Period, statement_period: Period
) -> dict[UUID, dict[LineKey, Billed]]:
    """Per subscription what statements already hold of a service period, as a statement of the other one sees it."""
    query = (
        select(StatementLine, Statement.period, Statement.sequence)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id == business_unit_id,
            StatementLine.service_period == str(service_period),
            _counts_as_billed(statement_period),
        )
        .order_by(Statement.period, Statement.sequence, StatementLine.position)
    )
    before: dict[UUID, dict[LineKey, Billed]] = {}
    for line, period, number in await session.execute(query):
        sequence = number if period == str(statement_period) else f"{number} of {period}"
        key = LineKey(line.subscription_id, line.charge, line.kind, line.split_start)
        held = before.setdefault(line.subscription_id, {}).get(key, Billed(ZERO, ZERO, ()))
        before[line.subscription_id][key] = Billed(
            exact_total([held.amount, line.amount]),
            exact_total([held.quantity, line.quantity]),
            (*held.sequences, sequence),
        )
    return before


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
