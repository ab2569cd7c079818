"""The catalogue's copies of what pricing says of prices and of planned unit costs."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.tables.base import Base
from services.db import ExactDecimal, JsonDocument, Projection, UtcInstant


class KnownPrice(Projection, Base):
    """One version of an offering's price plan (id: the version's). Versions never change; they are superseded."""

    __tablename__ = "known_price"
    __table_args__ = (Index("ix_known_price_offering", "offering_id", "effective_from"),)

    offering_id: Mapped[UUID]
    plan_version: Mapped[int]
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    audience: Mapped[list[str]] = mapped_column(JsonDocument)  # business units and those below; empty: all


class KnownPriceChange(Projection, Base):
    """A price that was announced (id: the change). Once it counts, it stands among the known prices as well."""

    __tablename__ = "known_price_change"

    offering_id: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[str]  # announced or withdrawn
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    audience: Mapped[list[str]] = mapped_column(JsonDocument)
    notice: Mapped[str | None]


class PlannedUnitCost(Projection, Base):
    """What a unit of a service is planned to cost in one period (id: pricing's service plan)."""

    __tablename__ = "planned_unit_cost"
    __table_args__ = (Index("ix_planned_unit_cost_service", "service_id", "starts_at"),)

    service_id: Mapped[UUID]
    period: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(UtcInstant)
    ends_at: Mapped[datetime] = mapped_column(UtcInstant)
    fiscal_year: Mapped[int | None]  # of the year's plan that it is a part of
    planned_rate: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit_of_measure: Mapped[str | None]
    currency: Mapped[str]
