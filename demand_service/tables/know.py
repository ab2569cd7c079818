"""Tables of what demand knows of the business: where units stood, profile facts, people, alignments, promises.

business_unit ─┬─ unit_placement        goal ── goal_measurement        person ── person_external_id
               ├─ profile_fact          planned_change (of an import)
               ├─ alignment
               └─ meeting, promise
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from demand_service.domain.engagement import PromiseKind, PromiseState
from demand_service.domain.profile import FactKind
from demand_service.domain.unit_moves import MoveState
from demand_service.tables.core import Base, words
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.ids import uuid7


class UnitPlacement(Base):
    """From when a business unit is under which parent. A planned one waits for its day; a refused one says why."""

    __tablename__ = "unit_placement"
    __table_args__ = (Index("ix_unit_placement_unit", "business_unit_id", "effective_on", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("business_unit.id"))
    effective_on: Mapped[date]
    state: Mapped[MoveState] = mapped_column(words(MoveState))
    reason: Mapped[str | None]
    refusal: Mapped[str | None]
    person_id: Mapped[str | None]
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)


class GoalMeasurement(Base):
    __tablename__ = "goal_measurement"

    goal_id: Mapped[UUID] = mapped_column(ForeignKey("goal.id"), primary_key=True)
    measured_on: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[Decimal] = mapped_column(ExactDecimal)
    source: Mapped[str]
    person_id: Mapped[str | None]


class ProfileFact(Aggregate, Base):
    """`stale_on` is the first day on which nobody has confirmed it within its review interval."""

    __tablename__ = "profile_fact"
    __table_args__ = (
        UniqueConstraint("business_unit_id", "kind", "name"),
        Index("ix_profile_fact_stale_on", "stale_on"),
    )

    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"))
    kind: Mapped[FactKind] = mapped_column(words(FactKind))
    name: Mapped[str]
    goal_id: Mapped[UUID | None] = mapped_column(ForeignKey("goal.id"))
    details: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    source: Mapped[str]
    confirmed_on: Mapped[date]
    confirmed_by: Mapped[str | None]
    review_every_days: Mapped[int]
    stale_on: Mapped[date]


class Person(Aggregate, Base):
    """An opaque id and where it belongs; never a name."""

    __tablename__ = "person"

    person_id: Mapped[str] = mapped_column(unique=True)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)
    role: Mapped[str | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    external_ids: Mapped[list["PersonExternalId"]] = relationship(
        lazy="selectin", order_by="PersonExternalId.system", cascade="all, delete-orphan"
    )


class PersonExternalId(Base):
    __tablename__ = "person_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[UUID] = mapped_column(ForeignKey("person.id"), index=True)


class PlannedChange(Base):
    """A line of an import whose day has not come: one per thing and day."""

    __tablename__ = "planned_change"
    __table_args__ = (UniqueConstraint("record", "system", "external_id", "effective_on"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    record: Mapped[str]
    system: Mapped[str]
    external_id: Mapped[str]
    effective_on: Mapped[date]
    fields: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)
    refusal: Mapped[str | None]


class Alignment(Aggregate, Base):
    """A leader answers for a business unit, and those below it, from `starts_on` through `ends_on`."""

    __tablename__ = "alignment"
    __table_args__ = (Index("ix_alignment_person", "person_id", "business_unit_id"),)

    person_id: Mapped[str]
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]


class Meeting(Aggregate, Base):
    __tablename__ = "meeting"
    __table_args__ = (Index("ix_meeting_unit", "business_unit_id", "id"),)

    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"))
    held_at: Mapped[datetime] = mapped_column(UtcInstant)
    subject: Mapped[str]
    notes: Mapped[str]
    attendees: Mapped[list[str]] = mapped_column(JsonDocument)


class Promise(Aggregate, Base):
    """`told_overdue_for` is the due date whose passing was told of: each is told once."""

    __tablename__ = "promise"
    __table_args__ = (Index("ix_promise_unit", "business_unit_id", "state", "due_on"),)

    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"))
    meeting_id: Mapped[UUID | None] = mapped_column(ForeignKey("meeting.id"))
    kind: Mapped[PromiseKind] = mapped_column(words(PromiseKind))
    text: Mapped[str]
    owner_id: Mapped[str] = mapped_column(index=True)
    due_on: Mapped[date]
    state: Mapped[PromiseState] = mapped_column(words(PromiseState))
    settled_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    settled_note: Mapped[str | None]
    told_overdue_for: Mapped[date | None]
