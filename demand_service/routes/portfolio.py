"""The portfolio, over HTTP: candidates by value and cost, and the best set of them."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlalchemy import select

from demand_service.domain.portfolio import Nature
from demand_service.routes.asking import asking
from demand_service.schemas.assessment import (
    BusinessCasePut,
    BusinessCaseRead,
    OptimisationCreate,
    OptimisationRead,
    PortfolioSummary,
)
from demand_service.tables import BusinessCase
from demand_service.use_cases import assessment, portfolio
from demand_service.use_cases.steps import Asked
from services.http import Api, Etag, JobRead, Page, Paging, ReadSession, WriteSession, accepted_job, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Portfolio"])

Reader = Annotated[Principal, may(*Role)]
# Whether If-Match was sent: a PUT that creates needs none.
Condition = Annotated[str | None, Header(include_in_schema=False)]
Leader = Annotated[Principal, may(Role.DEMAND_LEADER, Role.FINANCE)]


@router.put(
    "/demands/{demand_id}/business-case", response_model=BusinessCaseRead, summary="Keep a demand's business case"
)
async def put_business_case(
    demand_id: UUID,
    body: BusinessCasePut,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.DEMAND_LEADER)],
    response: Response,
    if_match: Condition = None,
) -> BusinessCase:
    """Value, cost, person-days by skill, run or change: what makes it a candidate. 201 for the first; while it is open.
    Scores that derive from it are made anew. If-Match, needed to replace it, is the business case's."""
    row, new = await assessment.put_business_case(
        session, demand_id, body, asked=asked, conditional=if_match is not None
    )
    response.status_code = 201 if new else 200
    return etag(row)


@router.get(
    "/demands/{demand_id}/business-case", response_model=BusinessCaseRead, summary="Read a demand's business case"
)
async def read_business_case(
    demand_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> BusinessCase:
    """As it was kept last."""
    await assessment.demand_in_sight(session, demand_id, units)
    row = (await session.scalars(select(BusinessCase).where(BusinessCase.demand_id == demand_id))).one_or_none()
    if row is None:
        raise assessment.BusinessCaseNotFound(f"demand {demand_id} has no business case")
    return etag(row)


@router.get("/portfolio", response_model=Page[BusinessCaseRead], summary="List the portfolio's candidates")
async def list_candidates(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    nature: Nature | None = None,
) -> Page[Any]:
    """Value against cost, of the open demands in sight that have a business case."""
    query = portfolio.candidates(units, business_unit_id=business_unit_id)
    if nature is not None:
        query = query.where(BusinessCase.nature == nature)
    return await paginate(session, query, BusinessCase.id, paging)


@router.get("/portfolio-summary", response_model=PortfolioSummary, summary="Sum up the portfolio")
async def sum_up(
    session: ReadSession, principal: Reader, units: UnitScope, business_unit_id: UUID | None = None
) -> dict[str, Any]:
    """Run against change, per currency: how many, and exact sums of value and cost."""
    return {"totals": await portfolio.totals(session, units, business_unit_id=business_unit_id)}


async def _solve(
    request: Request, body: OptimisationCreate, principal: Leader, units: UnitScope
) -> tuple[portfolio.Asked, dict[str, Any] | None]:
    """Before the route's transaction begins: SQLite's one writer does not wait for a solver."""
    async with request.app.state.runtime.database.reading() as session:
        asked = await portfolio.asked_for(session, body, units=units)
    return asked, await portfolio.solved_at_once(asked)


Solved = Annotated[tuple[portfolio.Asked, dict[str, Any] | None], Depends(_solve)]


@router.post(
    "/portfolio-optimisations",
    response_model=OptimisationRead | JobRead,
    responses={
        200: {"model": OptimisationRead, "description": "The best set"},
        202: {"model": JobRead, "description": "More than 200 candidates: the job that looks for it"},
    },
    summary="Find the best set",
)
async def optimise(principal: Leader, solved: Solved, session: WriteSession, response: Response) -> Any:
    """The most value under budget, capacity, must-haves, exclusions and dependencies, exactly; what just missed the
    cut, and what more of each limit is worth. `proven_optimal` is false where the time ran out."""
    asked, found = solved
    if found is None:
        response.status_code = 202
        return accepted_job(response, await portfolio.start_optimisation(session, asked))
    return found
