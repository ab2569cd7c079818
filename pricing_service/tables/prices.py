"""Price plans in immutable versions."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


class PricePlan(Aggregate, Base):
    """One version of an offering's charges. Never changed: a new price is a new version."""

    __tablename__ = "price_plan"
    __table_args__ = (UniqueConstraint("offering_id", "plan_version"),)

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


class PricedOffering(Aggregate, Base):
    """An offering that has a price; its id is the offering's. What price.changed is a sequence of."""

    __tablename__ = "priced_offering"

    plan_version: Mapped[int]
    currency: Mapped[str]
