"""Rating runs, statements and their explanations."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.domain.credit import CreditOrigin
from pricing_service.domain.statement import BillingMode, StatementAction, StatementState
from pricing_service.schemas.credits import DisputeRead, ExplainedPart
from pricing_service.schemas.numbers import PeriodText
from pricing_service.schemas.prices import PartRead
from services.http import Body, DecimalString, MoneyModel, Read


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
    credited: DecimalString = Field(default=Decimal(0), description="What credit notes give back of it")
    disputed: bool = Field(default=False, description="Whether a dispute of it is open")


class StatementStepRead(Read):
    action: StatementAction
    before: StatementState
    after: StatementState
    at: datetime
    person_id: str | None = Field(description="Opaque; null where no person did it")


class StatementSummary(Read):
    id: UUID
    business_unit_id: UUID
    period: str
    sequence: int = Field(description="1 is the period's first statement; later ones bill what came after it")
    state: StatementState
    mode: BillingMode | None = Field(description="By the unit's billing profile at issue; null of a draft")
    total: MoneyModel
    credited: MoneyModel = Field(description="By credit notes")
    owed: MoneyModel | None = Field(description="total − credited of a chargeback, 0 of a showback, null of a draft")
    issued_at: datetime | None
    created_at: datetime


class StatementRead(StatementSummary):
    """A business unit's charges of a month. Never edited: a draft is replaced as a whole, an issued one stands."""

    lines: list[StatementLineRead]
    life: list[StatementStepRead] = Field(description="What was done to it, when and by whom")


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
    href: str = Field(description="The cost rows that the allocation run took into the pool")


class CreditNoteLineBehind(Read):
    credit_note_id: UUID
    number: str
    amount: DecimalString
    origin: CreditOrigin
    period: str
    issued_at: datetime


class Explanation(Read):
    """Why this amount: `parts` add up to it. Below them what was metered, the plan version, and the cost behind it."""

    line_id: UUID
    amount: MoneyModel
    formula: str
    parts: list[PartRead]
    split_start: date
    usage_events: int
    usage: list[UsageBehind] = Field(description="The first hundred of the usage events that this line bills")
    usage_href: str | None = Field(default=None, description="Where all of them are listed; null where there are none")
    price_plan: PlanBehind | None
    allocation_run_id: UUID | None
    service_cost: MoneyModel | None
    unit_cost: DecimalString | None
    pools: list[PoolBehind]
    ledger_rows: int = Field(description="Cost rows in the pools that the service shares")
    ledger_total: MoneyModel | None
    adjusts_period: str | None = None
    disputes: list[DisputeRead] = Field(default=[], description="The oldest first")
    credits: list[CreditNoteLineBehind] = Field(default=[], description="What credit notes gave back of the line")
    remaining: MoneyModel | None = Field(default=None, description="The amount less what was credited")
    can_be_disputed: MoneyModel | None = Field(
        default=None, description="Most that a new dispute of the line may claim; null where there can be none"
    )


class StatementExplanation(Read):
    """Why this total: `parts` add up to it, one for each service, charge and adjusted period; `credits` come off it."""

    statement_id: UUID
    amount: MoneyModel
    parts: list[ExplainedPart]
    credits: list[ExplainedPart] = Field(description="Credit notes, below zero")
    owed: MoneyModel | None = Field(description="Parts and credits of a chargeback; 0 of a showback")
    journal_ids: list[UUID]
    life: list[StatementStepRead]
