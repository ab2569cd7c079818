"""Price changes: drafted, shadow-priced, announced, effective by a timer; or withdrawn."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import price_change as domain
from pricing_service.domain.price_change import PriceChangeState
from pricing_service.events import PriceAnnounced, PriceChangeData, PriceWithdrawn
from pricing_service.schemas import price_changes as bodies
from pricing_service.schemas.prices import PricePlanCreate
from pricing_service.tables import PriceChange, PricedOffering, ShadowPriceOfUnit
from pricing_service.use_cases import prices
from pricing_service.use_cases.charges import check_terms
from pricing_service.use_cases.shadow_pricing import SHADOW_PRICING
from pricing_service.use_cases.strategies import closed_periods
from pricing_service.work import jobs, timers
from services.db.chassis_tables import Job
from services.errors import Conflict, Fault, NotFound
from services.events import record
from services.http import check_version

ZERO = Decimal(0)


class OfferingHasNoPrice(Conflict): ...


async def create_price_change(session: AsyncSession, body: bodies.PriceChangeCreate, *, now: datetime) -> PriceChange:
    """Draft new terms.

    Raises the refusals of the terms, OfferingHasNoPrice, EffectiveInClosedPeriod and EffectiveTooSoon.
    """
    check_terms(body)
    await prices.refuse_closed(session, body.effective_from)
    domain.check_effective(body.effective_from, now=now)
    priced = await session.get(PricedOffering, body.offering_id)
    if priced is None:
        raise OfferingHasNoPrice(
            "the offering has no price that could change: set its first one by POST /v1/price-plans",
            faults=[Fault("/offering_id", "has no price plan")],
        )
    change = PriceChange(
        version=1,
        offering_id=body.offering_id,
        state=PriceChangeState.DRAFT,
        currency=priced.currency,
        effective_from=body.effective_from,
        existing_subscriptions=body.existing_subscriptions,
        shadow_periods=[],
        subscriptions=0,
        old_amount=ZERO,
        new_amount=ZERO,
        **prices.terms_document(body),
    )
    session.add(change)
    return change


async def start_shadow_pricing(
    session: AsyncSession, change_id: UUID, periods: int, *, if_match: frozenset[int] | None, now: datetime
) -> Job:
    """Price the last closed periods once more under the new terms. Raises PriceChangeNotPossible."""
    change = await price_change(session, change_id)
    check_version(change, if_match)
    domain.step(PriceChangeState(change.state), PriceChangeState.SHADOW_PRICED)
    found = await closed_periods(session, periods)
    if not found:
        calendar = await queries.fiscal_calendar(session)
        found = [calendar.previous(calendar.of(now))]
        while len(found) < periods:
            found.append(calendar.previous(found[-1]))
        found.reverse()
    payload = {"price_change_id": str(change.id), "periods": [period.name for period in found]}
    return await jobs.start(session, SHADOW_PRICING, payload=payload)


async def announce(
    session: AsyncSession, change_id: UUID, notice: str, *, if_match: frozenset[int] | None, now: datetime
) -> PriceChange:
    """Tell everyone, and let it count from its instant on.

    Raises NotShadowPriced, PriceChangeNotPossible, EffectiveTooSoon and EffectiveInClosedPeriod.
    """
    change = await price_change(session, change_id)
    check_version(change, if_match)
    change.state = domain.step(PriceChangeState(change.state), PriceChangeState.ANNOUNCED)
    domain.check_effective(change.effective_from, now=now)
    await prices.refuse_closed(session, change.effective_from)
    change.notice, change.announced_at = notice, now
    await _tell(session, change, PriceAnnounced)
    timers.set(session, "price-effective", due_at=change.effective_from, payload={"price_change_id": str(change.id)})
    return change


async def withdraw(
    session: AsyncSession, change_id: UUID, reason: str, *, if_match: frozenset[int] | None, now: datetime
) -> PriceChange:
    """Raises PriceChangeNotPossible, also for one that counts by now whose timer is late."""
    change = await price_change(session, change_id)
    check_version(change, if_match)
    was = PriceChangeState(change.state)
    if was is PriceChangeState.ANNOUNCED and now >= change.effective_from:
        raise domain.PriceChangeNotPossible(f"the price has counted since {change.effective_from:%FT%TZ}")
    change.state = domain.step(was, PriceChangeState.WITHDRAWN)
    change.reason = reason
    if was is PriceChangeState.ANNOUNCED:
        await _tell(session, change, PriceWithdrawn)
    return change


@timers.handler("price-effective")
async def make_effective(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """The announced terms become the next version of the plan."""
    change = await session.get_one(PriceChange, UUID(payload["price_change_id"]))
    if change.state != PriceChangeState.ANNOUNCED or now < change.effective_from:
        return
    calendar = await queries.fiscal_calendar(session)
    period = calendar.of(change.effective_from)
    open_from = (await queries.earliest_open(session, calendar, period)).start
    body = PricePlanCreate.model_validate(
        {
            "offering_id": change.offering_id,
            "currency": change.currency,
            "charges": change.charges,
            "discounts": change.discounts,
            "minimum": change.minimum,
            "maximum": change.maximum,
            "audience": change.audience,
        }
    )
    # A timer that is so late that its period is closed changes nothing of what is closed.
    effective_from = max(change.effective_from, open_from)
    plan = await prices.add_version(session, body, effective_from, existing=change.existing)
    change.state = domain.step(PriceChangeState.ANNOUNCED, PriceChangeState.EFFECTIVE)
    change.price_plan_id = plan.id


async def price_change(session: AsyncSession, change_id: UUID) -> PriceChange:
    change = await session.get(PriceChange, change_id)
    if change is None:
        raise NotFound(f"no price change {change_id}")
    return change


async def _tell(session: AsyncSession, change: PriceChange, event: type[PriceChangeData]) -> None:
    units = select(ShadowPriceOfUnit.business_unit_id).where(ShadowPriceOfUnit.job_id == change.shadow_job_id)
    priced = await session.get_one(PricedOffering, change.offering_id)
    data = event(
        price_change_id=change.id,
        offering_id=change.offering_id,
        state=change.state,
        currency=change.currency,
        effective_from=change.effective_from,
        existing_subscriptions=change.existing_subscriptions,
        charges=change.charges,
        discounts=change.discounts,
        minimum=change.minimum,
        maximum=change.maximum,
        audience=[UUID(unit) for unit in change.audience],
        notice=change.notice,
        shadow_periods=change.shadow_periods,
        subscriptions=change.subscriptions,
        business_unit_ids=sorted(set(await session.scalars(units))),
        old_amount=change.old_amount,
        new_amount=change.new_amount,
    )
    record(session, priced, data, thread=change.correlation_id)
