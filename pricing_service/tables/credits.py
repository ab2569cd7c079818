"""Disputes, credit notes, and service credits for missed commitments."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.money import Money


class Dispute(Aggregate, Base):
    """A statement line that its business unit contests. What people wrote stays here, out of events and audit."""

    __tablename__ = "dispute"
    __table_args__ = (Index("ix_dispute_line", "line_id"), Index("ix_dispute_statement", "statement_id", "state"))
    __not_audited__ = frozenset({"reason", "resolution"})

    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    statement_id: Mapped[UUID]
    line_id: Mapped[UUID]
    period: Mapped[str]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    charge: Mapped[str]
    state: Mapped[str]
    currency: Mapped[str]
    line_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    claimed_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    awarded_amount: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    reason: Mapped[str]
    resolution: Mapped[str | None]
    opened_by: Mapped[str | None]  # person_id, as all who did something
    opened_at: Mapped[datetime] = mapped_column(UtcInstant)
    resolved_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    credit_note_id: Mapped[UUID | None]

    @property
    def claimed(self) -> Money:
        return Money(self.claimed_amount, self.currency)

    @property
    def awarded(self) -> Money | None:
        return None if self.awarded_amount is None else Money(self.awarded_amount, self.currency)


class CreditNote(Aggregate, Base):
    """Never changed. A reversal is one of its own, with negative amounts and `reverses_id`."""

    __tablename__ = "credit_note"
    __table_args__ = (Index("ix_credit_note_statement", "statement_id"), UniqueConstraint("reverses_id"))
    __not_audited__ = frozenset({"reason"})

    number: Mapped[str] = mapped_column(unique=True)
    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    statement_id: Mapped[UUID]
    origin: Mapped[str]
    mode: Mapped[str]
    period: Mapped[str] = mapped_column(index=True)  # in which it is booked
    credits_period: Mapped[str]
    currency: Mapped[str]
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    reason: Mapped[str]
    issued_by: Mapped[str | None]
    issued_at: Mapped[datetime] = mapped_column(UtcInstant)
    dispute_id: Mapped[UUID | None]
    reverses_id: Mapped[UUID | None]
    basis: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)  # of a service credit: how it was reckoned

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)


class CreditNoteLine(Base):
    __tablename__ = "credit_note_line"
    __table_args__ = (
        UniqueConstraint("credit_note_id", "position"),
        Index("ix_credit_note_line_statement_line", "statement_line_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    credit_note_id: Mapped[UUID]
    position: Mapped[int]
    statement_line_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    demand_id: Mapped[UUID | None]
    charge: Mapped[str]
    name: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]


class CommitmentMiss(Base):
    """A missed commitment as the catalogue told of it; each subscription is credited for it once per statement."""

    __tablename__ = "commitment_miss"
    __table_args__ = (UniqueConstraint("fact"), Index("ix_commitment_miss_period", "period"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    fact: Mapped[str]  # of what, when, for whom: told again under another event id, it is the same
    service_id: Mapped[UUID | None]
    offering_id: Mapped[UUID | None]
    business_unit_id: Mapped[UUID | None]
    subscription_ids: Mapped[list[str] | None] = mapped_column(JsonDocument)
    commitment: Mapped[str]
    period: Mapped[str]
    promised: Mapped[Decimal] = mapped_column(ExactDecimal)
    attained: Mapped[Decimal] = mapped_column(ExactDecimal)
    seen_at: Mapped[datetime] = mapped_column(UtcInstant)
    correlation_id: Mapped[str]


class ServiceCredit(Base):
    """That a subscription had its credit for a commitment and period on a statement: it has it once."""

    __tablename__ = "service_credit"

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    commitment: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    miss_id: Mapped[UUID]
    credit_note_id: Mapped[UUID | None]  # none where there was nothing to credit
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)


class DocumentCounter(Base):
    """The last number of a series of documents in a year."""

    __tablename__ = "document_counter"

    series: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
