"""Budgets, what moves them, and why they are what they are."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from sqlalchemy import or_, select

from pricing_service.schemas.budgets import (
    BudgetAmend,
    BudgetCreate,
    BudgetDetail,
    BudgetExplanation,
    BudgetForecast,
    BudgetRead,
    BudgetTransferCreate,
    BudgetTransferRead,
)
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import Budget, BudgetTransfer
from pricing_service.use_cases import budget_changes, budget_reports, budgets
from pricing_service.use_cases.carry_over import start_carry_over
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

router = Api(prefix="/v1", tags=["Budgets"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER, Role.FINANCE)]


@router.post("/budgets", status_code=201, summary="Set a budget")
async def create_budget(
    body: BudgetCreate, principal: Finance, session: WriteSession, now: Now, etag: Etag
) -> BudgetDetail:
    """What a business unit may spend in a fiscal year, for everything, a service or a portfolio node; by period."""
    return await budgets.read_budget(session, etag(await budgets.create_budget(session, body, now=now)))


@router.get("/budgets", response_model=Page[BudgetRead], summary="List budgets")
async def list_budgets(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    business_unit_id: UUID | None = None,
    fiscal_year: int | None = None,
) -> Page[Any]:
    """Those of the business units in sight, with what is reserved, spent and available."""
    query = select(Budget)
    if units.visible is not None:
        query = query.where(Budget.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Budget.business_unit_id == business_unit_id)
    if fiscal_year is not None:
        query = query.where(Budget.fiscal_year == fiscal_year)
    return await paginate(session, query, Budget.id, paging)


@router.get("/budgets/{budget_id}/explanation", summary="Explain a budget")
async def explain_budget(
    budget_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, period: PeriodText | None = None
) -> BudgetExplanation:
    """The movements behind each figure, in all or of one period; they add up to it."""
    return await budget_reports.explain_budget(
        session, await budgets.budget_in_sight(session, budget_id, units), period
    )


@router.get("/budgets/{budget_id}/forecast", summary="Forecast a budget")
async def forecast_budget(
    budget_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, now: Now
) -> BudgetForecast:
    """To the end of the present period and of the year: charged, held, and what usage will come to at its run rate."""
    return await budget_reports.forecast_budget(
        session, await budgets.budget_in_sight(session, budget_id, units), now=now
    )


@router.post("/budgets/{budget_id}/amendments", status_code=201, summary="Amend a budget")
async def amend_budget(
    budget_id: UUID,
    body: BudgetAmend,
    principal: Finance,
    units: UnitScope,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> BudgetDetail:
    """Changes its amount, phases or rules; closed periods stand, and a hard budget keeps what is reserved and spent."""
    budget = await budget_changes.amend_budget(session, budget_id, body, units=units, if_match=if_match, now=now)
    return await budgets.read_budget(session, etag(budget))


@router.post(
    "/budget-transfers", response_model=BudgetTransferRead, status_code=201, summary="Transfer between budgets"
)
async def transfer(
    body: BudgetTransferCreate, principal: Finance, units: UnitScope, session: WriteSession, now: Now, etag: Etag
) -> BudgetTransfer:
    """Moves money to a budget of the same year and currency, both at once; refused where a hard one has not as much."""
    return etag(await budget_changes.transfer(session, body, units=units, now=now))


@router.get("/budget-transfers", response_model=Page[BudgetTransferRead], summary="List transfers")
async def list_transfers(
    principal: Finance, session: ReadSession, paging: Paging, budget_id: UUID | None = None
) -> Page[Any]:
    """The oldest first; with `budget_id` those from it and to it."""
    query = select(BudgetTransfer)
    if budget_id is not None:
        query = query.where(or_(BudgetTransfer.from_budget_id == budget_id, BudgetTransfer.to_budget_id == budget_id))
    return await paginate(session, query, BudgetTransfer.id, paging)


@router.post("/fiscal-years/{year}/carry-over", status_code=202, summary="Settle a fiscal year's budgets")
async def carry_over(
    year: Annotated[int, Path(ge=2000, le=2099)], response: Response, principal: Finance, session: WriteSession
) -> JobRead:
    """A job: what is left lapses or is carried over by each budget's policy. Each is settled once."""
    return accepted_job(response, await start_carry_over(session, year))


@router.get("/budgets/{budget_id}", summary="Read a budget")
async def read_budget(
    budget_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag
) -> BudgetDetail:
    """available = amount − reserved − actual, in total and in each period."""
    return await budgets.read_budget(session, etag(await budgets.budget_in_sight(session, budget_id, units)))
