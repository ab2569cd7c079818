"""Quotes and their numbers."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.money import Money


class Quote(Aggregate, Base):
    __tablename__ = "quote"

    number: Mapped[str] = mapped_column(unique=True)
    demand_id: Mapped[UUID | None] = mapped_column(index=True)
    proposal_sequence: Mapped[int | None]  # of the demand's event that it answers; None: an app asked for it
    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID | None]  # None on quotes older than this column
    price_plan_id: Mapped[UUID]
    plan_version: Mapped[int]
    state: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    one_off_lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    usage_charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    one_off_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    annual_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    budget: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    valid_until: Mapped[datetime] = mapped_column(UtcInstant)
    closed_reason: Mapped[str | None]
    note: Mapped[str | None]
    allocation_run_id: Mapped[UUID | None]  # whose unit cost the service had when it was issued
    ended_at: Mapped[datetime | None] = mapped_column(UtcInstant)  # accepted, and nothing more will be charged for it

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)

    @property
    def one_off_total(self) -> Money:
        return Money(self.one_off_amount, self.currency)

    @property
    def annual_total(self) -> Money:
        return Money(self.annual_amount, self.currency)


class QuoteCounter(Base):
    __tablename__ = "quote_counter"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
