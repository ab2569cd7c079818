"""Offerings: a service at a given level, who may ask for it, and what it comes with."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog_service.domain.offering import AudienceKind, OfferingState
from catalog_service.tables.base import Base, state_column
from catalog_service.tables.services import Service
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


class AudienceShown(NamedTuple):
    everyone: bool
    business_unit_ids: list[str]
    roles: list[str]


class OfferingExternalId(Base):
    __tablename__ = "offering_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), index=True)


class OfferingAudience(Base):
    """One line of an offering's audience: a business unit (it and all below it) or a role."""

    __tablename__ = "offering_audience"
    __table_args__ = (Index("ix_offering_audience_kind_value", "kind", "value", "offering_id"),)

    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)


class OfferingRelation(Base):
    """An offering requires, excludes or upgrades to another one."""

    __tablename__ = "offering_relation"

    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    # No foreign key: an import writes offerings in any order, and none is ever deleted.
    other_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)


class OfferingMember(Base):
    """What a bundle holds, and how many of it."""

    __tablename__ = "offering_member"

    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True, index=True)  # as with relations
    position: Mapped[int]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)


class BundleItem(NamedTuple):
    offering_id: UUID
    quantity: Decimal


class Offering(Aggregate, Base):
    __tablename__ = "offering"
    __table_args__ = (
        UniqueConstraint("series_id", "number"),
        Index("ix_offering_everyone", "everyone", "id"),
        Index("ix_offering_state_id", "state", "id"),  # the list of one state, in its order
    )

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    name: Mapped[str]
    description: Mapped[str]
    unit_of_measure: Mapped[str]
    tier: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    commitments: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    request_form: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    fulfilment: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    state: Mapped[OfferingState] = mapped_column(state_column(OfferingState), index=True)
    taxonomy_node_id: Mapped[UUID | None] = mapped_column(ForeignKey("taxonomy_node.id"), index=True)
    everyone: Mapped[bool]  # the audience is everybody; it then has no lines
    valid_from: Mapped[datetime | None] = mapped_column(UtcInstant)
    valid_until: Mapped[datetime | None] = mapped_column(UtcInstant)
    options: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    # Versions of one offering share a series, and follow each other in it by number.
    series_id: Mapped[UUID] = mapped_column(index=True)
    number: Mapped[int]
    published_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    retired_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    service: Mapped[Service] = relationship(lazy="joined", innerjoin=True)
    external_ids: Mapped[list[OfferingExternalId]] = relationship(
        lazy="selectin", order_by=[OfferingExternalId.system, OfferingExternalId.id]
    )

    audience_lines: Mapped[list[OfferingAudience]] = relationship(
        lazy="selectin", order_by=[OfferingAudience.kind, OfferingAudience.value], cascade="all, delete-orphan"
    )
    relations: Mapped[list[OfferingRelation]] = relationship(
        lazy="selectin",
        order_by=[OfferingRelation.kind, OfferingRelation.other_id],
        cascade="all, delete-orphan",
    )
    members: Mapped[list[OfferingMember]] = relationship(
        lazy="selectin",
        order_by=OfferingMember.position,
        cascade="all, delete-orphan",
    )

    @property
    def bundle(self) -> list[BundleItem]:
        return [BundleItem(member.member_id, member.quantity) for member in self.members]

    @bundle.setter
    def bundle(self, items: Sequence[BundleItem]) -> None:
        self.members = [
            OfferingMember(member_id=item.offering_id, position=position, quantity=item.quantity)
            for position, item in enumerate(items)
        ]

    @property
    def audience(self) -> AudienceShown | None:
        """The audience as bodies and events have it; None: nobody yet."""
        if not self.everyone and not self.audience_lines:
            return None
        lines = {kind: sorted(line.value for line in self.audience_lines if line.kind == kind) for kind in AudienceKind}
        return AudienceShown(self.everyone, lines[AudienceKind.BUSINESS_UNIT], lines[AudienceKind.ROLE])

    @property
    def service_name(self) -> str:
        return self.service.name

    @property
    def capability_ids(self) -> list[UUID]:
        """What its service provides."""
        return self.service.capability_ids
