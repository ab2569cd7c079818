"""Reads of what moved budgets."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.budget import Figure
from pricing_service.tables import Budget, BudgetEntry
from services.db import exact_sum


@dataclass(frozen=True, slots=True)
class Moved:
    """Movements of one figure in one period with one cause and one thing behind them."""

    cause: str
    number: int
    amount: Decimal
    charge: str | None
    quote_id: UUID | None
    source_id: UUID | None
    reason: str | None
    at: datetime
    movements: int


_BEHIND = (
    BudgetEntry.cause,
    BudgetEntry.number,
    BudgetEntry.charge,
    BudgetEntry.quote_id,
    BudgetEntry.source_id,
    BudgetEntry.reason,
)


async def movements_of(
    session: AsyncSession, budget_id: UUID, figure: Figure, number: int | None, *, limit: int
) -> tuple[list[Moved], int]:
    """The first `limit` groups of a figure's movements, the oldest first, and how many groups there are."""

    def of_figure(*columns: Any) -> Select[Any]:
        query = select(*columns).where(BudgetEntry.budget_id == budget_id, BudgetEntry.figure == figure)
        return query if number is None else query.where(BudgetEntry.number == number)

    first = func.min(BudgetEntry.at)
    groups = of_figure(*_BEHIND, exact_sum(BudgetEntry.delta), first, func.count()).group_by(*_BEHIND)
    count = await session.scalar(select(func.count()).select_from(of_figure(*_BEHIND).group_by(*_BEHIND).subquery()))
    ordered = groups.order_by(first, BudgetEntry.number, BudgetEntry.cause, BudgetEntry.quote_id)
    moved = [
        Moved(cause, period, amount, charge, quote_id, source_id, reason, at, movements)
        for cause, period, charge, quote_id, source_id, reason, amount, at, movements in await session.execute(
            ordered.limit(limit)
        )
    ]
    return moved, count or 0


@dataclass(frozen=True, slots=True)
class Charged:
    """What statements did to a figure in one period."""

    fiscal_year: int
    number: int
    figure: str
    charge: str | None
    amount: Decimal


async def charged_by_period(session: AsyncSession, budget: Budget) -> list[Charged]:
    """What statements did to this budget and to that of the year before."""
    columns = (Budget.fiscal_year, BudgetEntry.number, BudgetEntry.figure, BudgetEntry.charge)
    query = (
        select(*columns, exact_sum(BudgetEntry.delta))
        .join(Budget, Budget.id == BudgetEntry.budget_id)
        .where(
            Budget.business_unit_id == budget.business_unit_id,
            Budget.currency == budget.currency,
            Budget.scope_key == budget.scope_key,
            Budget.fiscal_year.in_([budget.fiscal_year - 1, budget.fiscal_year]),
            BudgetEntry.cause.in_(["statement", "charged"]),
            BudgetEntry.figure.in_([Figure.ACTUAL, Figure.RESERVED]),
        )
        .group_by(*columns)
    )
    return [Charged(*row) for row in await session.execute(query)]
