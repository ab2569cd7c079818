"""Scorecards, how each service stands on them, and how that has changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.tables.base import Base
from services.db import Aggregate, JsonDocument, UtcInstant


class Scorecard(Aggregate, Base):
    """`levels` from the lowest to the highest; each rule belongs to one of them."""

    __tablename__ = "scorecard"

    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str]
    owner_id: Mapped[str | None]
    levels: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    applies_to: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)


class ScorecardResult(Aggregate, Base):
    """How a service stands on a card. Its version moves, and is told, only where the level does."""

    __tablename__ = "scorecard_result"
    __table_args__ = (
        UniqueConstraint("scorecard_id", "service_id"),
        Index("ix_scorecard_result_level", "scorecard_id", "level", "service_id"),
    )
    __not_audited__ = frozenset({"rules", "passed", "failed", "unknown", "evaluated_at", "scorecard_version"})

    scorecard_id: Mapped[UUID] = mapped_column(ForeignKey("scorecard.id"))
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), index=True)
    applies: Mapped[bool]
    level: Mapped[str | None]
    passed: Mapped[int]
    failed: Mapped[int]
    unknown: Mapped[int]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    evaluated_at: Mapped[datetime] = mapped_column(UtcInstant)
    scorecard_version: Mapped[int]


class ScorecardLevelChange(Base):
    """A service's level on a card went from one to another. Never changed."""

    __tablename__ = "scorecard_level_change"
    __table_args__ = (Index("ix_scorecard_level_change_service_id", "service_id", "scorecard_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    scorecard_id: Mapped[UUID] = mapped_column(ForeignKey("scorecard.id"), index=True)
    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"))
    from_level: Mapped[str | None]
    to_level: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(UtcInstant)
    scorecard_version: Mapped[int]
