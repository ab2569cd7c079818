"""The catalogue's tables. A service has revisions and offerings; the rest are copies of what others own."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Enum, ForeignKey, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from services.db import Aggregate, ExactDecimal, JsonDocument, Projection, UtcInstant, new_metadata


class Base(DeclarativeBase):
    metadata = new_metadata()


def _state(states: type[ServiceState] | type[RevisionState] | type[OfferingState]) -> Enum:
    """Stored as its value in plain text: a state added later needs no migration."""
    return Enum(states, native_enum=False, length=30, values_callable=lambda kind: [state.value for state in kind])


class ServiceExternalId(Base):
    __tablename__ = "service_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)


class Service(Aggregate, Base):
    __tablename__ = "service"

    name: Mapped[str]
    description: Mapped[str]
    unit_of_measure: Mapped[str]
    owner_id: Mapped[str | None]
    state: Mapped[ServiceState] = mapped_column(_state(ServiceState), index=True)
    active_revision: Mapped[int | None]
    external_ids: Mapped[list[ServiceExternalId]] = relationship(
        lazy="selectin", order_by=[ServiceExternalId.system, ServiceExternalId.id]
    )


class ServiceTransition(Base):
    """Who moved a service from one state to the next, when and why. Never changed."""

    __tablename__ = "service_transition"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    from_state: Mapped[ServiceState | None] = mapped_column(_state(ServiceState))
    to_state: Mapped[ServiceState] = mapped_column(_state(ServiceState))
    at: Mapped[datetime] = mapped_column(UtcInstant)
    actor_id: Mapped[str | None]
    reason: Mapped[str]


class Revision(Aggregate, Base):
    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("service_id", "number"),)

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    number: Mapped[int]
    state: Mapped[RevisionState] = mapped_column(_state(RevisionState))
    summary: Mapped[str]
    changes: Mapped[list[str]] = mapped_column(JsonDocument)
    improvement_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    demand_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    published_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    archived_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class OfferingExternalId(Base):
    __tablename__ = "offering_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), index=True)


class Offering(Aggregate, Base):
    __tablename__ = "offering"

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    name: Mapped[str]
    description: Mapped[str]
    unit_of_measure: Mapped[str]
    tier: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    commitments: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    request_form: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    fulfilment: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    state: Mapped[OfferingState] = mapped_column(_state(OfferingState), index=True)
    published_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    retired_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    service: Mapped[Service] = relationship(lazy="joined", innerjoin=True)
    external_ids: Mapped[list[OfferingExternalId]] = relationship(
        lazy="selectin", order_by=[OfferingExternalId.system, OfferingExternalId.id]
    )

    @property
    def service_name(self) -> str:
        return self.service.name


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

    offering_id: Mapped[UUID] = mapped_column(index=True)
    business_unit_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    state: Mapped[str]
