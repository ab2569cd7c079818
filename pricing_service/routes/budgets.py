"""Budgets."""

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import select

from pricing_service.schemas.budgets import BudgetCreate, BudgetDetail, BudgetRead
from pricing_service.tables import Budget
from pricing_service.use_cases import budgets
from services.http import Api, Etag, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Budgets"])
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER, Role.FINANCE)]


@router.post("/budgets", status_code=201, summary="Set a budget")
async def create_budget(
    body: BudgetCreate, principal: Annotated[Principal, may(Role.FINANCE)], session: WriteSession, now: Now, etag: Etag
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


@router.get("/budgets/{budget_id}", summary="Read a budget")
async def read_budget(
    budget_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag
) -> BudgetDetail:
    """available = amount − reserved − actual, in total and in each period."""
    return await budgets.read_budget(session, etag(await budgets.budget_in_sight(session, budget_id, units)))
