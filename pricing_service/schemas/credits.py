"""Disputes and credit notes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.domain.statement import BillingMode
from services.http import AmountInput, Body, DecimalString, MoneyInput, MoneyModel, Read

Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, strip_whitespace=True),
    Field(description="In a person's own words: kept here, and in no event", examples=["We gave it back in May"]),
]


class DisputeOpen(Body):
    claimed: MoneyInput = Field(description="What of the line should not be charged: at most what is left of it")
    reason: Reason


class DisputeResolve(Body):
    outcome: Literal["rejected", "upheld"]
    amount: MoneyInput | None = Field(default=None, description="Of an upheld one: less than what was claimed")
    reason: Reason


class DisputeRead(Read):
    """A contested line. `awarded` is what its credit note gives back."""

    id: UUID
    business_unit_id: UUID
    statement_id: UUID
    line_id: UUID
    period: str
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    charge: str
    state: DisputeState
    line_amount: DecimalString
    claimed: MoneyModel
    awarded: MoneyModel | None
    reason: str
    resolution: str | None
    opened_by: str | None
    opened_at: datetime
    resolved_by: str | None
    resolved_at: datetime | None
    credit_note_id: UUID | None


class CreditLineCreate(Body):
    line_id: UUID
    amount: AmountInput


class CreditNoteCreate(Body):
    statement_id: UUID
    lines: Annotated[list[CreditLineCreate], Field(min_length=1, max_length=1000)]
    reason: Reason


class CreditNoteReverse(Body):
    reason: Reason


class CreditNoteLineRead(Read):
    id: UUID
    statement_line_id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    charge: str
    name: str
    amount: DecimalString
    currency: str


class CreditNoteSummary(Read):
    id: UUID
    number: str = Field(examples=["CN-2026-000001"])
    business_unit_id: UUID
    statement_id: UUID
    origin: CreditOrigin
    mode: BillingMode
    period: str = Field(description="In which it is booked: the earliest open one from that of the statement on")
    credits_period: str = Field(description="That of the statement")
    total: MoneyModel
    reason: str
    dispute_id: UUID | None
    reverses_id: UUID | None
    issued_by: str | None
    issued_at: datetime


class CreditNoteRead(CreditNoteSummary):
    """What was given back, line by line. It stands for good; a reversal is a credit note below zero."""

    lines: list[CreditNoteLineRead]


class ExplainedPart(Read):
    """One of the parts that add up to the amount."""

    text: str
    amount: DecimalString
    statement_id: UUID | None = None
    line_id: UUID | None = Field(default=None, description="Of the statement; it has an explanation of its own")
    credit_note_id: UUID | None = None
    service_id: UUID | None = None
    charge: str | None = None
    lines: int | None = Field(default=None, description="How many lines of the statement it sums")


class CreditNoteExplanation(Read):
    """Why this amount: `parts` add up to it, one a line of the statement."""

    credit_note_id: UUID
    number: str
    amount: MoneyModel
    parts: list[ExplainedPart]
    origin: CreditOrigin
    reason: str
    basis: dict[str, Any] | None = Field(description="Of a service credit: promise, attainment, band and formula")
    dispute_id: UUID | None
    reverses_id: UUID | None
    reversed_by_id: UUID | None
    journal_ids: list[UUID]
    statement_owed: MoneyModel | None = Field(description="What the statement comes to by now, credit notes taken off")


class DisputeExplanation(Read):
    """What was claimed: `parts` (credited, not credited, still open) add up to it."""

    dispute_id: UUID
    amount: MoneyModel
    parts: list[ExplainedPart]
    state: DisputeState
    line_amount: DecimalString
    line_explanation: str = Field(description="Where the disputed line is explained")
    reason: str
    resolution: str | None
    credit_note_id: UUID | None
