"""Statements as documents, and what stands beside their amounts."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select

from pricing_service import queries
from pricing_service.schemas import insights as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import ServiceClassification
from pricing_service.use_cases import classifications, insights, levers, recovery, statement_documents, statement_lines
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Statement documents"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE)]


class DocumentFormat(StrEnum):
    HTML = "html"
    CSV = "csv"
    FOCUS = "focus"


_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The document", "content": {"text/html": _TEXT, "text/csv": _TEXT}}
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "FOCUS 1.2 Cost and Usage, CSV", "content": {"text/csv": _TEXT}}
}


@router.get(
    "/statements/{statement_id}/document",
    response_class=Response,
    responses=_DOCUMENT,
    summary="A statement as page, CSV or FOCUS",
)
async def read_document(
    statement_id: UUID,
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    format: DocumentFormat = DocumentFormat.HTML,
) -> Response:
    """`html`: a page to read and print; `csv`: its lines; `focus`: its rows in FOCUS 1.2, provisional for a draft."""
    statement = await statement_lines.statement_in_sight(session, statement_id, units)
    name = f"statement-{statement.period}-{statement.sequence}-{statement.id}"
    match format:
        case DocumentFormat.HTML:
            html, nonce = await statement_documents.page(session, statement)
            policy = statement_documents.content_security_policy(nonce)
            return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy} | _NO_STORE)
        case DocumentFormat.CSV:
            text = await statement_documents.lines_csv(session, statement)
        case DocumentFormat.FOCUS:
            text, name = await statement_documents.statement_focus(session, statement), f"focus-{name}"
    return Response(text, media_type="text/csv", headers=_attachment(name))


_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'} | _NO_STORE


@router.get(
    "/focus-exports/{period}", response_class=StreamingResponse, responses=_CSV, summary="Export a period as FOCUS 1.2"
)
async def export_focus(
    period: PeriodText,
    request: Request,
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    business_unit_id: UUID | None = None,
) -> StreamingResponse:
    """All that was issued in the period to the business units in sight: statements, credit notes, what was prepaid."""
    name = (await queries.fiscal_calendar(session)).parse(period, pointer="period").name
    if business_unit_id is not None:
        units.require(business_unit_id)
    rows: AsyncIterator[str] = statement_documents.period_focus(
        request.app.state.runtime.database, name, units, business_unit_id
    )
    return StreamingResponse(rows, media_type="text/csv", headers=_attachment(f"focus-{name}"))


@router.get("/statements/{statement_id}/changes", summary="What drove the change since the last period")
async def read_changes(
    statement_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.ChangesRead:
    """By charge: started, ended, volume, price, adjustments and credits, which add up to the difference."""
    return await insights.read_changes(session, await statement_lines.statement_in_sight(session, statement_id, units))


@router.get("/statements/{statement_id}/levers", summary="What the business unit could do about its charges")
async def read_levers(
    statement_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.LeversRead:
    """Unused subscriptions, a cheaper offering for the observed usage, commitments; each with its saving."""
    return await levers.read_levers(session, await statement_lines.statement_in_sight(session, statement_id, units))


@router.get("/recovery", summary="What each service recovered of its cost")
async def read_recovery(
    principal: Finance, session: ReadSession, period: Annotated[PeriodText, Query()]
) -> bodies.RecoveryRead:
    """Revenue of the period's charges, less credits, against the cost by its newest allocation run."""
    return await recovery.read_recovery(session, period)


@router.put("/services/{service_id}/classification", summary="Place a service in FOCUS's list")
async def classify_service(
    service_id: UUID, body: bodies.ClassificationPut, principal: Finance, session: WriteSession, etag: Etag
) -> bodies.ClassificationRead:
    """The ServiceCategory and ServiceSubcategory that exports name; without it a service is "Other"."""
    stored = await classifications.classify(session, service_id, body)
    return bodies.ClassificationRead.model_validate(etag(stored))


@router.get(
    "/service-classifications", response_model=Page[bodies.ClassificationRead], summary="List the services' places"
)
async def list_classifications(principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """Those that were set."""
    return await paginate(session, select(ServiceClassification), ServiceClassification.id, paging)
