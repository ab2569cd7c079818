"""Disputes of statement lines, and credit notes."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.schemas import credits as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import CreditNote, Dispute
from pricing_service.use_cases import credit_notes, disputes, explanations
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Disputes and credit notes"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Consumer = Annotated[Principal, may(Role.CONSUMER)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE)]


@router.post(
    "/statements/{statement_id}/lines/{line_id}/disputes",
    response_model=bodies.DisputeRead,
    status_code=201,
    summary="Dispute a line",
)
async def open_dispute(
    statement_id: UUID,
    line_id: UUID,
    body: bodies.DisputeOpen,
    principal: Consumer,
    units: UnitScope,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> Dispute:
    """Of an issued chargeback statement, which is disputed until finance has resolved it. If-Match: the statement's."""
    dispute = await disputes.open_dispute(
        session,
        statement_id,
        line_id,
        claimed=body.claimed.money(),
        reason=body.reason,
        units=units,
        if_match=if_match,
        now=now,
    )
    return etag(dispute)


@router.get("/disputes", response_model=Page[bodies.DisputeRead], summary="List disputes")
async def list_disputes(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    business_unit_id: UUID | None = None,
    statement_id: UUID | None = None,
    state: DisputeState | None = None,
) -> Page[Any]:
    """Those of the business units in sight, the oldest first."""
    query = select(Dispute)
    if units.visible is not None:
        query = query.where(Dispute.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Dispute.business_unit_id == business_unit_id)
    if statement_id is not None:
        query = query.where(Dispute.statement_id == statement_id)
    if state is not None:
        query = query.where(Dispute.state == state)
    return await paginate(session, query, Dispute.id, paging)


@router.get("/disputes/{dispute_id}", response_model=bodies.DisputeRead, summary="Read a dispute")
async def read_dispute(
    dispute_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag
) -> Dispute:
    """What is claimed and why, and what came of it."""
    return etag(await disputes.dispute_in_sight(session, dispute_id, units))


@router.post("/disputes/{dispute_id}/resolve", response_model=bodies.DisputeRead, summary="Resolve a dispute")
async def resolve_dispute(
    dispute_id: UUID,
    body: bodies.DisputeResolve,
    principal: Finance,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> Dispute:
    """Reject it, or uphold it in full or in part: then the credit note is issued at once."""
    dispute = await disputes.resolve_dispute(
        session,
        dispute_id,
        body.outcome,
        amount=None if body.amount is None else body.amount.money(),
        reason=body.reason,
        if_match=if_match,
        now=now,
    )
    return etag(dispute)


@router.get("/disputes/{dispute_id}/explanation", summary="Explain a dispute")
async def explain_dispute(
    dispute_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.DisputeExplanation:
    """What became of the claim; the parts add up to it."""
    return explanations.explain_dispute(await disputes.dispute_in_sight(session, dispute_id, units))


@router.post("/credit-notes", status_code=201, summary="Issue a credit note")
async def issue_credit_note(
    body: bodies.CreditNoteCreate, principal: Finance, session: WriteSession, now: Now, etag: Etag
) -> bodies.CreditNoteRead:
    """Give back of an issued statement's lines, never more in all than they charge. It restores the budget."""
    note = await credit_notes.issue_manually(session, body, now=now)
    return await credit_notes.read_note(session, etag(note))


@router.get("/credit-notes", response_model=Page[bodies.CreditNoteSummary], summary="List credit notes")
async def list_credit_notes(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    business_unit_id: UUID | None = None,
    statement_id: UUID | None = None,
    period: Annotated[PeriodText | None, Query(description="In which they are booked")] = None,
    origin: CreditOrigin | None = None,
) -> Page[Any]:
    """Those of the business units in sight, the oldest first."""
    query = select(CreditNote)
    if units.visible is not None:
        query = query.where(CreditNote.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(CreditNote.business_unit_id == business_unit_id)
    if statement_id is not None:
        query = query.where(CreditNote.statement_id == statement_id)
    if period is not None:
        query = query.where(CreditNote.period == period)
    if origin is not None:
        query = query.where(CreditNote.origin == origin)
    return await paginate(session, query, CreditNote.id, paging)


@router.get("/credit-notes/{credit_note_id}", summary="Read a credit note")
async def read_credit_note(
    credit_note_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag
) -> bodies.CreditNoteRead:
    """With its lines, which add up to its total."""
    return await credit_notes.read_note(session, etag(await credit_notes.note_in_sight(session, credit_note_id, units)))


@router.post("/credit-notes/{credit_note_id}/reverse", status_code=201, summary="Reverse a credit note")
async def reverse_credit_note(
    credit_note_id: UUID,
    body: bodies.CreditNoteReverse,
    principal: Finance,
    units: UnitScope,
    session: WriteSession,
    now: Now,
    etag: Etag,
) -> bodies.CreditNoteRead:
    """Take it back as a whole, by a credit note of its own with the amounts below zero, and its own journal."""
    note = await credit_notes.note_in_sight(session, credit_note_id, units)
    reversal = await credit_notes.reverse(session, note, body.reason, now=now)
    return await credit_notes.read_note(session, etag(reversal))


@router.get("/credit-notes/{credit_note_id}/explanation", summary="Explain a credit note")
async def explain_credit_note(
    credit_note_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.CreditNoteExplanation:
    """The lines that it gives back, and what led to it: a dispute, a missed commitment, or somebody's word."""
    note = await credit_notes.note_in_sight(session, credit_note_id, units)
    return await explanations.explain_credit_note(session, note)
