"""What is handed to the ledger: balanced journals, never changed."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


class Journal(Aggregate, Base):
    """Of a statement, or of a credit note against it; `net_amount` is what it charges, below zero what it credits."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_statement", "statement_id"), UniqueConstraint("credit_note_id"))

    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # statement or credit_note
    period: Mapped[str] = mapped_column(index=True)  # in which it is booked
    source_period: Mapped[str]  # of the statement, by which the mappings are dated
    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    statement_id: Mapped[UUID]
    credit_note_id: Mapped[UUID | None]
    currency: Mapped[str]
    net_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    tax_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    taxed_before: Mapped[Decimal] = mapped_column(ExactDecimal)  # net of earlier journals, for the tax's rounding
    debits: Mapped[Decimal] = mapped_column(ExactDecimal)
    credits: Mapped[Decimal] = mapped_column(ExactDecimal)
    accounts: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    posted_by: Mapped[str | None]
    posted_at: Mapped[datetime] = mapped_column(UtcInstant)


class JournalLine(Base):
    __tablename__ = "journal_line"
    __table_args__ = (UniqueConstraint("journal_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    journal_id: Mapped[UUID]
    position: Mapped[int]
    purpose: Mapped[str]
    legal_entity: Mapped[str]
    account: Mapped[str]
    cost_centre: Mapped[str | None]
    side: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    service_id: Mapped[UUID | None]
    tax_code: Mapped[str | None]
    partner_entity: Mapped[str | None]
