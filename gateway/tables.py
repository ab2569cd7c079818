"""The gateway's tables: the archive of all events, and the services' API documents as last seen."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.db import JsonDocument, UtcInstant, new_metadata
from services.db.chassis_tables import RowNumber


class Base(DeclarativeBase):
    metadata = new_metadata()


class ArchivedEvent(Base):
    """An event as it came from the log, once. `stream_id` is its place in the archive: later ones are higher."""

    __tablename__ = "archived_event"
    __table_args__ = (UniqueConstraint("source", "id"), {"sqlite_autoincrement": True})

    stream_id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str]
    source: Mapped[str]
    type: Mapped[str] = mapped_column(index=True)
    subject: Mapped[UUID] = mapped_column(index=True)
    business_unit_id: Mapped[UUID | None] = mapped_column(index=True)
    correlation_id: Mapped[str] = mapped_column(index=True)
    causation_id: Mapped[str | None]
    actor_id: Mapped[str | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    time: Mapped[datetime] = mapped_column(UtcInstant)
    data: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class KnownDocument(Base):
    """A service's OpenAPI document as last seen, so that the merged one survives the service and our own restart."""

    __tablename__ = "known_document"

    service: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    seen_at: Mapped[datetime] = mapped_column(UtcInstant)
