"""Journals, for the ledger."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from pricing_service import queries
from pricing_service.schemas import journals as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import Journal
from pricing_service.use_cases import explanations, journals
from services.http import Api, Etag, Page, Paging, ReadSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Journals"])
Finance = Annotated[Principal, may(Role.FINANCE)]


@router.get("/journals", response_model=Page[bodies.JournalSummary], summary="List journals")
async def list_journals(
    principal: Finance,
    session: ReadSession,
    paging: Paging,
    period: Annotated[PeriodText | None, Query(description="In which they are booked")] = None,
    business_unit_id: UUID | None = None,
    statement_id: UUID | None = None,
) -> Page[Any]:
    """The oldest first."""
    query = select(Journal)
    if period is not None:
        query = query.where(Journal.period == period)
    if business_unit_id is not None:
        query = query.where(Journal.business_unit_id == business_unit_id)
    if statement_id is not None:
        query = query.where(Journal.statement_id == statement_id)
    return await paginate(session, query, Journal.id, paging)


@router.get(
    "/journals/export",
    summary="Export journals",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_journals(
    request: Request, principal: Finance, session: ReadSession, period: Annotated[PeriodText, Query()]
) -> StreamingResponse:
    """All lines of a period's journals as CSV, in the order of their numbers; of any length."""
    name = (await queries.fiscal_calendar(session)).parse(period, pointer="period").name
    database = request.app.state.runtime.database

    async def lines() -> AsyncIterator[bytes]:
        async with database.reading() as reading:  # the request's own session ends before the answer is sent
            async for block in journals.exported(reading, name):
                yield block

    headers = {"Content-Disposition": f'attachment; filename="journals-{name}.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/journals/{journal_id}", summary="Read a journal")
async def read_journal(journal_id: UUID, principal: Finance, session: ReadSession, etag: Etag) -> bodies.JournalRead:
    """With its lines: debits equal credits, in total and of each legal entity."""
    return await journals.read_journal(session, etag(await journals.journal(session, journal_id)))


@router.get("/journals/{journal_id}/lines/{line_id}/explanation", summary="Explain a journal line")
async def explain_journal_line(
    journal_id: UUID, line_id: UUID, principal: Finance, session: ReadSession
) -> bodies.JournalLineExplanation:
    """The lines of the statement or credit note behind it, which add up to it."""
    journal, line = await journals.journal_line(session, journal_id, line_id)
    return await explanations.explain_journal_line(session, journal, line)
