"""Proposing: which offering answers the demand, how much of it, and the answers to its request form."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.agreement import latest, require_open_terms, require_published, require_quantity
from demand_service.domain.funnel import Step
from demand_service.domain.offer import require_for_unit, require_in_window, require_options
from demand_service.domain.order import TemplateTask, plan_tasks
from demand_service.tables import Demand, KnownOffering
from demand_service.use_cases.request_forms import require_answers, require_plain
from demand_service.use_cases.steps import Asked, demand_to_change, take
from services.errors import Conflict, Fault, Invalid


class OfferingUnknown(Invalid): ...


class TermsAreProposed(Conflict): ...


@dataclass(frozen=True, slots=True)
class Terms:
    offering_id: UUID
    quantity: Decimal
    options: dict[str, Any]
    form: dict[str, Any]


async def propose_demand(
    session: AsyncSession,
    demand_id: UUID,
    terms: Terms,
    *,
    note: str | None,
    asked: Asked,
) -> Demand:
    """Propose, or propose again. A quote of the proposal before no longer counts, and neither does its approval."""
    demand = await demand_to_change(session, demand_id, asked)
    current = await queries.quote_in_force_of(session, demand)
    require_open_terms(None if current is None else current.as_quote())
    await require_on_offer(session, terms, business_unit_id=demand.business_unit_id, now=asked.now)
    demand.superseded_quote_id = latest(demand.superseded_quote_id, await queries.newest_quote_of(session, demand))
    demand.offering_id, demand.quantity = terms.offering_id, terms.quantity
    demand.options, demand.form = terms.options, terms.form
    demand.quote_id, demand.decision = None, None
    take(session, demand, Step.PROPOSE, person_id=asked.person_id, reason=note, now=asked.now)
    return demand


async def require_on_offer(
    session: AsyncSession, terms: Terms, *, business_unit_id: UUID, now: datetime
) -> KnownOffering:
    """The offering, if the business unit can order it now on these terms.

    Raises OfferingUnknown, OfferingNotPublished, OfferingNotInWindow, OfferingNotForUnit, QuantityNotPossible,
    OptionsNotValid, FormNotValid or PlanNotPossible.
    """
    require_quantity(terms.quantity)
    require_plain(terms.options, at="/options")
    offering = await session.get(KnownOffering, terms.offering_id)
    if offering is None:
        raise OfferingUnknown(
            f"the catalogue has not published an offering {terms.offering_id}",
            faults=[Fault("/offering_id", "is not a published offering")],
        )
    require_published(offering.name, offering.state)
    require_in_window(offering.name, opens=offering.valid_from, ends=offering.valid_until, now=now)
    path = await queries.units_above(session, business_unit_id)
    require_for_unit(offering.name, offering.audience, (unit.id for unit in path))
    require_options(offering.options or [], terms.options, name=offering.name)
    require_answers(offering.request_form, terms.form, offering=offering.name)
    plan_tasks(template_of(offering))
    return offering


def template_of(offering: KnownOffering) -> list[TemplateTask]:
    return [
        TemplateTask(task["key"], task["name"], tuple(task["depends_on"]), task["role"]) for task in offering.fulfilment
    ]
