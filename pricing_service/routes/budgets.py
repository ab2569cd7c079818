"""Budgets."""

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import select

from pricing_service.schemas.quotes import BudgetCreate, BudgetRead
from pricing_service.tables import Budget
from pricing_service.use_cases import budgets
from services.errors import NotFound
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Budgets"])
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER, Role.FINANCE)]


@router.post("/budgets", response_model=BudgetRead, status_code=201, summary="Set a budget")
async def create_budget(
    body: BudgetCreate, principal: Annotated[Principal, may(Role.FINANCE)], session: WriteSession, etag: Etag
) -> Budget:
    """What a business unit may spend in a fiscal year; one per currency."""
    return etag(await budgets.create_budget(session, body))


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


@router.get("/budgets/{budget_id}", response_model=BudgetRead, summary="Read a budget")
async def read_budget(budget_id: UUID, principal: Reader, units: UnitScope, session: ReadSession, etag: Etag) -> Budget:
    """available = amount − reserved − actual."""
    budget = await session.get(Budget, budget_id)
    if budget is None:
        raise NotFound(f"no budget {budget_id}")
    units.require(budget.business_unit_id)
    return etag(budget)
