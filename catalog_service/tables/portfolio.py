"""The portfolio's order: taxonomy nodes of any depth, and the business capabilities that services provide."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog_service.tables.base import Base
from services.db import Aggregate


class TaxonomyNodeExternalId(Base):
    __tablename__ = "taxonomy_node_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    taxonomy_node_id: Mapped[UUID] = mapped_column(ForeignKey("taxonomy_node.id"), index=True)


class TaxonomyNode(Aggregate, Base):
    """A place in the portfolio; services and offerings hang from it."""

    __tablename__ = "taxonomy_node"

    name: Mapped[str]
    description: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("taxonomy_node.id"), index=True)
    external_ids: Mapped[list[TaxonomyNodeExternalId]] = relationship(
        lazy="selectin", order_by=[TaxonomyNodeExternalId.system, TaxonomyNodeExternalId.id]
    )


class CapabilityExternalId(Base):
    __tablename__ = "capability_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    capability_id: Mapped[UUID] = mapped_column(ForeignKey("capability.id"), index=True)


class Capability(Aggregate, Base):
    """What a business unit is able to do, whoever does it and with what: `Enrol students`."""

    __tablename__ = "capability"

    name: Mapped[str]
    description: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("capability.id"), index=True)
    external_ids: Mapped[list[CapabilityExternalId]] = relationship(
        lazy="selectin", order_by=[CapabilityExternalId.system, CapabilityExternalId.id]
    )


class ServiceCapability(Base):
    """A service provides a capability."""

    __tablename__ = "service_capability"

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    capability_id: Mapped[UUID] = mapped_column(ForeignKey("capability.id"), primary_key=True, index=True)
