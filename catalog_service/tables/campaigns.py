"""Campaigns: what is brought to whom, who saw it, and the catalogue's copies of what it is measured by.

campaign ─┬─ campaign_external_id      campaign_unit    whom it addressed, frozen at its start
          ├─ campaign_offering         campaign_view    who was shown it: one row a person, unit and day
          ├─ campaign_role
          └─ campaign_transition       known_unit_profile (demand's)
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog_service.domain.attribution import counted_until
from catalog_service.domain.campaign import CampaignState
from catalog_service.tables.base import Base, state_column
from catalog_service.tables.offerings import Offering
from services.db import Aggregate, JsonDocument, Projection, UtcInstant


class CampaignExternalId(Base):
    __tablename__ = "campaign_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), index=True)


class CampaignOffering(Base):
    __tablename__ = "campaign_offering"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    offering_id: Mapped[UUID] = mapped_column(ForeignKey("offering.id"), primary_key=True, index=True)
    position: Mapped[int]
    offering: Mapped[Offering] = relationship(lazy="joined", innerjoin=True)


class CampaignRole(Base):
    """Of an addressed business unit, only people with one of these roles are shown the campaign."""

    __tablename__ = "campaign_role"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)


class Campaign(Aggregate, Base):
    """`audience` is what was asked for; whom that came to is frozen in `campaign_unit` when it starts."""

    __tablename__ = "campaign"

    name: Mapped[str]
    state: Mapped[CampaignState] = mapped_column(state_column(CampaignState), index=True)
    message: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    channels: Mapped[list[str]] = mapped_column(JsonDocument)
    starts_at: Mapped[datetime] = mapped_column(UtcInstant)
    ends_at: Mapped[datetime] = mapped_column(UtcInstant)
    audience: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    leave_out_subscribers: Mapped[bool]
    attribution_days: Mapped[int]
    started_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    ended_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    external_ids: Mapped[list[CampaignExternalId]] = relationship(
        lazy="selectin", order_by=[CampaignExternalId.system, CampaignExternalId.id]
    )
    offerings: Mapped[list[CampaignOffering]] = relationship(
        lazy="selectin", order_by=CampaignOffering.position, cascade="all, delete-orphan"
    )
    roles: Mapped[list[CampaignRole]] = relationship(
        lazy="selectin", order_by=CampaignRole.role, cascade="all, delete-orphan"
    )

    @property
    def offering_ids(self) -> list[UUID]:
        return [brought.offering_id for brought in self.offerings]

    @property
    def counted_until(self) -> datetime | None:
        """Until when what the business units do is counted; None until it has ended."""
        return counted_until(self.ended_at, self.attribution_days)


class CampaignTransition(Base):
    """Who moved a campaign from one state to the next, or moved its end, when and why. Never changed."""

    __tablename__ = "campaign_transition"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), index=True)
    from_state: Mapped[CampaignState | None] = mapped_column(state_column(CampaignState))
    to_state: Mapped[CampaignState] = mapped_column(state_column(CampaignState))
    at: Mapped[datetime] = mapped_column(UtcInstant)
    actor_id: Mapped[str | None]
    reason: Mapped[str]


class CampaignUnit(Base):
    """A business unit that a campaign addressed when it started, why, and which of its offerings were for it."""

    __tablename__ = "campaign_unit"
    __table_args__ = (Index("ix_campaign_unit_unit", "business_unit_id", "campaign_id"),)

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    business_unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    offering_ids: Mapped[list[str]] = mapped_column(JsonDocument)


class CampaignView(Aggregate, Base):
    """Somebody of a business unit was shown a campaign. Its id is made of campaign, unit, person and day."""

    __tablename__ = "campaign_view"
    __table_args__ = (Index("ix_campaign_view_unit", "campaign_id", "business_unit_id", "seen_at"),)

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id"))
    business_unit_id: Mapped[UUID]
    person_id: Mapped[str | None]
    channel: Mapped[str]
    day: Mapped[date]
    seen_at: Mapped[datetime] = mapped_column(UtcInstant)


class KnownUnitProfile(Projection, Base):
    """Demand's profile of a business unit: goals, and the capabilities that it or its processes use."""

    __tablename__ = "known_unit_profile"

    goals: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    capabilities: Mapped[list[str]] = mapped_column(JsonDocument)
