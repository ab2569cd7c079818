"""What an operator does with events that are past: a dead letter's second chance, projections filled anew."""

from collections.abc import Callable
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import delete, select

from services import context
from services.clock import utc_now
from services.db.chassis_tables import DeadLetter
from services.db.database import AlreadyThere, Database, is_outage
from services.errors import Invalid, Refusal, StaleWrite
from services.events.consumers import ATTEMPTS, call, context_of, first_time, reason_of
from services.events.envelope import Envelope, from_message
from services.events.handlers import Consumers, Handler
from services.events.log import EventLog
from services.ids import uuid7

log = structlog.get_logger("itaas.replay")


async def replay(database: Database, handlers: Consumers, dead_letter_id: UUID) -> bool:
    """Give a dead letter to its handlers again; False if it had been replayed. Publishes the letter nowhere.

    Raises what the handlers raise; then nothing is kept, and the letter stays open.
    """
    async with database.reading() as reading:
        letter = await reading.get(DeadLetter, dead_letter_id)
    if letter is None:
        raise Invalid(f"no dead letter {dead_letter_id}")
    envelope = from_message(letter.key, letter.headers, letter.value)
    with context.entered(context_of(envelope)):
        async with database.transaction() as session:
            letter = (await session.scalars(select(DeadLetter).where(DeadLetter.id == dead_letter_id))).one()
            if letter.replayed_at is not None:
                return False
            letter.replayed_at = utc_now()
            if await first_time(session, envelope.source, envelope.id):
                await call(session, handlers.matching(envelope.type), envelope)
    return True


async def rebuild(
    database: Database, handlers: Consumers, topics: list[str], event_log: EventLog, report: Callable[[int], None]
) -> int:
    """Empty the projections and fill them again from the topics, past the inbox. Returns the events applied.

    Safe beside a running consumer: both apply higher sequences only.
    """
    ends = {topic: await event_log.ends(topic) for topic in topics}
    projections = [handler for handler in handlers.handlers if handler.kind == "projection"]
    with context.entered(context.WorkContext(*(str(uuid7()),) * 3)):
        async with database.transaction() as session:
            for table in {table for handler in projections for table in handler.tables}:
                await session.execute(delete(table))
    applied = 0
    for topic in topics:
        async for record in event_log.read(topic, until=ends[topic]):
            try:
                envelope = from_message(record.key, record.headers, record.value)
                matching = [handler for handler in projections if handler.takes(envelope.type)]
                if not matching:
                    continue
                await _apply(database, matching, envelope)
            except (Refusal, ValidationError) as error:
                if is_outage(error):
                    raise
                log.warning("rebuild passes over a refused event", reason=reason_of(error), offset=record.offset)
                continue
            applied += 1
            report(applied)
    return applied


async def _apply(database: Database, handlers: list[Handler], envelope: Envelope) -> None:
    """Apply an event to projections that a running consumer may be writing as well."""
    for left in reversed(range(ATTEMPTS)):
        try:
            with context.entered(context_of(envelope)):
                async with database.transaction() as session:
                    await call(session, handlers, envelope)
            return
        except (StaleWrite, AlreadyThere):
            if not left:
                raise
