"""What pricing publishes of budgets."""

from typing import Any
from uuid import UUID

from pricing_service.events.examples import BUDGET, DEMAND, QUOTE, UNIT
from services.events import EventData, event_type
from services.http import DecimalString


class BudgetState(EventData):
    """A budget's full public state: available = amount − reserved − actual."""

    id: UUID
    business_unit_id: UUID
    fiscal_year: int
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    available: DecimalString
    currency: str
    hard: bool


class BudgetForQuote(BudgetState):
    """`needed` is what the quote asks for: its months that are left in the fiscal year, and what falls due once."""

    quote_id: UUID
    demand_id: UUID
    needed: DecimalString


_BUDGET_EXAMPLE: dict[str, Any] = {
    "id": BUDGET,
    "business_unit_id": UNIT,
    "fiscal_year": 2026,
    "amount": "60000.00",
    "reserved": "180.00",
    "actual": "0",
    "available": "59820.00",
    "currency": "USD",
    "hard": True,
}


_FOR_QUOTE: dict[str, Any] = {"quote_id": QUOTE, "demand_id": DEMAND, "needed": "180.00"}


@event_type(
    "itaas.pricing.budget.reserved.v1", summary="Money was held for a quote", example=_BUDGET_EXAMPLE | _FOR_QUOTE
)
class BudgetReserved(BudgetForQuote): ...


@event_type(
    "itaas.pricing.budget.refused.v1",
    summary="A hard budget did not cover a quote",
    example=_BUDGET_EXAMPLE | _FOR_QUOTE | {"needed": "70000.00"},
)
class BudgetRefused(BudgetForQuote): ...


@event_type(
    "itaas.pricing.budget.balance-changed.v1",
    summary="A budget was set, money of it was released or spent",
    example=_BUDGET_EXAMPLE,
)
class BudgetBalanceChanged(BudgetState): ...


PUBLISHED: list[type[EventData]] = [BudgetReserved, BudgetRefused, BudgetBalanceChanged]
