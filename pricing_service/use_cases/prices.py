"""Price plans and the price calculator."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.plan import Existing
from pricing_service.domain.prices import Cell, price
from pricing_service.events import PriceChanged
from pricing_service.schemas.price_changes import PriceChangeCreate
from pricing_service.schemas.prices import PricePlanCreate, PricePreview, PricePreviewRead
from pricing_service.tables import FiscalCalendarRow, KnownSubscription, PricedOffering, PricePlan
from pricing_service.use_cases.charges import charge_of, check_terms, discounts_of, priced_line, under
from pricing_service.use_cases.late_usage import note_repriced
from services.errors import Conflict, Fault, Invalid
from services.events import record
from services.http import MoneyModel
from services.money import Money, exact_total


class PlanCurrencyFixed(Conflict): ...


class EffectiveInClosedPeriod(Conflict): ...


class PriceChangeNotAnnounced(Conflict): ...


class QuantitiesDiffer(Invalid): ...


async def create_price_plan(session: AsyncSession, body: PricePlanCreate, *, now: datetime) -> PricePlan:
    """Add the next version of the offering's plan.

    Raises the refusals of its terms, PlanCurrencyFixed, EffectiveInClosedPeriod and PriceChangeNotAnnounced.
    """
    check_terms(body)
    effective_from = body.effective_from or now
    await refuse_closed(session, effective_from)
    if body.reason is None and await queries.plans_of(session, body.offering_id):
        await _refuse_unannounced(session, body.offering_id)
    return await add_version(session, body, effective_from, Existing.FOLLOW, reason=body.reason)


async def _refuse_unannounced(session: AsyncSession, offering_id: UUID) -> None:
    """A price that somebody pays changes by a price change, shadow-priced and announced, or for a reason that stays."""
    held = select(KnownSubscription.id).where(
        KnownSubscription.offering_id == offering_id, KnownSubscription.ended_at.is_(None)
    )
    if await session.scalar(held.limit(1)) is not None:
        raise PriceChangeNotAnnounced(
            "the offering is subscribed: change its price by POST /v1/price-changes, or say why it is not announced",
            faults=[Fault("/reason", "is needed where the offering is subscribed")],
        )


async def refuse_closed(session: AsyncSession, effective_from: datetime) -> None:
    """Raise EffectiveInClosedPeriod where a price would count in a closed period; nobody closes one meanwhile."""
    await session.execute(select(FiscalCalendarRow.id).with_for_update(read=True))
    calendar = await queries.fiscal_calendar(session)
    period = calendar.of(effective_from)
    if await queries.is_closed(session, period):
        first = await queries.earliest_open(session, calendar, period)
        raise EffectiveInClosedPeriod(
            f"period {period} is closed, and a price from {effective_from:%FT%TZ} on would change it",
            faults=[Fault("/effective_from", f"must not be before {first.start:%FT%TZ}")],
        )


async def add_version(
    session: AsyncSession,
    body: PricePlanCreate,
    effective_from: datetime,
    existing: Existing,
    *,
    reason: str | None = None,
) -> PricePlan:
    """The next version, told to everyone. Raises PlanCurrencyFixed."""
    priced = await session.get(PricedOffering, body.offering_id)
    if priced is None:
        priced = PricedOffering(id=body.offering_id, plan_version=0, currency=body.currency)
        session.add(priced)
    elif priced.currency != body.currency:
        raise PlanCurrencyFixed(
            f"the offering is priced in {priced.currency}; subscriptions of it cannot change their currency",
            faults=[Fault("/currency", f"must be {priced.currency}")],
        )
    priced.plan_version += 1
    plan = PricePlan(
        version=1,
        offering_id=body.offering_id,
        plan_version=priced.plan_version,
        currency=body.currency,
        effective_from=effective_from,
        existing_subscriptions=existing,
        reason=reason,
        **terms_document(body),
    )
    session.add(plan)
    record(session, priced, _price_changed(plan), thread=plan.correlation_id)
    await note_repriced(session, body.offering_id, effective_from)
    return plan


def terms_document(body: PricePlanCreate | PriceChangeCreate) -> dict[str, Any]:
    """The columns of a plan that say its terms."""
    return {
        "charges": [charge.model_dump(mode="json", exclude_none=True) for charge in body.charges],
        "discounts": [discount.model_dump(mode="json", exclude_none=True) for discount in body.discounts],
        "minimum": None if body.minimum is None else body.minimum.model_dump(mode="json"),
        "maximum": body.maximum,
        "audience": [str(unit) for unit in body.audience],
    }


def _price_changed(plan: PricePlan) -> PriceChanged:
    return PriceChanged(
        offering_id=plan.offering_id,
        price_plan_id=plan.id,
        plan_version=plan.plan_version,
        currency=plan.currency,
        effective_from=plan.effective_from,
        charges=plan.charges,
        discounts=plan.discounts,
        minimum=plan.minimum,
        maximum=plan.maximum,
        audience=[UUID(unit) for unit in plan.audience],
        existing_subscriptions=plan.existing_subscriptions,
    )


def preview_price(body: PricePreview) -> PricePreviewRead:
    """Price a quantity without storing anything. Raises the refusals of the price models."""
    with under("/charge"):
        charge = charge_of(body.charge)
    discounts = [
        discount
        for discount in discounts_of(body.discounts)
        if discount.applies(body.subscription_tags, body.business_unit_tags, body.term_months)
    ]
    cells = [Cell(body.quantity, body.subscription_tags)]
    if body.by_attributes is not None:
        cells = [Cell(each.quantity, each.attributes) for each in body.by_attributes]
        if exact_total([cell.quantity for cell in cells]) != body.quantity:
            raise QuantitiesDiffer(
                "the quantities by attribute do not add up to the quantity",
                faults=[Fault("/by_attributes", f"must add up to {body.quantity:f}")],
            )
    with under("/charge"):
        priced = price(charge, body.quantity, body.currency, discounts=discounts, cells=cells)
    return PricePreviewRead(
        total=MoneyModel.of(Money(priced.total, priced.currency)), lines=[priced_line(line) for line in priced.lines]
    )
