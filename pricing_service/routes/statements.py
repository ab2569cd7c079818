"""Rating runs, statements, and why each amount is what it is."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from pricing_service.domain.statement import StatementState
from pricing_service.schemas import statements as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import Statement
from pricing_service.use_cases import rating, statements
from services.http import (
    Api,
    Etag,
    IfMatch,
    JobRead,
    Now,
    Page,
    Paging,
    ReadSession,
    WriteSession,
    accepted_job,
    paginate,
)
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Statements"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE)]


@router.post("/rating-runs", status_code=202, summary="Rate a period")
async def start_rating(
    body: bodies.RatingRunCreate, response: Response, principal: Finance, session: WriteSession, now: Now
) -> JobRead:
    """A job that drafts each business unit's statement of what is not yet on an issued one. Drafts are replaced."""
    return accepted_job(response, await rating.start_rating(session, body, now=now))


@router.get("/statements", response_model=Page[bodies.StatementSummary], summary="List statements")
async def list_statements(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    business_unit_id: UUID | None = None,
    period: Annotated[PeriodText | None, Query()] = None,
    state: StatementState | None = None,
) -> Page[Any]:
    """Those of the business units in sight, the oldest first."""
    query = select(Statement)
    if units.visible is not None:
        query = query.where(Statement.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Statement.business_unit_id == business_unit_id)
    if period is not None:
        query = query.where(Statement.period == period)
    if state is not None:
        query = query.where(Statement.state == state)
    return await paginate(session, query, Statement.id, paging)


@router.get("/statements/{statement_id}", summary="Read a statement")
async def read_statement(
    statement_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag
) -> bodies.StatementRead:
    """With its lines, which add up to its total."""
    return await statements.read_statement(
        session, etag(await statements.statement_in_sight(session, statement_id, units))
    )


@router.post("/statements/{statement_id}/issue", summary="Issue a statement")
async def issue_statement(
    statement_id: UUID, principal: Finance, session: WriteSession, now: Now, if_match: IfMatch, etag: Etag
) -> bodies.StatementRead:
    """From draft to issued; from then on it stands, and its amounts are actual in the unit's budget."""
    statement = await statements.issue_statement(session, statement_id, if_match=if_match, now=now)
    return await statements.read_statement(session, etag(statement))


@router.get("/statements/{statement_id}/lines/{line_id}/explanation", summary="Explain an amount")
async def explain_line(
    statement_id: UUID, line_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.Explanation:
    """Parts that add up to the amount; beneath them the usage events, the plan version and the ledger rows."""
    return await statements.explain_line(session, statement_id, line_id, units=units)
