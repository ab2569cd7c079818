"""Journals, as they are read and exported."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.domain.journal import Purpose, Side
from pricing_service.schemas.credits import ExplainedPart
from services.http import DecimalString, MoneyModel, Read


class JournalLineRead(Read):
    id: UUID
    position: int
    purpose: Purpose
    legal_entity: str
    account: str
    cost_centre: str | None
    side: Side
    amount: DecimalString
    currency: str
    service_id: UUID | None
    tax_code: str | None
    partner_entity: str | None


class JournalSummary(Read):
    id: UUID
    number: str = Field(examples=["JE-2026-000001"])
    kind: str = Field(description="statement or credit_note")
    period: str = Field(description="In which it is booked")
    source_period: str = Field(description="That of the statement; mappings are those of this period")
    business_unit_id: UUID
    statement_id: UUID
    credit_note_id: UUID | None
    currency: str
    net_amount: DecimalString = Field(description="What is charged; below zero: given back")
    tax_amount: DecimalString
    debits: DecimalString
    credits: DecimalString
    posted_by: str | None
    posted_at: datetime


class JournalRead(JournalSummary):
    """Balanced: debits equal credits, in total and of each legal entity. It stands for good."""

    accounts: dict[str, Any] = Field(description="What it was booked on, and the mappings that say so")
    lines: list[JournalLineRead]


class JournalLineExplanation(Read):
    """Why this amount: `parts` add up to it."""

    journal_id: UUID
    line_id: UUID
    amount: MoneyModel
    side: Side
    purpose: Purpose
    formula: str
    parts: list[ExplainedPart]
    sources: dict[str, Any] = Field(description="The mappings: their ids, and their versions when it was booked")
