"""Agreement: what follows from the quotes, the policies and the approval that are known now.

`settle` is called after everything that can matter to it (an event of a quote, an approval, a resumption), and
makes the moves that `domain.agreement.next_move` names until there is none. So it does not matter in which
order these arrived, or how often.
"""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain import approval
from demand_service.domain.agreement import Move, answers_earlier_proposal, latest, next_move
from demand_service.domain.approval import Case, Decision, Outcome
from demand_service.domain.funnel import DemandState, Step
from demand_service.events import DemandApproved
from demand_service.tables import Demand, KnownQuote
from demand_service.use_cases.orders import open_order_of
from demand_service.use_cases.policies import policy_of
from demand_service.use_cases.steps import take
from services.db import touch
from services.events import record
from services.money import Money


async def settle(session: AsyncSession, demand: Demand, *, now: datetime) -> None:
    """Make every move that is due. Comes to rest: a quote is put to policy once, an order opened once."""
    while True:
        quote = await queries.quote_in_force_of(session, demand)
        evaluated = decision_of(demand)
        move = next_move(
            demand.state,
            quote=None if quote is None else quote.as_quote(),
            evaluated=None if evaluated is None else evaluated.quote_id,
        )
        if move is Move.EVALUATE and quote is not None:
            await _put_to_policy(session, demand, quote, now=now)
        elif move is Move.OPEN_ORDER:
            await open_order_of(session, demand, now=now)
        else:
            return


async def pass_over_if_outdated(
    session: AsyncSession, demand: Demand, quote_id: UUID, *, caused_by: str | None
) -> None:
    """An issued quote counts no longer if the demand has been proposed anew since the proposal that caused it.

    A quote that was known by then is superseded by proposing; this is for the one that comes to be known only now,
    on terms that may well be the same. Its issue is told before its acceptance, so it cannot count in between.
    """
    proposal = await queries.latest_proposal_of(session, demand)
    if proposal is not None and answers_earlier_proposal(caused_by, proposed=proposal.id):
        demand.superseded_quote_id = latest(demand.superseded_quote_id, quote_id)


def decision_of(demand: Demand) -> Decision | None:
    if demand.decision is None:
        return None
    kept = demand.decision
    return Decision(
        Outcome(kept["outcome"]),
        kept["policy"],
        kept["rule"],
        kept["reason"],
        UUID(kept["quote_id"]),
        decided_by=kept["decided_by"],
    )


def keep_decision(demand: Demand, decision: Decision) -> None:
    demand.decision = to_jsonable_python(asdict(decision))
    demand.quote_id = decision.quote_id


async def _put_to_policy(session: AsyncSession, demand: Demand, quote: KnownQuote, *, now: datetime) -> None:
    policies = [policy_of(row) for row in await queries.policies_in_order(session)]
    case = Case(demand.kind, quote.budget_state, Money(quote.annual_total, quote.currency))
    decision = approval.evaluate(policies, case, quote_id=quote.id)
    keep_decision(demand, decision)
    why = f"policy {decision.policy}, rule {decision.rule!r}: {decision.reason}"
    approved = decision.outcome is Outcome.APPROVED
    if demand.state is DemandState.APPROVED:
        if approved:
            record(session, demand, DemandApproved)
        else:
            # Another quote stands where the approved one did. Told as `proposed`, it would be quoted once more.
            take(session, demand, Step.PROPOSE, person_id=None, reason=why, now=now, tell=False)
    elif approved:
        take(session, demand, Step.APPROVE, person_id=None, reason=why, now=now)
    else:
        touch(demand)
