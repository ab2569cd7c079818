"""The archiver: every event of every topic is kept once."""

from datetime import datetime
from typing import Any

from pydantic import RootModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.tables import ArchivedEvent
from services.db.upsert import upsert
from services.events import Consumers, Delivery

# Any constant of the gateway's own database.
_ARCHIVE_LOCK = 7_304_701

consumers = Consumers()


class AnyData(RootModel[dict[str, Any]]):
    """The archive keeps what it does not understand."""


@consumers.projection("*")
async def archive(session: AsyncSession, event: Delivery[AnyData], now: datetime) -> None:
    """Keep the event unless it is there. Replayed by `itaas rebuild gateway`, it fills gaps and moves nothing."""
    if session.get_bind().dialect.name == "postgresql":
        # Numbers are handed out before commit: without one writer at a time, whoever reads on from the highest
        # stream id could pass a lower one that commits later. SQLite has one writer anyway.
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ARCHIVE_LOCK})
    await session.execute(
        upsert(session, ArchivedEvent)
        .values(
            id=event.id,
            source=event.source,
            type=event.type,
            subject=event.subject,
            business_unit_id=event.business_unit_id,
            correlation_id=event.correlation_id,
            causation_id=event.causation_id,
            actor_id=event.actor_id,
            sequence=event.sequence,
            time=event.time,
            data=event.data.root,
        )
        .on_conflict_do_nothing()
    )
