"""The tables that every app's database holds beside its own: what the chassis needs to keep its promises.

| table | promise |
|---|---|
| outbox | what was recorded with a change is published, in order per key |
| inbox | an event has its effect once |
| dead_letter | what was refused for good can be read, mended and replayed |
| idempotency_record | the same POST twice is one effect and one answer |
| job, job_input, timer | long and later work survives its process |
| audit_record | every mutation says who, what, when, before, after |
| known_business_unit | whose data a caller may see (every app but demand, which owns the fact) |
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.db.aggregate import Projection, new_metadata
from services.db.types import JsonDocument, UtcInstant


class ChassisBase(DeclarativeBase):
    metadata = new_metadata()


# SQLite numbers only INTEGER PRIMARY KEY by itself; AUTOINCREMENT there keeps numbers from being used again.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class OutboxRow(ChassisBase):
    """One message, in its wire form, that still has to reach the event log."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_shard_id", "shard", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    shard: Mapped[int]
    topic: Mapped[str]
    key: Mapped[str]
    headers: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)


class InboxRow(ChassisBase):
    __tablename__ = "inbox"

    source: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcInstant)


class DeadLetter(ChassisBase):
    __tablename__ = "dead_letter"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    topic: Mapped[str]
    partition: Mapped[int]
    offset: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str]
    headers: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str]
    refused_at: Mapped[datetime] = mapped_column(UtcInstant)
    replayed_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class IdempotencyRecord(ChassisBase):
    __tablename__ = "idempotency_record"

    scope: Mapped[str] = mapped_column(primary_key=True)  # sha-256 of principal, method, path and key
    body_sha256: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UtcInstant, index=True)


class Leased:
    """Mixin of work that one process at a time may do: claimed by a conditional update with a fencing number."""

    lease_until: Mapped[datetime | None] = mapped_column(UtcInstant)
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)  # claims; of a job, those since its last checkpoint


class Job(Leased, ChassisBase):
    __tablename__ = "job"
    __table_args__ = (Index("ix_job_state_lease", "state", "lease_until"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    defects: Mapped[int] = mapped_column(default=0)
    payload: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    checkpoint: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    problem: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    finished_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    created_by: Mapped[str | None]
    correlation_id: Mapped[str]


class JobInput(ChassisBase):
    """A block of the bytes that a job works on: in the database, since any replica may run the job."""

    __tablename__ = "job_input"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Timer(Leased, ChassisBase):
    __tablename__ = "timer"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    due_at: Mapped[datetime] = mapped_column(UtcInstant, index=True)
    correlation_id: Mapped[str]
    causation_id: Mapped[str]


class AuditRecord(ChassisBase):
    __tablename__ = "audit_record"
    __table_args__ = (Index("ix_audit_record_aggregate", "aggregate", "aggregate_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcInstant)
    actor_id: Mapped[str | None]
    action: Mapped[str]  # created, changed or deleted
    aggregate: Mapped[str]
    aggregate_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    correlation_id: Mapped[str]
    causation_id: Mapped[str]


class KnownBusinessUnit(Projection, ChassisBase):
    __tablename__ = "known_business_unit"

    name: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(index=True)
