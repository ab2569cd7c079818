"""What pricing publishes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.events import EventData, event_type
from services.http import DecimalString, MoneyModel

_ID = "0192f0c1-7b00-7000-8000-00000000000{}"
_QUOTE, _DEMAND, _UNIT, _OFFERING, _SERVICE, _BUDGET, _RUN, _PLAN, _STATEMENT = (_ID.format(n) for n in range(1, 10))
_SUBSCRIPTION, _LINE = _ID.format("a"), _ID.format("b")


def _usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="ignore")


class QuoteLineData(_Part):
    charge: str
    name: str
    model: str
    recurring: str
    quantity: DecimalString
    unit_price: DecimalString | None
    formula: str
    amount: DecimalString


class BudgetAnswerData(_Part):
    """Whether the business unit's budget covers it: none (there is no budget), enough or short."""

    state: str
    available: MoneyModel | None


class QuoteState(EventData):
    """A quote's full public state; `total` is one month, `annual_total` twelve and what falls due once."""

    id: UUID
    number: str
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
    price_plan_id: UUID
    plan_version: int
    state: str
    quantity: DecimalString
    currency: str
    lines: list[QuoteLineData]
    one_off_lines: list[QuoteLineData]
    total: MoneyModel
    one_off_total: MoneyModel
    annual_total: MoneyModel
    budget: BudgetAnswerData
    valid_until: datetime
    closed_reason: str | None = None


_QUOTE_EXAMPLE: dict[str, Any] = {
    "id": _QUOTE,
    "number": "Q-2026-000001",
    "demand_id": _DEMAND,
    "business_unit_id": _UNIT,
    "offering_id": _OFFERING,
    "price_plan_id": _PLAN,
    "plan_version": 1,
    "state": "open",
    "quantity": "4",
    "currency": "USD",
    "lines": [
        {
            "charge": "server",
            "name": "Virtual server tier 1",
            "model": "per_unit",
            "recurring": "year",
            "quantity": "4",
            "unit_price": "270",
            "formula": "(4 × 270) × 1/12 year = 90 USD",
            "amount": "90.00",
        }
    ],
    "one_off_lines": [],
    "total": _usd("90.00"),
    "one_off_total": _usd("0.00"),
    "annual_total": _usd("1080.00"),
    "budget": {"state": "enough", "available": _usd("60000.00")},
    "valid_until": "2026-12-24T09:00:00Z",
    "closed_reason": None,
}


@event_type("itaas.pricing.quote.issued.v1", summary="A quote was issued for a demand", example=_QUOTE_EXAMPLE)
class QuoteIssued(QuoteState): ...


@event_type(
    "itaas.pricing.quote.accepted.v1", summary="A quote was accepted", example=_QUOTE_EXAMPLE | {"state": "accepted"}
)
class QuoteAccepted(QuoteState): ...


@event_type(
    "itaas.pricing.quote.expired.v1", summary="A quote lapsed unaccepted", example=_QUOTE_EXAMPLE | {"state": "expired"}
)
class QuoteExpired(QuoteState): ...


@event_type(
    "itaas.pricing.quote.withdrawn.v1",
    summary="A quote was taken back",
    example=_QUOTE_EXAMPLE | {"state": "withdrawn", "closed_reason": "the demand was rejected"},
)
class QuoteWithdrawn(QuoteState): ...


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
    "id": _BUDGET,
    "business_unit_id": _UNIT,
    "fiscal_year": 2026,
    "amount": "60000.00",
    "reserved": "180.00",
    "actual": "0",
    "available": "59820.00",
    "currency": "USD",
    "hard": True,
}
_FOR_QUOTE: dict[str, Any] = {"quote_id": _QUOTE, "demand_id": _DEMAND, "needed": "180.00"}


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


@event_type(
    "itaas.pricing.unit-cost.published.v1",
    summary="An allocation run found what a unit of a service costs",
    example={
        "service_id": _SERVICE,
        "period": "2026-10",
        "cost": _usd("4980.123456789012"),
        "volume": "240",
        "unit_of_measure": "server",
        "unit_cost": "20.7505144033",
        "currency": "USD",
        "allocation_run_id": _RUN,
    },
)
class UnitCostPublished(EventData):
    """Cost per unit, to ten decimals, half-even."""

    service_id: UUID
    period: str
    cost: MoneyModel
    volume: DecimalString
    unit_of_measure: str
    unit_cost: DecimalString
    currency: str
    allocation_run_id: UUID


@event_type(
    "itaas.pricing.price.changed.v1",
    summary="An offering got a new price plan version",
    example={
        "offering_id": _OFFERING,
        "price_plan_id": _PLAN,
        "plan_version": 1,
        "currency": "USD",
        "effective_from": "2026-11-01T00:00:00Z",
        "charges": [{"key": "server", "name": "Server", "recurring": "year", "model": "per_unit", "unit_price": "270"}],
    },
)
class PriceChanged(EventData):
    offering_id: UUID
    price_plan_id: UUID
    plan_version: int
    currency: str
    effective_from: datetime
    charges: list[dict[str, Any]]


class StatementLineData(_Part):
    id: UUID
    subscription_id: UUID
    offering_id: UUID
    charge: str
    quantity: DecimalString
    amount: DecimalString


@event_type(
    "itaas.pricing.statement.issued.v1",
    summary="A statement was issued to a business unit",
    example={
        "id": _STATEMENT,
        "business_unit_id": _UNIT,
        "period": "2026-11",
        "sequence": 1,
        "state": "issued",
        "total": _usd("90.00"),
        "lines": [
            {
                "id": _LINE,
                "subscription_id": _SUBSCRIPTION,
                "offering_id": _OFFERING,
                "charge": "server",
                "quantity": "4",
                "amount": "90.00",
            }
        ],
    },
)
class StatementIssued(EventData):
    id: UUID
    business_unit_id: UUID
    period: str
    sequence: int
    state: str
    total: MoneyModel
    lines: list[StatementLineData]


PUBLISHED: list[type[EventData]] = [
    QuoteIssued,
    QuoteAccepted,
    QuoteExpired,
    QuoteWithdrawn,
    BudgetReserved,
    BudgetRefused,
    BudgetBalanceChanged,
    UnitCostPublished,
    PriceChanged,
    StatementIssued,
]
