"""Price plans in immutable versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, JsonDocument, UtcInstant


class PricePlan(Aggregate, Base):
    """One version of an offering's charges. Never changed: a new price is a new version."""

    __tablename__ = "price_plan"
    __table_args__ = (UniqueConstraint("offering_id", "plan_version"),)

    offering_id: Mapped[UUID]
    plan_version: Mapped[int]
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)


class PricedOffering(Aggregate, Base):
    """An offering that has a price; its id is the offering's. What price.changed is a sequence of."""

    __tablename__ = "priced_offering"

    plan_version: Mapped[int]
    currency: Mapped[str]
