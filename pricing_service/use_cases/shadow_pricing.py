"""Shadow pricing: past periods priced once more as they were, and as the new terms would have made them.

The job goes period by period and subscription by subscription, a hundred in a transaction. What it found is shown
once it is all there, under the job's id; what an earlier one found is dropped then.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import rating
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import Existing
from pricing_service.domain.price_change import APPLIES, NEXT, Applies, PriceChangeState, step
from pricing_service.tables import (
    KnownSubscription,
    PriceChange,
    PricePlan,
    ShadowPrice,
    ShadowPriceOfUnit,
    SubscriptionStep,
)
from pricing_service.use_cases.holdings import Subject, subjects
from pricing_service.use_cases.metered import Metered, read_metered
from pricing_service.work import jobs
from services.db import exact_sum
from services.http import plain
from services.ids import uuid7
from services.money import exact_total
from services.work import JobRun

SHADOW_PRICING = "shadow-pricing"
ZERO = Decimal(0)
IN_A_CHUNK = 100
EVERYTHING = 2**62  # beyond every arrival: what counts by now
KEPT_UNPRICED = 200
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Progress:
    period: int = 0
    after: str | None = None
    done: int = 0
    total: int | None = None
    unpriced: list[dict[str, str]] = field(default_factory=list)
    unpriced_count: int = 0


@jobs.handler(SHADOW_PRICING)
async def run_shadow_pricing(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring. The checkpoint is the period at hand and its last subscription."""
    change_id = UUID(run.payload["price_change_id"])
    async with run.reading() as session:
        calendar = await queries.fiscal_calendar(session)
    periods = [calendar.parse(name) for name in run.payload["periods"]]
    so_far = _Progress(**(run.checkpoint or {}))
    while so_far.period < len(periods):
        async with run.chunk() as session:
            change = await session.get_one(PriceChange, change_id)
            if so_far.total is None:
                so_far.total = await _count(session, change, periods)
            await _shadow_some(session, run, change, periods[so_far.period], so_far)
            run.advance(done=so_far.done, total=max(so_far.total, so_far.done), checkpoint=asdict(so_far))
    async with run.chunk() as session:
        change = await session.get_one(PriceChange, change_id)
        await _conclude(session, run.job_id, change, run.payload["periods"])
        return {
            "price_change_id": str(change_id),
            "periods": run.payload["periods"],
            "subscriptions": change.subscriptions,
            "old_amount": plain(change.old_amount),
            "new_amount": plain(change.new_amount),
            "currency": change.currency,
            "unpriced": so_far.unpriced,
            "unpriced_count": so_far.unpriced_count,
        }


async def _count(session: AsyncSession, change: PriceChange, periods: list[Period]) -> int:
    count = 0
    for period in periods:
        count += await session.scalar(select(func.count()).where(_holds(change, period))) or 0
    return count


def _holds(change: PriceChange, period: Period) -> ColumnElement[bool]:
    """Subscriptions that lived in the period and have held the offering at some time."""
    held = select(SubscriptionStep.id).where(SubscriptionStep.offering_id == change.offering_id)
    return and_(
        or_(KnownSubscription.offering_id == change.offering_id, KnownSubscription.id.in_(held)),
        KnownSubscription.activated_at < period.end,
        or_(KnownSubscription.ended_at.is_(None), KnownSubscription.ended_at >= period.start),
    )


async def _shadow_some(
    session: AsyncSession, run: JobRun, change: PriceChange, period: Period, so_far: _Progress
) -> None:
    query = select(KnownSubscription).where(_holds(change, period))
    if so_far.after is not None:
        query = query.where(KnownSubscription.id > UUID(so_far.after))
    found = list(await session.scalars(query.order_by(KnownSubscription.id).limit(IN_A_CHUNK)))
    new_terms = as_version(change)
    old, _ = await subjects(session, period, found)
    new, unpriced = await subjects(session, period, found, replacing=new_terms)
    before = {subject.subscription.id: subject for subject in old}
    was_metered = await read_metered(session, period, old, EVERYTHING)
    metered = await read_metered(session, period, new, EVERYTHING)
    for subject in new:
        subscription = subject.subscription
        if all(window.plan.id != new_terms.id for window in metered.windows[subscription.id]):
            continue  # it did not hold the offering then, or the new terms are not for its unit
        was = before.get(subscription.id)
        session.add(
            ShadowPrice(
                id=uuid7(),
                job_id=run.job_id,
                period=period.name,
                business_unit_id=subscription.business_unit_id,
                subscription_id=subscription.id,
                applies=APPLIES[change.existing],
                currency=subject.currency,
                old_amount=ZERO if was is None else await _amount(session, period, was, was_metered),
                new_amount=await _amount(session, period, subject, metered),
            )
        )
    told = [{"subscription_id": str(each.subscription_id), "reason": each.reason} for each in unpriced]
    so_far.unpriced = [*so_far.unpriced, *told][:KEPT_UNPRICED]
    so_far.unpriced_count += len(told)
    so_far.done += len(found)
    if len(found) < IN_A_CHUNK:
        so_far.period, so_far.after = so_far.period + 1, None
    else:
        so_far.after = str(found[-1].id)


def as_version(change: PriceChange) -> PricePlan:
    """The new terms as if they had always been there and everyone followed. Not stored."""
    return PricePlan(
        offering_id=change.offering_id,
        plan_version=0,
        currency=change.currency,
        effective_from=_LONG_AGO,
        charges=change.charges,
        discounts=change.discounts,
        minimum=change.minimum,
        maximum=change.maximum,
        audience=change.audience,
        existing_subscriptions=Existing.FOLLOW,
    )


async def _amount(session: AsyncSession, period: Period, subject: Subject, metered: Metered) -> Decimal:
    """All that the subscription owes for the period, as if nothing had been billed of it."""
    id_, windows = subject.subscription.id, metered.windows[subject.subscription.id]
    term = rating.ending_term(period, subject.holding, windows)
    earlier = ZERO if term is None else await queries.billed_in_term(session, id_, *term, but=period)
    rated = rating.rate(
        period,
        subject.holding,
        windows,
        lambda window, meter: metered.quantity(id_, window, meter),
        {},
        cells=lambda window, meter: metered.by_attributes(id_, window, meter),
        earlier_in_term=earlier,
    )
    return exact_total([line.amount for line in rated.lines])


async def _conclude(session: AsyncSession, job_id: UUID, change: PriceChange, periods: list[str]) -> None:
    """Show what was found, unless the change was withdrawn or announced meanwhile."""
    if change.shadow_job_id == job_id:
        return
    if PriceChangeState.SHADOW_PRICED in NEXT.get(PriceChangeState(change.state), ()):
        change.state = step(PriceChangeState(change.state), PriceChangeState.SHADOW_PRICED)
        for table in (ShadowPrice, ShadowPriceOfUnit):
            await session.execute(delete(table).where(table.job_id == change.shadow_job_id))
        await _sum_units(session, job_id)
        affected = ShadowPrice.job_id == job_id, ShadowPrice.applies != Applies.NEVER
        count = func.count(ShadowPrice.subscription_id.distinct())
        sums = select(count, exact_sum(ShadowPrice.old_amount), exact_sum(ShadowPrice.new_amount)).where(*affected)
        subscriptions, old, new = (await session.execute(sums)).one()
        change.shadow_job_id, change.shadow_periods, change.subscriptions = job_id, periods, subscriptions
        change.old_amount, change.new_amount = old or ZERO, new or ZERO
    else:
        await session.execute(delete(ShadowPrice).where(ShadowPrice.job_id == job_id))


async def _sum_units(session: AsyncSession, job_id: UUID) -> None:
    unit = ShadowPrice.business_unit_id
    sums = (
        select(
            unit,
            ShadowPrice.currency,
            func.count(ShadowPrice.subscription_id.distinct()),
            exact_sum(ShadowPrice.old_amount),
            exact_sum(ShadowPrice.new_amount),
        )
        .where(ShadowPrice.job_id == job_id, ShadowPrice.applies != Applies.NEVER)
        .group_by(unit, ShadowPrice.currency)
        .order_by(unit, ShadowPrice.currency)
    )
    for unit_id, currency, subscriptions, old, new in (await session.execute(sums)).all():
        session.add(
            ShadowPriceOfUnit(
                id=uuid7(),
                job_id=job_id,
                business_unit_id=unit_id,
                subscriptions=subscriptions,
                currency=currency,
                old_amount=old,
                new_amount=new,
            )
        )
