"""Price plans and the price calculator."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.plan import check_charges
from pricing_service.domain.prices import price
from pricing_service.events import PriceChanged
from pricing_service.schemas.prices import PricePlanCreate, PricePreview, PricePreviewRead
from pricing_service.tables import PricedOffering, PricePlan
from pricing_service.use_cases.charges import charge_of, priced_line, under
from services.errors import Conflict, Fault
from services.events import record
from services.http import MoneyModel
from services.money import Money

ZERO = Decimal(0)


class PlanCurrencyFixed(Conflict): ...


async def create_price_plan(session: AsyncSession, body: PricePlanCreate, *, now: datetime) -> PricePlan:
    """Add the next version of the offering's plan. Raises the refusals of the charges, and PlanCurrencyFixed."""
    check_charges([(charge.key, charge.recurring, charge.meter) for charge in body.charges])
    for index, charge in enumerate(body.charges):
        with under(f"/charges/{index}"):
            charge_of(charge, service_unit_cost=ZERO)  # a unit cost left to the allocation runs is not judged yet
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
        effective_from=body.effective_from or now,
        charges=[charge.model_dump(mode="json", exclude_none=True) for charge in body.charges],
    )
    session.add(plan)
    record(session, priced, _price_changed(plan), thread=plan.correlation_id)
    return plan


def _price_changed(plan: PricePlan) -> PriceChanged:
    return PriceChanged(
        offering_id=plan.offering_id,
        price_plan_id=plan.id,
        plan_version=plan.plan_version,
        currency=plan.currency,
        effective_from=plan.effective_from,
        charges=plan.charges,
    )


def preview_price(body: PricePreview) -> PricePreviewRead:
    """Price a quantity without storing anything. Raises the refusals of the price models."""
    with under("/charge"):
        charge = charge_of(body.charge)
    priced = price(charge, body.quantity, body.currency)
    return PricePreviewRead(
        total=MoneyModel.of(Money(priced.total, priced.currency)), lines=[priced_line(line) for line in priced.lines]
    )
