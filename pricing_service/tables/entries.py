"""Costs that no file brings: accruals, amortisation, corrections and credits. Their rows are cost_row's."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


class FromOutside:
    """Mixin: the id that another system knows it by, and the content that came with it."""

    external_system: Mapped[str | None]
    external_id: Mapped[str | None]
    content_sha256: Mapped[str]


class Accrual(Aggregate, FromOutside, Base):
    """The cost of an invoice that is missing, booked in `period` and taken back in `reverses_in`.

    Its rows have its id; the rows that take it back have `reversal_id`, a new one where that came early.
    """

    __tablename__ = "accrual"
    __table_args__ = (
        Index("ix_accrual_external", "external_system", "external_id", unique=True),
        Index("ix_accrual_period", "period"),
    )

    period: Mapped[str]
    reverses_in: Mapped[str]
    reversal_id: Mapped[UUID]
    expected_from: Mapped[str | None]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    dimensions: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    reason: Mapped[str]
    reversed_early_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    reversal_reason: Mapped[str | None]


class AmortisationSchedule(Aggregate, FromOutside, Base):
    """A prepaid or capital cost, spread over the periods from first to last; the rows of its shares have its id."""

    __tablename__ = "amortisation_schedule"
    __table_args__ = (Index("ix_amortisation_schedule_external", "external_system", "external_id", unique=True),)

    state: Mapped[str]  # active, retired
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    method: Mapped[str]
    by: Mapped[str]
    first_period: Mapped[str]
    last_period: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    description: Mapped[str]
    dimensions: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    retired_in: Mapped[str | None]
    write_off_id: Mapped[UUID | None]
    written_off: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    retirement_reason: Mapped[str | None]


class CostEntry(Aggregate, FromOutside, Base):
    """A correction or a credit that finance books by hand; taken back by another entry, never changed."""

    __tablename__ = "cost_entry"
    __table_args__ = (
        Index("ix_cost_entry_external", "external_system", "external_id", unique=True),
        Index("ix_cost_entry_period", "period"),
    )

    kind: Mapped[str]  # correction, credit
    period: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)  # of all lines
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    reason: Mapped[str]
    corrects: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    reverses: Mapped[UUID | None]
    reversed_by: Mapped[UUID | None]
