"""Quotes and budgets."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from pricing_service.domain.quote import QuoteState
from services.http import Body, DecimalString, MoneyModel, Read


def _not_negative(money: MoneyModel) -> MoneyModel:
    if money.amount < 0:
        raise ValueError("must not be negative")
    return money


class QuoteLineRead(Read):
    """One charge at the quoted quantity."""

    charge: str
    name: str
    kind: str
    model: str
    recurring: str
    quantity: DecimalString
    unit_price: DecimalString | None = Field(description="Per month or year, as `recurring` says; null for tiers")
    formula: str
    amount: DecimalString = Field(description="Of one month; rounded once, half-even")


class BudgetAnswerRead(Read):
    """Whether the business unit's budget covers what the quote would reserve, when it was issued."""

    state: str = Field(description="none (there is no budget), enough or short")
    available: MoneyModel | None


class QuoteRead(Read):
    """An immutable offer. `total` is one month and the sum of `lines`; `annual_total` is twelve and the one-offs."""

    id: UUID
    number: str
    demand_id: UUID
    business_unit_id: UUID
    offering_id: UUID
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
    created_at: datetime


class QuoteWithdraw(Body):
    reason: str = Field(min_length=1, max_length=500)


class BudgetCreate(Body):
    """What a business unit may spend in a fiscal year (the calendar year, for now)."""

    business_unit_id: UUID
    fiscal_year: int = Field(ge=2000, le=2100)
    amount: Annotated[MoneyModel, AfterValidator(_not_negative)]
    hard: bool = Field(description="A hard budget refuses what it cannot cover; a soft one only shows it")


class BudgetRead(Read):
    """available = amount − reserved − actual."""

    id: UUID
    business_unit_id: UUID
    fiscal_year: int
    currency: str
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    available: DecimalString
    hard: bool
    created_at: datetime
