"""Quotes, and why each of their amounts is what it is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.domain.quote import QuoteState
from pricing_service.schemas.numbers import Instant, Quantity
from pricing_service.schemas.prices import PartRead
from services.http import Body, DecimalString, MoneyModel, Read


class QuoteCreate(Body):
    """What an app wants quoted. Without `valid_until` or `valid_days` the quote is valid for 30 days."""

    business_unit_id: UUID
    offering_id: UUID
    quantity: Quantity
    demand_id: UUID | None = Field(None, description="The quote answers this demand, in place of its open one")
    valid_until: Instant | None = None
    valid_days: int | None = Field(None, ge=1, le=366)
    note: str | None = Field(None, min_length=1, max_length=500)
    tags: dict[str, str] = Field(
        default_factory=dict, max_length=100, description="What the subscription will carry: discounts may go by it"
    )
    term_months: int | None = Field(None, ge=1, le=1200, description="The term that will be committed to")


class RoundingRead(Read):
    """`amount` was rounded once, at the line's end; `difference` is what that added to the exact amount."""

    mode: str
    places: int
    difference: DecimalString


class QuoteLineRead(Read):
    """One charge at the quoted quantity; of kind plan_…: a discount, the minimum or the maximum of all of them."""

    charge: str
    name: str
    kind: str
    model: str
    recurring: str
    quantity: DecimalString
    unit_price: DecimalString | None = Field(description="Per month or year, as `recurring` says; null for tiers")
    formula: str
    amount: DecimalString = Field(description="Of one month; rounded once, half-even")
    rounding: RoundingRead | None = Field(None, description="None on a quote that is older than this field")


class BudgetAnswerRead(Read):
    """Whether the business unit's budget covers what the quote would reserve, when it was issued."""

    state: str = Field(description="none (there is no budget), enough or short")
    available: MoneyModel | None


class QuoteRead(Read):
    """An immutable offer. `total` is one month and the sum of `lines`; `annual_total` is twelve and the one-offs."""

    id: UUID
    number: str
    demand_id: UUID | None = Field(description="None where an app asked without one")
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID | None
    price_plan_id: UUID
    plan_version: int
    state: QuoteState
    quantity: DecimalString
    currency: str
    lines: list[QuoteLineRead]
    one_off_lines: list[QuoteLineRead]
    usage_charges: list[dict[str, Any]] = Field(description="Charges of what will be metered, as the plan has them")
    total: MoneyModel
    one_off_total: MoneyModel
    annual_total: MoneyModel
    budget: BudgetAnswerRead
    valid_until: datetime
    closed_reason: str | None
    note: str | None
    ended_at: datetime | None = Field(description="When what an accepted quote held was given back for good")
    created_at: datetime


class QuoteWithdraw(Body):
    reason: str = Field(min_length=1, max_length=500)


class QuoteLineExplained(QuoteLineRead):
    parts: list[PartRead] = Field(description="They add up to the amount; empty on a quote that is older than they are")
    plan_charge: dict[str, Any] | None


class QuotePool(Read):
    name: str
    cost_rows: int
    amount: DecimalString = Field(description="Of the pool, before it is shared")
    share: DecimalString = Field(description="What of it the service carries")


class QuoteReserved(Read):
    """What the quote holds, or held, of a budget in one period."""

    budget_id: UUID
    period: str
    charge: str
    amount: DecimalString
    left: DecimalString


class QuoteExplanation(Read):
    """Why the quote says what it says: the plan version, and the cost that was known when it was issued."""

    quote_id: UUID
    number: str
    total: MoneyModel
    one_off_total: MoneyModel
    lines: list[QuoteLineExplained]
    price_plan_id: UUID
    plan_version: int
    plan_effective_from: datetime
    service_id: UUID | None
    allocation_run_id: UUID | None
    period: str | None = Field(description="The billing period of that cost")
    service_cost: MoneyModel | None
    unit_cost: DecimalString | None
    pools: list[QuotePool]
    ledger_rows: int
    ledger_total: MoneyModel | None
    reserved: list[QuoteReserved]
