"""What is charged, line by line."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.statement import BillingMode, owed
from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.money import Money


class Statement(Aggregate, Base):
    __tablename__ = "statement"
    __table_args__ = (UniqueConstraint("business_unit_id", "period", "sequence"),)

    business_unit_id: Mapped[UUID]
    period: Mapped[str] = mapped_column(index=True)
    sequence: Mapped[int]
    state: Mapped[str]
    currency: Mapped[str]
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    issued_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    mode: Mapped[str | None]  # showback or chargeback, by the unit's billing profile at issue; none before
    credited_amount: Mapped[Decimal] = mapped_column(ExactDecimal, default=Decimal(0), server_default="0")

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)

    @property
    def credited(self) -> Money:
        return Money(self.credited_amount, self.currency)

    @property
    def owed(self) -> Money | None:
        """What the business unit has to bear; nothing of a showback, not yet known of a draft."""
        mode = None if self.mode is None else BillingMode(self.mode)
        amount = owed(mode, self.total_amount, self.credited_amount)
        return None if amount is None else Money(amount, self.currency)


class StatementStep(Base):
    """One step of a statement's life: which, when, by whom."""

    __tablename__ = "statement_step"

    statement_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    at: Mapped[datetime] = mapped_column(UtcInstant)
    person_id: Mapped[str | None]


class StatementLine(Base):
    """One charge of one subscription in one split of the period; its parts add up to its amount."""

    __tablename__ = "statement_line"
    __table_args__ = (
        UniqueConstraint("statement_id", "position"),
        Index("ix_statement_line_subscription", "subscription_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID]
    position: Mapped[int]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    demand_id: Mapped[UUID | None]
    charge: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]  # charge or true_up
    model: Mapped[str]
    recurring: Mapped[str]
    meter: Mapped[str | None]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit_price: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    formula: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    adjusts_period: Mapped[str | None]  # the closed period that it puts right
    service_period: Mapped[str] = mapped_column(index=True)  # what is billed in advance is not of its statement's
    split_start: Mapped[date]
    split_end: Mapped[date | None]  # half-open; None: a credit for what is no longer rated
    usage_from: Mapped[date | None]
    usage_until: Mapped[date | None]
    # It bills what arrived after the one and up to the other (what was billed before, and no longer counts, is off).
    usage_after: Mapped[int | None] = mapped_column(BigInteger)
    usage_upto: Mapped[int | None] = mapped_column(BigInteger)
    price_plan_id: Mapped[UUID | None]
    plan_version: Mapped[int | None]
    allocation_run_id: Mapped[UUID | None]
