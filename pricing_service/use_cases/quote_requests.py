"""Quotes that apps ask for, and why the amounts of a quote are what they are."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import quote as domain
from pricing_service.domain.prices.line import OF_PLAN
from pricing_service.domain.quote import QuoteState
from pricing_service.schemas import quotes as bodies
from pricing_service.schemas.prices import PartRead
from pricing_service.tables import Budget, KnownDemand, KnownOffering, PricePlan, Quote, Reservation
from pricing_service.use_cases.quotes import OVER, DemandAlreadyAccepted, Proposal, close, issue_quote, quotes_of
from services.errors import Conflict, Fault, Invalid
from services.events import NotYet
from services.http import MoneyModel
from services.identity import Units
from services.money import Money, exact_total


class NothingToQuote(Invalid): ...


class OfferingNotQuotable(Conflict): ...


class DemandNotKnown(Conflict): ...


class DemandOfAnotherUnit(Invalid): ...


class DemandIsOver(Conflict): ...


async def request_quote(session: AsyncSession, body: bodies.QuoteCreate, *, units: Units, now: datetime) -> Quote:
    """Quote what an app asks for; an open quote of the same demand is withdrawn, an accepted one stands.

    Raises NothingToQuote, ValidityGivenTwice, ValidityInThePast, OfferingNotQuotable, and of the demand
    DemandNotKnown, DemandOfAnotherUnit, DemandIsOver, DemandAlreadyAccepted.
    """
    units.require(body.business_unit_id)
    if not body.quantity:
        raise NothingToQuote("there is nothing to quote", faults=[Fault("/quantity", "must be more than 0")])
    valid_until = domain.validity(now, valid_until=body.valid_until, valid_days=body.valid_days)
    offering = await session.get(KnownOffering, body.offering_id)
    if offering is not None and offering.state == "retired":
        raise OfferingNotQuotable(
            f"offering {offering.name} is retired", faults=[Fault("/offering_id", "can no longer be asked for")]
        )
    if body.demand_id is not None:
        await _make_room(session, body.demand_id, body.business_unit_id)
    proposal = Proposal(
        demand_id=body.demand_id,
        business_unit_id=body.business_unit_id,
        offering_id=body.offering_id,
        quantity=body.quantity,
        valid_until=valid_until,
        note=body.note,
        tags=body.tags,
        term_months=body.term_months,
    )
    try:
        return await issue_quote(session, proposal, now=now)
    except NotYet as refusal:
        raise OfferingNotQuotable(refusal.detail, faults=[Fault("/offering_id", refusal.detail)]) from refusal


async def _make_room(session: AsyncSession, demand_id: UUID, business_unit_id: UUID) -> None:
    demand = await session.get(KnownDemand, demand_id)
    if demand is None:
        raise DemandNotKnown(
            f"pricing has not heard of demand {demand_id}", faults=[Fault("/demand_id", "is not known, or not yet")]
        )
    if demand.business_unit_id != business_unit_id:
        raise DemandOfAnotherUnit(
            f"demand {demand_id} is of another business unit", faults=[Fault("/demand_id", "is of another one")]
        )
    if demand.state in {*OVER, "fulfilled"}:
        raise DemandIsOver(f"demand {demand_id} is {demand.state}", faults=[Fault("/demand_id", f"is {demand.state}")])
    for quote in await quotes_of(session, demand_id):
        if quote.state == QuoteState.ACCEPTED:
            raise DemandAlreadyAccepted(
                f"quote {quote.number} of demand {demand_id} is accepted already",
                faults=[Fault("/demand_id", f"has the accepted quote {quote.number}")],
            )
        if quote.state == QuoteState.OPEN:
            close(session, quote, domain.withdraw(QuoteState.OPEN), "another quote was asked for")


async def explain_quote(session: AsyncSession, quote: Quote) -> bodies.QuoteExplanation:
    """Down to the plan version, the unit cost and the allocation run; each line's parts add up to its amount."""
    plan = await session.get_one(PricePlan, quote.price_plan_id)
    keyed = {charge["key"]: charge for charge in plan.charges}
    cost = None
    if quote.allocation_run_id is not None and quote.service_id is not None:
        cost = await queries.service_cost_of(session, quote.allocation_run_id, quote.service_id)
    pools = [] if cost is None else await queries.pools_behind(session, cost.allocation_run_id, cost.service_id)
    held = await session.execute(
        select(Reservation, Budget.fiscal_year)
        .join(Budget, Budget.id == Reservation.budget_id)
        .where(Reservation.quote_id == quote.id)
        .order_by(Budget.fiscal_year, Reservation.number, Reservation.charge)
    )
    calendar = await queries.fiscal_calendar(session)
    return bodies.QuoteExplanation(
        quote_id=quote.id,
        number=quote.number,
        total=MoneyModel.of(quote.total),
        one_off_total=MoneyModel.of(quote.one_off_total),
        lines=[
            bodies.QuoteLineExplained(
                **bodies.QuoteLineRead.model_validate(line).model_dump(),
                parts=[PartRead.model_validate(part) for part in line.get("parts", [])],
                plan_charge=None if line.get("kind") in OF_PLAN else keyed.get(line["charge"]),
            )
            for line in [*quote.lines, *quote.one_off_lines]
        ],
        price_plan_id=plan.id,
        plan_version=plan.plan_version,
        plan_effective_from=plan.effective_from,
        service_id=quote.service_id,
        allocation_run_id=quote.allocation_run_id,
        period=None if cost is None else cost.period,
        service_cost=None if cost is None else MoneyModel.of(cost.cost),
        unit_cost=None if cost is None else cost.unit_cost,
        pools=[
            bodies.QuotePool(name=name, cost_rows=rows, amount=amount, share=share)
            for name, rows, amount, share in pools
        ],
        ledger_rows=sum(pool[1] for pool in pools),
        ledger_total=None
        if cost is None
        else MoneyModel.of(Money(exact_total([pool[2] for pool in pools]), cost.currency)),
        reserved=[
            bodies.QuoteReserved(
                budget_id=reservation.budget_id,
                period=calendar.periods_of_year(year)[reservation.number - 1].name,
                charge=reservation.charge,
                amount=reservation.amount,
                left=reservation.left,
            )
            for reservation, year in held
        ],
    )
