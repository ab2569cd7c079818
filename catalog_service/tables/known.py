"""The catalogue's copies of what other apps own: scores, unit costs, subscriptions, and why a service changes."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.tables.base import Base
from services.db import ExactDecimal, Projection, UtcInstant


class ServiceScore(Projection, Base):
    """Feedback's score of a service. Its id is made of service and kind: NPS and CSAT are rolled up apart."""

    __tablename__ = "service_score"

    service_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str]
    score: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    n: Mapped[int]
    low: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    high: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    withheld: Mapped[bool]


class ServiceUnitCost(Projection, Base):
    """Pricing's latest unit cost of a service (id: the service)."""

    __tablename__ = "service_unit_cost"

    period: Mapped[str]
    unit_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    unit_of_measure: Mapped[str]
    currency: Mapped[str]
    allocation_run_id: Mapped[UUID]


class KnownSubscription(Projection, Base):
    """Demand's subscriptions: whom it touches when an offering changes or goes."""

    __tablename__ = "known_subscription"
    __table_args__ = (Index("ix_known_subscription_unit", "business_unit_id", "offering_id"),)

    offering_id: Mapped[UUID] = mapped_column(index=True)
    business_unit_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    state: Mapped[str]
    # What campaigns are measured by; of what was told before these were kept, a rebuild fills them.
    demand_id: Mapped[UUID | None]
    activated_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class KnownTheme(Projection, Base):
    """Feedback's themes: what several threads are about."""

    __tablename__ = "known_theme"

    service_id: Mapped[UUID]
    name: Mapped[str]


class KnownImprovement(Projection, Base):
    """Feedback's improvements, as they were told last."""

    __tablename__ = "known_improvement"

    service_id: Mapped[UUID]
    title: Mapped[str]
    state: Mapped[str]


class KnownDemand(Projection, Base):
    """Demand's demands: what a revision may answer, and what campaigns are measured by.

    `raised_at` is the earliest that was told of it.
    """

    __tablename__ = "known_demand"
    __table_args__ = (Index("ix_known_demand_unit", "business_unit_id", "offering_id"),)

    business_unit_id: Mapped[UUID]
    offering_id: Mapped[UUID | None]
    title: Mapped[str]
    state: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(UtcInstant)
