"""Price plans in immutable versions."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.plan import Existing
from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.money import EXACT


class PricePlan(Aggregate, Base):
    """One version of an offering's charges. Never changed: a new price is a new version."""

    __tablename__ = "price_plan"
    __table_args__ = (UniqueConstraint("offering_id", "plan_version"),)
    __not_audited__ = frozenset({"reason"})

    offering_id: Mapped[UUID]
    plan_version: Mapped[int]
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    minimum: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    maximum: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    audience: Mapped[list[str]] = mapped_column(JsonDocument)  # business units and those below; empty: all
    existing_subscriptions: Mapped[str]
    reason: Mapped[str | None]  # of a change that nobody announced


class PricedOffering(Aggregate, Base):
    """An offering that has a price; its id is the offering's. What price.changed is a sequence of."""

    __tablename__ = "priced_offering"

    plan_version: Mapped[int]
    currency: Mapped[str]


class PriceChange(Aggregate, Base):
    """New terms of an offering on their way. `shadow_*` is what its last shadow pricing found."""

    __tablename__ = "price_change"
    __table_args__ = (Index("ix_price_change_offering", "offering_id", "id"),)

    offering_id: Mapped[UUID]
    state: Mapped[str]
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    existing_subscriptions: Mapped[str]
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    minimum: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    maximum: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    audience: Mapped[list[str]] = mapped_column(JsonDocument)
    shadow_job_id: Mapped[UUID | None]
    shadow_periods: Mapped[list[str]] = mapped_column(JsonDocument)
    subscriptions: Mapped[int]
    old_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    new_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    notice: Mapped[str | None]
    announced_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    reason: Mapped[str | None]  # of its withdrawal
    price_plan_id: Mapped[UUID | None]  # the version that it became

    @property
    def existing(self) -> Existing:
        return Existing(self.existing_subscriptions)


class ShadowPrice(Base):
    """What one subscription was charged in a period, and what the new terms would have made of it."""

    __tablename__ = "shadow_price"
    __table_args__ = (Index("ix_shadow_price_job", "job_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID]
    period: Mapped[str]
    business_unit_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    applies: Mapped[str]
    currency: Mapped[str]
    old_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    new_amount: Mapped[Decimal] = mapped_column(ExactDecimal)

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.new_amount, self.old_amount)


class ShadowPriceOfUnit(Base):
    """The sums of a business unit, over all periods, of the subscriptions that get the new price."""

    __tablename__ = "shadow_price_of_unit"
    __table_args__ = (Index("ix_shadow_price_of_unit_job", "job_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID]
    business_unit_id: Mapped[UUID]
    subscriptions: Mapped[int]
    currency: Mapped[str]
    old_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    new_amount: Mapped[Decimal] = mapped_column(ExactDecimal)

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.new_amount, self.old_amount)
