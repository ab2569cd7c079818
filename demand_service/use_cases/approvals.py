"""Approving and turning down, where policy asks for a person."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.approval import (
    Outcome,
    decide_by_person,
    require_other_person,
    require_other_than_proposer,
)
from demand_service.domain.funnel import DemandState, Step, advance
from demand_service.tables import Demand
from demand_service.use_cases.agreement import decision_of, keep_decision, settle
from demand_service.use_cases.steps import Asked, demand_to_change, take


async def approve_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    reason: str,
    asked: Asked,
) -> Demand:
    """Approve what policy left to a person. If the quote is accepted by then, the order opens with it.

    Raises OwnDemand, OwnProposal, StepNotAllowed or NothingToApprove.
    """
    demand = await demand_to_change(session, demand_id, asked)
    require_other_person(asked.person_id, demand.requested_by)
    proposal = await queries.latest_proposal_of(session, demand)
    require_other_than_proposer(asked.person_id, None if proposal is None else proposal.person_id)
    advance(demand.standing, Step.APPROVE)  # the state is the first thing that may be wrong, so it is said first
    quote = await queries.quote_in_force_of(session, demand)
    decision = decide_by_person(
        decision_of(demand),
        Outcome.APPROVED,
        approver=asked.person_id,
        requested_by=demand.requested_by,
        quote_in_force=None if quote is None else quote.id,
    )
    keep_decision(demand, decision)
    take(session, demand, Step.APPROVE, person_id=asked.person_id, reason=reason, now=asked.now)
    await settle(session, demand, now=asked.now)
    return demand


async def reject_demand(
    session: AsyncSession,
    demand_id: UUID,
    *,
    reason: str,
    asked: Asked,
) -> Demand:
    """Turn the demand down, before or after it was quoted; a decision of policy on the quote is overruled by it."""
    demand = await demand_to_change(session, demand_id, asked)
    decision = decision_of(demand)
    if decision is not None and demand.state is DemandState.PROPOSED:
        overruled = decide_by_person(
            decision,
            Outcome.REJECTED,
            approver=asked.person_id,
            requested_by=demand.requested_by,
            quote_in_force=decision.quote_id,
        )
        keep_decision(demand, overruled)
    take(session, demand, Step.REJECT, person_id=asked.person_id, reason=reason, now=asked.now)
    return demand
