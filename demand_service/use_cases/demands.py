"""Asking: a demand is drafted, changed, handed in and moved through assessment."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.funnel import DemandKind, DemandState, Step, require_editable
from demand_service.domain.intake import require_complete
from demand_service.schemas import DemandCreate, DemandPatch
from demand_service.tables import BusinessUnit, Demand
from demand_service.use_cases import proposals
from demand_service.use_cases.agreement import settle
from demand_service.use_cases.orders import cancel_order_of
from demand_service.use_cases.steps import Asked, demand_to_change, take
from services.db import touch
from services.errors import Fault, Invalid
from services.identity import Principal, Units


class BusinessUnitUnknown(Invalid): ...


class GoalUnknown(Invalid): ...


class DeferredIntoThePast(Invalid): ...


async def draft_demand(
    session: AsyncSession, body: DemandCreate, *, principal: Principal, units: Units, now: datetime
) -> Demand:
    units.require(body.business_unit_id)
    if await session.get(BusinessUnit, body.business_unit_id) is None:
        raise BusinessUnitUnknown(
            f"there is no business unit {body.business_unit_id}", faults=[Fault("/business_unit_id", "does not exist")]
        )
    await _require_goal(session, body.business_unit_id, body.goal_id)
    demand = Demand(
        **dict(body),
        requested_by=principal.person_id,
        state=DemandState.DRAFT,
        left_state=None,
        deferred_until=None,
        superseded_quote_id=None,
        quote_id=None,
        decision=None,
        order_id=None,
    )
    await _require_orderable(session, demand, now=now)
    session.add(demand)
    touch(demand)
    return demand


async def edit_demand(session: AsyncSession, demand_id: UUID, body: DemandPatch, *, asked: Asked) -> Demand:
    demand = await demand_to_change(session, demand_id, asked)
    require_editable(demand.standing)
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if demand.state is not DemandState.DRAFT:
        # What was proposed is quoted: it changes by another proposal, so that the quote and policy follow.
        said = [name for name in ("offering_id", "quantity", "options", "form") if name in changes]
        if said:
            raise proposals.TermsAreProposed(
                f"the demand is {demand.state}: its offering and quantity change by proposing it again",
                faults=[Fault(f"/{name}", "changes by POST …/propose") for name in said],
            )
    await _require_goal(session, demand.business_unit_id, changes.get("goal_id"))
    for name, value in changes.items():
        setattr(demand, name, value)
    if demand.state is DemandState.DRAFT:
        await _require_orderable(session, demand, now=asked.now)
    touch(demand)
    return demand


async def submit_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    note: str | None,
    asked: Asked,
) -> Demand:
    """Hand the demand in. A request is proposed at once: what it asks for is on offer, so nothing is assessed."""
    demand = await demand_to_change(session, demand_id, asked)
    take(session, demand, Step.SUBMIT, person_id=asked.person_id, reason=note, now=asked.now)
    if demand.kind is DemandKind.REQUEST:
        await _require_orderable(session, demand, now=asked.now)
        take(session, demand, Step.PROPOSE, person_id=asked.person_id, reason=None, now=asked.now)
    return demand


async def move_demand(
    session: AsyncSession,
    demand_id: UUID,
    step: Step,
    *,
    reason: str | None,
    asked: Asked,
) -> Demand:
    """Take a step that needs a person and a reason alone: screen, qualify, ask for information, withdraw, close."""
    demand = await demand_to_change(session, demand_id, asked)
    take(session, demand, step, person_id=asked.person_id, reason=reason, now=asked.now)
    return demand


async def defer_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    until: date,
    reason: str,
    asked: Asked,
) -> Demand:
    demand = await demand_to_change(session, demand_id, asked)
    if until <= asked.now.date():
        raise DeferredIntoThePast(f"{until} has come already", faults=[Fault("/until", "must be a day to come")])
    demand.deferred_until = until
    take(session, demand, Step.DEFER, person_id=asked.person_id, reason=reason, now=asked.now)
    return demand


async def resume_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    note: str | None,
    asked: Asked,
) -> Demand:
    """Go on where the demand was left; what its quote has become meanwhile counts from here."""
    demand = await demand_to_change(session, demand_id, asked)
    demand.deferred_until = None
    take(session, demand, Step.RESUME, person_id=asked.person_id, reason=note, now=asked.now)
    await settle(session, demand, now=asked.now)
    return demand


async def cancel_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    reason: str,
    asked: Asked,
) -> Demand:
    """Give up an approved demand, and its order with it; pricing gives back the budget on these events."""
    demand = await demand_to_change(session, demand_id, asked)
    take(session, demand, Step.CANCEL, person_id=asked.person_id, reason=reason, now=asked.now)
    await cancel_order_of(session, demand)
    return demand


async def _require_orderable(session: AsyncSession, demand: Demand, *, now: datetime) -> None:
    """A request says at once what it orders, and it has to be on offer; other kinds do not say it yet."""
    order = {
        "offering_id": demand.offering_id,
        "quantity": demand.quantity,
        "options": demand.options,
        "form": demand.form,
    }
    require_complete(demand.kind, order)
    if demand.kind is DemandKind.REQUEST and demand.offering_id is not None and demand.quantity is not None:
        terms = proposals.Terms(demand.offering_id, demand.quantity, demand.options, demand.form)
        await proposals.require_on_offer(session, terms, business_unit_id=demand.business_unit_id, now=now)


async def _require_goal(session: AsyncSession, business_unit_id: UUID, goal_id: UUID | None) -> None:
    """The goal that a demand serves is its unit's own, or one of a unit above it."""
    if goal_id is None:
        return
    above = await queries.units_above(session, business_unit_id)
    if not any(goal.id == goal_id for unit in above for goal in unit.goals):
        raise GoalUnknown(
            f"neither the business unit nor one above it has a goal {goal_id}",
            faults=[Fault("/goal_id", "is not a goal of the business unit")],
        )
