"""Quotes: issued when a demand is proposed or an app asks; read, explained, accepted, withdrawn, released."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select

from pricing_service.domain import quote as domain
from pricing_service.domain.budget import BudgetExceeded
from pricing_service.domain.quote import QuoteState
from pricing_service.schemas.quotes import QuoteCreate, QuoteExplanation, QuoteRead, QuoteWithdraw
from pricing_service.tables import Quote
from pricing_service.use_cases import quote_requests, quotes
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.http.problems import answer, describe
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Quotes"])
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER, Role.SERVICE_OWNER, Role.FINANCE)]


@router.get("/quotes", response_model=Page[QuoteRead], summary="List quotes")
async def list_quotes(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    now: Now,
    demand_id: UUID | None = None,
    business_unit_id: UUID | None = None,
) -> Page[Any]:
    """Those of the business units in sight, the oldest first."""
    query = select(Quote)
    if units.visible is not None:
        query = query.where(Quote.business_unit_id.in_(units.visible))
    if demand_id is not None:
        query = query.where(Quote.demand_id == demand_id)
    if business_unit_id is not None:
        query = query.where(Quote.business_unit_id == business_unit_id)
    page = await paginate(session, query, Quote.id, paging)
    return Page[Any](items=[_as_of(quote, now) for quote in page.items], next_cursor=page.next_cursor)


@router.post("/quotes", status_code=201, summary="Ask for a quote")
async def request_quote(
    body: QuoteCreate,
    principal: Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE)],
    units: UnitScope,
    session: WriteSession,
    now: Now,
    etag: Etag,
) -> QuoteRead:
    """An offering and a quantity, priced by the plan in force, with or without a demand."""
    return _as_of(etag(await quote_requests.request_quote(session, body, units=units, now=now)), now)


@router.get("/quotes/{quote_id}/explanation", summary="Explain a quote")
async def explain_quote(quote_id: UUID, principal: Reader, units: UnitScope, session: ReadSession) -> QuoteExplanation:
    """Each line's parts, the plan version, the unit cost and its allocation run, and what it reserved."""
    return await quote_requests.explain_quote(session, await quotes.quote_in_sight(session, quote_id, units))


@router.get("/quotes/{quote_id}", summary="Read a quote")
async def read_quote(
    quote_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, now: Now, etag: Etag
) -> QuoteRead:
    """With its lines; its state is that of now, whether or not its lapse has been noted."""
    return _as_of(etag(await quotes.quote_in_sight(session, quote_id, units)), now)


@router.post("/quotes/{quote_id}/accept", response_model=QuoteRead, summary="Accept a quote")
async def accept_quote(
    quote_id: UUID,
    request: Request,
    principal: Annotated[Principal, may(Role.CONSUMER, Role.FINANCE)],
    units: UnitScope,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> Any:
    """Binds the business unit and reserves its budget; 409 where a hard budget does not cover it."""
    outcome = await quotes.accept_quote(session, quote_id, units=units, if_match=if_match, now=now)
    if isinstance(outcome, BudgetExceeded):
        # A raised refusal would roll budget.refused back with the transaction, so this one is answered.
        return answer(describe(outcome, instance=request.url.path))
    return etag(outcome)


@router.post("/quotes/{quote_id}/withdraw", response_model=QuoteRead, summary="Withdraw a quote")
async def withdraw_quote(
    quote_id: UUID,
    body: QuoteWithdraw,
    principal: Annotated[Principal, may(Role.FINANCE, Role.DEMAND_LEADER)],
    units: UnitScope,
    session: WriteSession,
    if_match: IfMatch,
    etag: Etag,
) -> Quote:
    """Takes an open quote back."""
    return etag(await quotes.withdraw_quote(session, quote_id, body.reason, units=units, if_match=if_match))


@router.post("/quotes/{quote_id}/release", response_model=QuoteRead, summary="Release what a quote holds")
async def release_quote(
    quote_id: UUID,
    principal: Annotated[Principal, may(Role.FINANCE)],
    units: UnitScope,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> Quote:
    """For an accepted quote without a demand, which nothing else would end: its budgets get back what is left."""
    return etag(await quotes.release_quote(session, quote_id, units=units, if_match=if_match, now=now))


def _as_of(quote: Quote, now: datetime) -> QuoteRead:
    state = domain.current(QuoteState(quote.state), valid_until=quote.valid_until, now=now)
    return QuoteRead.model_validate(quote).model_copy(update={"state": state})
