"""What was metered, what was corrected of it, and the meters that say how events are read."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.db.chassis_tables import RowNumber

_WAITS = text("waits")
# Where a meter keeps no attributes the column is NULL, not JSON's null: the hot path leaves it out.
_Attributes = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class UsageEvent(Base):
    """A reading of a meter, kept for good under the id that its producer gave it.

    An event that several meters read has a row for each, numbered by `position`; the row 0 is the one that makes
    (source, event_id) unique. A void has that row alone, and it never counts. `counts` turns true and then false at
    most once, so what a statement has billed and a later one has withdrawn never comes back.

    Rating never writes here: a statement line says up to which `arrival` it billed (ADR-0018). Whoever makes an event
    count gives it its `arrival`, whoever ends that its `withdrawn_arrival`, both from `queries.next_arrival`.
    """

    __tablename__ = "usage_event"
    __table_args__ = (Index("ix_usage_event_subscription_day", "subscription_id", "day"),)

    source: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=0)
    time: Mapped[datetime] = mapped_column(UtcInstant)
    day: Mapped[date]
    subscription_id: Mapped[UUID]
    meter: Mapped[str]
    meter_version: Mapped[int] = mapped_column(default=0)  # 0: a meter that nobody declared, which sums
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)  # 1 where events or distinct values are counted
    value: Mapped[str | None]  # what a unique count counts
    attributes: Mapped[dict[str, str] | None] = mapped_column(_Attributes)
    counts: Mapped[bool] = mapped_column(default=True)  # false: voided, replaced, or a correction that waits
    received_at: Mapped[datetime] = mapped_column(UtcInstant)
    arrival: Mapped[int] = mapped_column(BigInteger)
    withdrawn_arrival: Mapped[int | None] = mapped_column(BigInteger)  # when it ceased to count


class LateUsage(Base):
    """That usage of a closed period was billed by nobody when it closed, came afterwards, or ceased to count since."""

    __tablename__ = "late_usage"

    period: Mapped[str] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(primary_key=True)
    arrival: Mapped[int] = mapped_column(BigInteger)  # of the newest of it


class UsageArrival(Base):
    """Numbers the arrivals. PostgreSQL takes them from the sequence beneath, SQLite from the one row here."""

    __tablename__ = "usage_arrival"

    number: Mapped[int] = mapped_column(RowNumber, primary_key=True)


class UsageCorrection(Base):
    """That an event voids or replaces another one, which may not have come yet: then it waits."""

    __tablename__ = "usage_correction"
    __table_args__ = (
        Index("ix_usage_correction_original", "original_source", "original_id"),
        Index("ix_usage_correction_waits", "waits", postgresql_where=_WAITS, sqlite_where=_WAITS),
    )

    source: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]  # voided, replaced
    original_source: Mapped[str]
    original_id: Mapped[str]
    waits: Mapped[bool] = mapped_column(default=True)


class Meter(Aggregate, Base):
    """One version of a meter. Never changed: a new definition is a new version, by which later arrivals are read."""

    __tablename__ = "meter"
    __table_args__ = (UniqueConstraint("key", "meter_version"),)

    key: Mapped[str]
    meter_version: Mapped[int]
    name: Mapped[str]
    unit: Mapped[str]
    event_type: Mapped[str]
    aggregation: Mapped[str]  # the same in all versions
    value_path: Mapped[str | None]
    group_by: Mapped[dict[str, str]] = mapped_column(JsonDocument)  # attribute → path
    allows_negative: Mapped[bool]


class UsagePolicy(Aggregate, Base):
    """The one row of how late and how early usage may come; absent until somebody sets it."""

    __tablename__ = "usage_policy"

    max_late_days: Mapped[int]
    max_ahead_seconds: Mapped[int]


class UsageRejection(Aggregate, Base):
    """An event of the usage topic that was refused for good; its producer hears of it by usage.rejected."""

    __tablename__ = "usage_rejection"

    source: Mapped[str]
    event_id: Mapped[str]
    event_type: Mapped[str]
    reason: Mapped[str]  # the refusal's name
    pointer: Mapped[str]  # into the event
