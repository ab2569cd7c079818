"""What pricing publishes of budgets."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator

from pricing_service.events.examples import BUDGET, DEMAND, QUOTE, UNIT
from pricing_service.events.part import Part
from services.events import EventData, event_type
from services.http import DecimalString


class BudgetScopeData(Part):
    """Everything (all), one service, or a portfolio node by name, with the services below it."""

    kind: str
    name: str | None
    service_ids: Annotated[list[UUID], AfterValidator(sorted)]


class BudgetPhaseData(Part):
    """A period of the fiscal year, by its number."""

    number: int
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    memo: DecimalString
    available: DecimalString


class BudgetState(EventData):
    """A budget's full public state: available = amount − reserved − actual, in each phase and in total."""

    id: UUID
    business_unit_id: UUID
    fiscal_year: int
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    available: DecimalString
    currency: str
    hard: bool
    memo: DecimalString
    control: str
    scope: BudgetScopeData
    phases: list[BudgetPhaseData]
    thresholds: list[int]
    crossed: list[int]
    year_end: str


class BudgetForQuote(BudgetState):
    """`needed` is what the quote asks of this budget: the periods that are left, and what falls due once."""

    quote_id: UUID
    demand_id: UUID | None
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
    "memo": "0",
    "control": "year",
    "scope": {"kind": "all", "name": None, "service_ids": []},
    "phases": [
        {
            "number": number,
            "amount": "5000.00",
            "reserved": "90.00" if number > 10 else "0",
            "actual": "0",
            "memo": "0",
            "available": "4910.00" if number > 10 else "5000.00",
        }
        for number in range(1, 13)
    ],
    "thresholds": [50, 80, 100],
    "crossed": [],
    "year_end": "lapse",
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
    summary="A budget was set, amended or transferred, money of it was released, spent, restored or carried over",
    example=_BUDGET_EXAMPLE,
)
class BudgetBalanceChanged(BudgetState): ...


@event_type(
    "itaas.pricing.budget.threshold-crossed.v1",
    summary="Reserved + actual reached a threshold of the amount, for the first time",
    example=_BUDGET_EXAMPLE | {"reserved": "30000.00", "available": "30000.00", "crossed": [50], "threshold": 50},
)
class BudgetThresholdCrossed(BudgetState):
    """`threshold` in percent; each is told once in a budget's life."""

    threshold: int


PUBLISHED: list[type[EventData]] = [BudgetReserved, BudgetRefused, BudgetBalanceChanged, BudgetThresholdCrossed]
