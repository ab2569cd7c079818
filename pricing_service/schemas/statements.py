"""Usage, rating runs, statements and their explanations."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.domain.statement import StatementState
from pricing_service.domain.usage import Outcome
from pricing_service.schemas.numbers import PeriodText
from pricing_service.schemas.prices import PartRead
from services.http import Body, DecimalString, MoneyModel, Read


class UsageOutcome(Read):
    id: str | None
    source: str | None
    outcome: Outcome
    reason: str | None = None


class UsageOutcomes(Read):
    """One outcome per event, in the order of the batch."""

    items: list[UsageOutcome]


class RatingRunCreate(Body):
    period: PeriodText


class StatementLineRead(Read):
    id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    charge: str
    name: str
    kind: str
    model: str
    recurring: str
    meter: str | None
    service_period: str = Field(description="The period that it is for: the next one where it is billed in advance")
    adjusts_period: str | None = Field(description="The closed period that it puts right, where it is an adjustment")
    split_start: date
    split_end: date | None = Field(description="The first day that is no longer in it")
    quantity: DecimalString
    unit_price: DecimalString | None
    formula: str
    amount: DecimalString
    currency: str


class StatementSummary(Read):
    id: UUID
    business_unit_id: UUID
    period: str
    sequence: int = Field(description="1 is the period's first statement; later ones bill what came after it")
    state: StatementState
    total: MoneyModel
    issued_at: datetime | None
    created_at: datetime


class StatementRead(StatementSummary):
    """A business unit's charges of a month. Never edited: a draft is replaced as a whole, an issued one stands."""

    lines: list[StatementLineRead]


class PlanBehind(Read):
    id: UUID
    offering_id: UUID
    version: int
    effective_from: datetime
    charge: dict[str, Any] | None


class UsageBehind(Read):
    id: str
    source: str
    time: datetime
    meter: str
    quantity: DecimalString
    withdrawn: bool = Field(
        False, description="Billed by an earlier statement and taken off by this one: it was voided or replaced"
    )


class PoolBehind(Read):
    name: str
    cost_rows: int
    amount: DecimalString = Field(description="Of the pool, before it is shared")
    share: DecimalString = Field(description="What of it the service carries")


class Explanation(Read):
    """Why this amount: `parts` add up to it. Below them what was metered, the plan version, and the cost behind it."""

    line_id: UUID
    amount: MoneyModel
    formula: str
    parts: list[PartRead]
    split_start: date
    usage_events: int
    usage: list[UsageBehind] = Field(description="The first hundred of the usage events that this line bills")
    price_plan: PlanBehind | None
    allocation_run_id: UUID | None
    service_cost: MoneyModel | None
    unit_cost: DecimalString | None
    pools: list[PoolBehind]
    ledger_rows: int = Field(description="Cost rows in the pools that the service shares")
    ledger_total: MoneyModel | None
