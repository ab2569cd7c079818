"""Copies of other services' facts."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import ExactDecimal, JsonDocument, Projection, UtcInstant


class KnownDemand(Projection, Base):
    __tablename__ = "known_demand"

    business_unit_id: Mapped[UUID]
    state: Mapped[str]


class KnownService(Projection, Base):
    __tablename__ = "known_service"

    name: Mapped[str]
    unit_of_measure: Mapped[str]


class KnownOffering(Projection, Base):
    __tablename__ = "known_offering"

    service_id: Mapped[UUID]
    name: Mapped[str]
    state: Mapped[str]
    unit_of_measure: Mapped[str]


class KnownUnitProfile(Projection, Base):
    """What demand says of a business unit beyond its place in the tree."""

    __tablename__ = "known_unit_profile"

    headcount: Mapped[int | None]


class KnownSubscription(Projection, Base):
    __tablename__ = "known_subscription"
    __table_args__ = (Index("ix_known_subscription_unit", "business_unit_id", "id"),)

    business_unit_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID] = mapped_column(index=True)
    demand_id: Mapped[UUID | None]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    state: Mapped[str]
    activated_at: Mapped[datetime] = mapped_column(UtcInstant)
    ended_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class SubscriptionStep(Projection, Base):
    """What one event said of a subscription (`id`): its state from `effective_at` on. Its history is made of these."""

    __tablename__ = "subscription_step"

    sequence: Mapped[int] = mapped_column(primary_key=True)
    effective_at: Mapped[datetime] = mapped_column(UtcInstant)
    state: Mapped[str]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    tags: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    term_months: Mapped[int | None]
    renews: Mapped[bool]


class UnitTagsStep(Projection, Base):
    """What one event said of a business unit (`id`): the tags that discounts go by, from `effective_at` on."""

    __tablename__ = "unit_tags_step"

    sequence: Mapped[int] = mapped_column(primary_key=True)
    effective_at: Mapped[datetime] = mapped_column(UtcInstant)
    tags: Mapped[dict[str, str]] = mapped_column(JsonDocument)
