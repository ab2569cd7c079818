"""Services, who moved them through the portfolio, and their revisions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.tables.base import Base, state_column
from catalog_service.tables.portfolio import ServiceCapability
from services.db import Aggregate, JsonDocument, UtcInstant


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
    support_contact: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    taxonomy_node_id: Mapped[UUID | None] = mapped_column(ForeignKey("taxonomy_node.id"), index=True)
    features: Mapped[list[str]] = mapped_column(JsonDocument, default=list)  # what the active revision promises
    state: Mapped[ServiceState] = mapped_column(state_column(ServiceState), index=True)
    active_revision: Mapped[int | None]
    retirement_planned_for: Mapped[date | None]
    external_ids: Mapped[list[ServiceExternalId]] = relationship(
        lazy="selectin", order_by=[ServiceExternalId.system, ServiceExternalId.id]
    )
    capabilities: Mapped[list[ServiceCapability]] = relationship(
        lazy="selectin", order_by=ServiceCapability.capability_id, cascade="all, delete-orphan"
    )

    @property
    def capability_ids(self) -> list[UUID]:
        return [provided.capability_id for provided in self.capabilities]


class ServiceTransition(Base):
    """Who moved a service from one state to the next, when and why. Never changed."""

    __tablename__ = "service_transition"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    from_state: Mapped[ServiceState | None] = mapped_column(state_column(ServiceState))
    to_state: Mapped[ServiceState] = mapped_column(state_column(ServiceState))
    at: Mapped[datetime] = mapped_column(UtcInstant)
    actor_id: Mapped[str | None]
    reason: Mapped[str]


class Revision(Aggregate, Base):
    __tablename__ = "revision"
    __table_args__ = (UniqueConstraint("service_id", "number"),)

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    number: Mapped[int]
    state: Mapped[RevisionState] = mapped_column(state_column(RevisionState))
    summary: Mapped[str]
    changes: Mapped[list[str]] = mapped_column(JsonDocument)
    improvement_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    demand_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    theme_ids: Mapped[list[str]] = mapped_column(JsonDocument, default=list)
    # Of an open revision: what it will change of the service. Once it is live: all that it promises, for good.
    content: Mapped[dict[str, Any]] = mapped_column(JsonDocument, default=dict)
    based_on: Mapped[int | None]
    live_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    published_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    archived_at: Mapped[datetime | None] = mapped_column(UtcInstant)
