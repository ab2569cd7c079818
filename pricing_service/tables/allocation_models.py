"""How costs are to be shared: models in versions, figures to share by, and what services are planned to cost."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument


class AllocationModel(Aggregate, Base):
    """One version of the organisation's model. Never changed; the newest that is effective by a period counts in it."""

    __tablename__ = "allocation_model"

    model_version: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str]
    effective_from: Mapped[str]  # a period
    method: Mapped[str]
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class AllocationStatistic(Aggregate, Base):
    """Figures of a period to share by: receiver (pool:…, tower:…, service:…, unit:…) → number."""

    __tablename__ = "allocation_statistic"
    __table_args__ = (UniqueConstraint("name", "period"),)

    name: Mapped[str]
    period: Mapped[str]
    figures: Mapped[dict[str, str]] = mapped_column(JsonDocument)


class ServicePlan(Aggregate, Base):
    """What a service is planned to cost and to deliver in a period; a year's plan stands here period by period."""

    __tablename__ = "service_plan"
    __table_args__ = (UniqueConstraint("service_id", "period"),)

    service_id: Mapped[UUID]
    period: Mapped[str]
    fiscal_year: Mapped[int | None]  # of the year's plan that it is a part of
    currency: Mapped[str]
    planned_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    planned_volume: Mapped[Decimal] = mapped_column(ExactDecimal)
    practical_capacity: Mapped[Decimal] = mapped_column(ExactDecimal)
    planned_rate: Mapped[Decimal] = mapped_column(ExactDecimal)
    meter: Mapped[str | None]  # what the actual volume is counted by; None: what is subscribed
