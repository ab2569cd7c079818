"""Quotes: issued when a demand is proposed, accepted against the budget, withdrawn, expired."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import plan as plans
from pricing_service.domain import quote as domain
from pricing_service.domain.budget import BudgetExceeded
from pricing_service.domain.plan import PlanVersion, QuotedCharge, Recurrence
from pricing_service.domain.prices import Line
from pricing_service.domain.prices.line import PartKind
from pricing_service.domain.quote import QuoteNotAcceptable, QuoteState
from pricing_service.events import QuoteAccepted, QuoteExpired, QuoteIssued, QuoteWithdrawn
from pricing_service.tables import KnownDemand, KnownOffering, PricePlan, Quote, QuoteCounter, ServiceCost
from pricing_service.use_cases import budgets
from pricing_service.use_cases.charges import UnitCosts, UnitCostUnknown, parts_document, plan_version
from pricing_service.use_cases.rate_cards import price_for
from pricing_service.work import timers
from services.db import touch
from services.db.upsert import upsert
from services.errors import Conflict, Invalid, NotFound
from services.events import NotYet, record
from services.http import MoneyModel, check_version, plain
from services.identity import Units
from services.money import Money, exact_total, exponent

_LIVE = frozenset({QuoteState.OPEN, QuoteState.ACCEPTED})
OVER = frozenset({"rejected", "withdrawn", "cancelled"})  # a demand that will not happen any more, in demand's words


class DemandWithoutOption(Invalid): ...


class DemandAlreadyAccepted(Conflict): ...


class ProposalOutdated(Conflict): ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to be quoted: a demand with its chosen option, or what an app asks for.

    `sequence` is that of the demand's event, None where an app asks. `tags` (with the options) and `term_months` are
    what the subscription will have, as far as that is known: discounts and matrices go by them.
    """

    demand_id: UUID | None
    business_unit_id: UUID
    offering_id: UUID | None
    quantity: Decimal | None
    sequence: int | None = None
    valid_until: datetime | None = None
    note: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    term_months: int | None = None


async def quote_proposal(session: AsyncSession, proposal: Proposal, *, now: datetime) -> Quote | None:
    """Issue the quote of a proposed demand; a live one of an earlier proposal is withdrawn.

    A demand that knows of an acceptance refuses to be proposed anew. So a proposal after one was made without that
    knowledge: it counts, and the accepted quote gives its reservation back. A proposal that is older than what the
    demand has said or was quoted since (it was a dead letter, and is replayed) counts no longer; one that was quoted
    already is told again, and None.

    Raises NotYet while the offering, its price plan or its unit cost have not arrived, DemandWithoutOption,
    DemandAlreadyAccepted, ProposalOutdated.
    """
    assert proposal.demand_id is not None and proposal.sequence is not None
    if proposal.offering_id is None or proposal.quantity is None or proposal.quantity <= 0:
        raise DemandWithoutOption(f"demand {proposal.demand_id} names no offering, or no quantity above 0")
    earlier = await quotes_of(session, proposal.demand_id)
    heard = await session.get(KnownDemand, proposal.demand_id)
    quoted = [quote.proposal_sequence for quote in earlier if quote.proposal_sequence is not None]
    newest = max([0 if heard is None else heard.sequence, *quoted])
    if newest > proposal.sequence:
        raise ProposalOutdated(
            f"demand {proposal.demand_id} proposed this at {proposal.sequence}, but has been heard of at {newest} since"
        )
    if proposal.sequence in quoted:
        return None
    for quote in earlier:
        if quote.state in _LIVE:
            await _supersede(session, quote, now=now)
    return await issue_quote(session, proposal, now=now)


async def issue_quote(session: AsyncSession, proposal: Proposal, *, now: datetime) -> Quote:
    """Price a proposal with an offering and a quantity above 0. Raises NotYet as `quote_proposal` does."""
    assert proposal.offering_id is not None and proposal.quantity is not None
    row, version, offering, cost = await _plan_in_force(
        session, proposal.offering_id, proposal.business_unit_id, now=now
    )
    period = (await queries.fiscal_calendar(session)).of(now)
    of_units = await queries.tags_of(session, [proposal.business_unit_id], before=period.end)
    quoted = plans.quote(
        version,
        proposal.quantity,
        tags=proposal.tags,
        unit_tags=of_units.get(proposal.business_unit_id),
        term_months=proposal.term_months,
    )
    monthly = [charge for charge in quoted if charge.charge.recurrence is not Recurrence.ONE_OFF]
    once = [charge for charge in quoted if charge.charge.recurrence is Recurrence.ONE_OFF]
    total = _sum([charge.priced.total for charge in monthly], row.currency)
    one_off = _sum([charge.priced.total for charge in once], row.currency)
    annual = _sum([charge.annual for charge in quoted], row.currency)
    answer, available = await budgets.budget_answer(
        session, proposal.business_unit_id, offering.service_id, total, one_off, now=now
    )
    quote = Quote(
        number=await _next_number(session, now.year),
        demand_id=proposal.demand_id,
        proposal_sequence=proposal.sequence,
        business_unit_id=proposal.business_unit_id,
        offering_id=proposal.offering_id,
        service_id=offering.service_id,
        price_plan_id=row.id,
        plan_version=row.plan_version,
        state=QuoteState.OPEN,
        quantity=proposal.quantity,
        currency=row.currency,
        lines=_lines(monthly),
        one_off_lines=_lines(once),
        usage_charges=[charge for charge in row.charges if charge["recurring"] == Recurrence.USAGE],
        total_amount=total.amount,
        one_off_amount=one_off.amount,
        annual_amount=annual.amount,
        budget={
            "state": answer.value,
            "available": None if available is None else MoneyModel.of(available).model_dump(mode="json"),
        },
        valid_until=proposal.valid_until or now + domain.VALIDITY,
        note=proposal.note,
        allocation_run_id=None if cost is None else cost.allocation_run_id,
    )
    session.add(quote)
    record(session, quote, QuoteIssued)
    timers.set(session, "quote-lapse", due_at=quote.valid_until, payload={"quote_id": str(quote.id)})
    return quote


async def _supersede(session: AsyncSession, quote: Quote, *, now: datetime) -> None:
    state = QuoteState(quote.state)
    assert quote.demand_id is not None
    subscribed = state is QuoteState.ACCEPTED and await queries.is_subscribed(session, quote.demand_id)
    try:
        withdrawn = domain.supersede(state, subscribed=subscribed)
    except domain.QuoteNotSupersedable as refusal:
        raise DemandAlreadyAccepted(
            f"quote {quote.number} of demand {quote.demand_id} is accepted already, and {refusal.detail}"
        ) from refusal
    await end(session, quote, now=now)
    close(session, quote, withdrawn, "the demand was proposed anew")


async def _plan_in_force(
    session: AsyncSession, offering_id: UUID, business_unit_id: UUID, *, now: datetime
) -> tuple[PricePlan, PlanVersion, KnownOffering, ServiceCost | None]:
    offering = await session.get(KnownOffering, offering_id)
    if offering is None:
        raise NotYet(f"offering {offering_id} has not been published")
    row = await price_for(session, offering_id, business_unit_id, now)
    if row is None:
        raise NotYet(f"offering {offering_id} ({offering.name}) has no price plan in force")
    period = (await queries.fiscal_calendar(session)).of(now)
    costs = await UnitCosts.of(session, offering.service_id, period)
    try:
        version = plan_version(row, unit_costs=costs)
    except UnitCostUnknown as refusal:
        raise NotYet(f"offering {offering_id} ({offering.name}): {refusal.detail}") from refusal
    return row, version, offering, costs.allocated


def _sum(rounded: list[Decimal], currency: str) -> Money:
    return Money(exact_total(rounded), currency).rounded()  # of no lines: 0.00 rather than 0


def _lines(quoted: list[QuotedCharge]) -> list[dict[str, Any]]:
    return [
        {
            "charge": charge.charge.key,
            "name": charge.charge.name,
            "kind": line.kind.value,
            "model": charge.charge.model,
            "recurring": charge.charge.recurrence.value,
            "quantity": plain(line.quantity),
            "unit_price": None if line.unit_price is None else plain(line.unit_price),
            "formula": line.formula,
            "amount": plain(line.amount),
            "rounding": _rounding(line),
            "parts": parts_document(line.parts),
        }
        for charge in quoted
        for line in charge.priced.lines
    ]


def _rounding(line: Line) -> dict[str, Any]:
    """A line is rounded once; `difference` is what that added to the sum of its other parts."""
    added = exact_total([part.amount for part in line.parts if part.kind is PartKind.ROUNDING])
    return {"mode": "half-even", "places": exponent(line.currency), "difference": plain(added)}


async def accept_quote(
    session: AsyncSession, quote_id: UUID, *, units: Units, if_match: frozenset[int] | None, now: datetime
) -> Quote | BudgetExceeded:
    """Accept an open quote and reserve its budget.

    A hard budget that is too small is returned, not raised (the transaction keeps budget.refused); the quote
    stays open. Raises QuoteNotAcceptable.
    """
    quote = await quote_in_sight(session, quote_id, units, lock=True)
    check_version(quote, if_match)
    state = domain.accept(QuoteState(quote.state), valid_until=quote.valid_until, now=now)
    if quote.demand_id is not None and await _is_over(session, quote.demand_id):
        raise QuoteNotAcceptable("its demand has ended, so nothing would ever release what it reserves")
    refusal = await budgets.reserve(session, quote, now=now)
    if refusal is not None:
        return refusal
    quote.state = state
    record(session, quote, QuoteAccepted)
    return quote


async def withdraw_quote(
    session: AsyncSession, quote_id: UUID, reason: str, *, units: Units, if_match: frozenset[int] | None
) -> Quote:
    """Take an open quote back. Raises QuoteNotWithdrawable."""
    quote = await quote_in_sight(session, quote_id, units)
    check_version(quote, if_match)
    close(session, quote, domain.withdraw(QuoteState(quote.state)), reason)
    return quote


async def close_quotes_of_demand(session: AsyncSession, demand_id: UUID, reason: str, *, now: datetime) -> None:
    """The demand will not happen: an open quote is withdrawn, an accepted one gives its reservation back."""
    for quote in await quotes_of(session, demand_id):
        if quote.state == QuoteState.OPEN:
            close(session, quote, domain.withdraw(QuoteState.OPEN), reason)
        elif quote.state == QuoteState.ACCEPTED:
            await end(session, quote, now=now)


async def release_ended(session: AsyncSession, demand_id: UUID, *, now: datetime) -> None:
    """A subscription of the demand has ended: what is left of its reservation will not be spent any more.

    Unless another subscription of it goes on: then nothing is released yet.
    """
    if await queries.runs_on(session, demand_id):
        return
    for quote in await quotes_of(session, demand_id):
        if quote.state == QuoteState.ACCEPTED:
            await end(session, quote, now=now)


async def release_quote(
    session: AsyncSession, quote_id: UUID, *, units: Units, if_match: frozenset[int] | None, now: datetime
) -> Quote:
    """Give back what an accepted quote without a demand still holds. Raises QuoteNotReleasable."""
    quote = await quote_in_sight(session, quote_id, units, lock=True)
    check_version(quote, if_match)
    domain.release(
        QuoteState(quote.state), has_demand=quote.demand_id is not None, has_ended=quote.ended_at is not None
    )
    await end(session, quote, now=now)
    touch(quote)
    return quote


async def end(session: AsyncSession, quote: Quote, *, now: datetime) -> None:
    """Nothing more will be charged for an accepted quote: what it holds is given back."""
    await budgets.release(session, quote)
    if quote.state == QuoteState.ACCEPTED and quote.ended_at is None:
        quote.ended_at = now


async def _is_over(session: AsyncSession, demand_id: UUID) -> bool:
    demand = await session.get(KnownDemand, demand_id)
    if demand is not None and demand.state in OVER:
        return True
    return await queries.is_subscribed(session, demand_id) and not await queries.runs_on(session, demand_id)


@timers.handler("quote-lapse")
async def lapse_quote(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """Expire the quote if it is still open; the rule has refused its acceptance since it lapsed anyway."""
    quote = await session.get_one(Quote, UUID(payload["quote_id"]))
    if quote.state == QuoteState.OPEN:
        state = domain.expire(QuoteState.OPEN, valid_until=quote.valid_until, now=now)
        close(session, quote, state, "nobody accepted it in time", QuoteExpired)


async def quote_in_sight(session: AsyncSession, quote_id: UUID, units: Units, *, lock: bool = False) -> Quote:
    quote = await session.get(Quote, quote_id, with_for_update=True if lock else None, populate_existing=lock)
    if quote is None:
        raise NotFound(f"no quote {quote_id}")
    units.require(quote.business_unit_id)
    return quote


def close(
    session: AsyncSession,
    quote: Quote,
    state: QuoteState,
    reason: str,
    event: type[QuoteWithdrawn] | type[QuoteExpired] = QuoteWithdrawn,
) -> None:
    quote.state = state
    quote.closed_reason = reason
    record(session, quote, event)


async def quotes_of(session: AsyncSession, demand_id: UUID) -> list[Quote]:
    return list(await session.scalars(select(Quote).where(Quote.demand_id == demand_id).order_by(Quote.id)))


async def _next_number(session: AsyncSession, year: int) -> str:
    insert = upsert(session, QuoteCounter).values(year=year, last=1)
    count = await session.scalar(
        insert.on_conflict_do_update(
            index_elements=[QuoteCounter.year], set_={"last": QuoteCounter.last + 1}
        ).returning(QuoteCounter.last)
    )
    assert count is not None
    return domain.number(year, count)
