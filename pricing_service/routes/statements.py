"""Rating runs, statements, and why each amount is what it is."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Response
from sqlalchemy import select

from pricing_service.domain.statement import StatementState
from pricing_service.schemas import statements as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.schemas.quarterly import QuarterlyStatementRead
from pricing_service.tables import Statement
from pricing_service.use_cases import explanations, line_usage, quarterly, rating, statement_life, statements
from pricing_service.use_cases.statement_lines import statement_in_sight
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
    return await statements.read_statement(session, etag(await statement_in_sight(session, statement_id, units)))


@router.post("/statements/{statement_id}/issue", summary="Issue a statement")
async def issue_statement(
    statement_id: UUID, principal: Finance, session: WriteSession, now: Now, if_match: IfMatch, etag: Etag
) -> bodies.StatementRead:
    """From draft to issued: it stands from then on. As a chargeback its amounts are actual in the unit's budget."""
    statement = await statement_life.issue_statement(session, statement_id, if_match=if_match, now=now)
    return await statements.read_statement(session, etag(statement))


@router.post("/statements/{statement_id}/post", summary="Post a statement")
async def post_statement(
    statement_id: UUID, principal: Finance, session: WriteSession, now: Now, if_match: IfMatch, etag: Etag
) -> bodies.StatementRead:
    """From issued to posted: balanced journals of the chargeback and its credit notes so far, for the ledger."""
    statement = await statement_life.post_statement(session, statement_id, if_match=if_match, now=now)
    return await statements.read_statement(session, etag(statement))


@router.post("/statements/{statement_id}/settle", summary="Settle a statement")
async def settle_statement(
    statement_id: UUID, principal: Finance, session: WriteSession, now: Now, if_match: IfMatch, etag: Etag
) -> bodies.StatementRead:
    """From posted to settled: the ledger has booked it."""
    statement = await statement_life.settle_statement(session, statement_id, if_match=if_match, now=now)
    return await statements.read_statement(session, etag(statement))


@router.post("/periods/{period}/statement-issues", status_code=202, summary="Issue a period's statements")
async def issue_statements(
    period: Annotated[PeriodText, Path()], response: Response, principal: Finance, session: WriteSession, now: Now
) -> JobRead:
    """A job that issues all drafts of the period, one by one; what is refused stays a draft and is in its result."""
    return accepted_job(response, await statement_life.start_issue(session, period, now=now))


@router.get("/statements/{statement_id}/explanation", summary="Explain a statement")
async def explain_statement(
    statement_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.StatementExplanation:
    """What its total is made of, per service and charge, and what credit notes take off it."""
    statement = await statement_in_sight(session, statement_id, units)
    return await explanations.explain_statement(session, statement)


@router.get(
    "/business-units/{business_unit_id}/quarterly-statements/{quarter}",
    summary="Read a quarterly statement",
)
async def read_quarterly_statement(
    business_unit_id: UUID,
    quarter: Annotated[str, Path(pattern=r"^\d{4}-Q[1-4]$", examples=["2026-Q3"])],
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
) -> QuarterlyStatementRead:
    """The issued statements, adjustments and credit notes of a fiscal quarter's periods, per service and charge."""
    units.require(business_unit_id, pointer="business_unit_id")
    return await quarterly.quarterly_statement(session, business_unit_id, quarter)


@router.get("/statements/{statement_id}/lines/{line_id}/explanation", summary="Explain an amount")
async def explain_line(
    statement_id: UUID, line_id: UUID, principal: Reader, units: UnitScope, session: ReadSession
) -> bodies.Explanation:
    """Parts that add up to the amount; beneath them the usage events, the plan version and the ledger rows."""
    return await statements.explain_line(session, statement_id, line_id, units=units)


@router.get("/statements/{statement_id}/lines/{line_id}/usage", summary="List the usage behind an amount")
async def list_line_usage(
    statement_id: UUID,
    line_id: UUID,
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=200, description="Items on a page")] = 50,
    cursor: Annotated[str | None, Query(max_length=4000, description="`next_cursor` of the page before")] = None,
) -> Page[bodies.UsageBehind]:
    """All the usage events that the line bills, or takes off again, in the order of their time."""
    return await line_usage.list_usage(session, statement_id, line_id, units=units, limit=limit, cursor=cursor)
