"""What was measured of commitments, and what came of it, period by period."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.measurement import Watched
from catalog_service.tables.base import Base, state_column
from services.db import Aggregate, ExactDecimal, JsonDocument, Projection, UtcInstant


class Measurement(Base):
    """One report, kept for good as it came; a void names its original and says nothing else.

    Without an offering it is of all offerings of its service. What another one names as its original no longer
    counts, whichever of the two came first: that is asked of the rows when they are read, never written to them.
    """

    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        UniqueConstraint("original_source", "original_id"),
        Index("ix_measurement_offering_id_ends_at", "offering_id", "ends_at"),
        Index("ix_measurement_service_id_ends_at", "service_id", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    original_source: Mapped[str | None]
    original_id: Mapped[str | None]
    service_id: Mapped[UUID | None]
    offering_id: Mapped[UUID | None]
    subscription_id: Mapped[UUID | None]
    business_unit_id: Mapped[UUID | None]
    commitment: Mapped[CommitmentKind | None] = mapped_column(state_column(CommitmentKind))
    starts_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    ends_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    state: Mapped[Watched | None] = mapped_column(state_column(Watched))
    up_seconds: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    total_seconds: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    value: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # seconds; of support hours, hours
    planned: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(UtcInstant)


class AttainmentPeriod(Base):
    """A month that has measurements; `waiting` while a timer or a job is going to assess it."""

    __tablename__ = "attainment_period"

    period: Mapped[str] = mapped_column(primary_key=True)
    waiting: Mapped[bool]
    assessed_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class Attainment(Aggregate, Base):
    """What became of one commitment of an offering in one period; `assessment` counts how often that changed.

    For one subscription or business unit where it was measured so, and else (scope "") for everybody.
    """

    __tablename__ = "attainment"
    __table_args__ = (
        UniqueConstraint("offering_id", "period", "commitment", "scope"),
        Index("ix_attainment_period_id", "period", "id"),
    )

    offering_id: Mapped[UUID]
    service_id: Mapped[UUID] = mapped_column(index=True)
    commitment: Mapped[CommitmentKind] = mapped_column(state_column(CommitmentKind))
    period: Mapped[str]
    scope: Mapped[str]
    subscription_id: Mapped[UUID | None]
    business_unit_id: Mapped[UUID | None]
    promised: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit: Mapped[str]
    percentile: Mapped[int | None]
    state: Mapped[AttainmentState] = mapped_column(state_column(AttainmentState))
    attained: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    n: Mapped[int]
    figures: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    assessment: Mapped[int]
    assessed_at: Mapped[datetime] = mapped_column(UtcInstant)

    @property
    def subscription_ids(self) -> list[UUID] | None:
        return None if self.subscription_id is None else [self.subscription_id]


class AttainmentPolicy(Aggregate, Base):
    """The one row of when periods are assessed and what is taken in for them; absent until somebody sets it."""

    __tablename__ = "attainment_policy"

    grace_days: Mapped[int]
    max_late_days: Mapped[int]
    max_ahead_seconds: Mapped[int]


class ObservedLeadTime(Projection, Base):
    """Demand's lead times of an offering's orders (id: the offering)."""

    __tablename__ = "observed_lead_time"

    p50_days: Mapped[Decimal] = mapped_column(ExactDecimal)
    p85_days: Mapped[Decimal] = mapped_column(ExactDecimal)
    n: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcInstant)
