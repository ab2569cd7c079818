"""The consumer: reads an app's topics and calls its handlers, once per event.

One event is one transaction: inbox row, handlers, outbox rows. What happens to it:

| outcome of the handlers | what follows |
|---|---|
| they return | committed, with the inbox row |
| an outage (database, another service) | nothing kept; its partition pauses, and again, as long as it lasts |
| NotYet | the same, for `NOT_YET_SECONDS` in which nothing else is left to read; then refused |
| a Refusal, or data that the handler's model refuses | dead letter |
| a lost race (StaleWrite, AlreadyThere), or any other exception (a defect) | tried `ATTEMPTS` times; then dead letter |
"""

import asyncio
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services import context, metrics
from services.clock import utc_now
from services.db.chassis_tables import DeadLetter, InboxRow
from services.db.database import AlreadyThere, Database, is_outage
from services.db.upsert import upsert
from services.errors import Invalid, Refusal, StaleWrite
from services.events.envelope import Envelope, Message, from_message
from services.events.handlers import Consumers, Delivery, Handler, NotYet, Refused
from services.events.log import EventLog, Partition, Record, Subscription
from services.events.outbox import enqueue
from services.ids import uuid7

log = structlog.get_logger("itaas.consumer")

NOT_YET_SECONDS = 60.0
LONGEST_NOT_YET_SECONDS = 900.0  # two events that wait for each other may not wait for ever
ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0


async def first_time(session: AsyncSession, source: str, event_id: str) -> bool:
    """Note the event in the inbox of this transaction; False if it has had its effect already."""
    row = upsert(session, InboxRow).values(source=source, event_id=event_id, received_at=utc_now())
    result = await session.execute(row.on_conflict_do_nothing())
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, as of every INSERT


class Consumer:
    """Reads an app's topics as the group `itaas.<app>` and calls its handlers."""

    def __init__(self, app: str, handlers: Consumers, topics: list[str], database: Database, event_log: EventLog):
        self.app = app
        self.handlers = handlers
        self._topics = topics
        self._database = database
        self._log = event_log
        self._paused_until: dict[Partition, float] = {}
        self._pause_seconds: dict[Partition, float] = {}
        self._not_yet_since: dict[tuple[Partition, int], float] = {}
        self._attempts: dict[tuple[Partition, int], int] = {}
        self.healthy = False

    @property
    def group(self) -> str:
        return f"itaas.{self.app}"

    async def run(self) -> None:
        """Consume until cancelled; rejoins after the log was away."""
        while True:
            try:
                async with self._log.subscribe(self.group, self._topics) as subscription:
                    self._paused_until.clear()
                    while True:
                        await self.step(subscription)
            except Exception as error:
                # Anything that escapes from the log's client is treated as an outage of it: rejoin, never stop reading.
                self.healthy = False
                level = log.warning if is_outage(error) else log.exception
                level("the event log cannot be read", app=self.app, error=str(error))
                await asyncio.sleep(1.0)

    async def step(self, subscription: Subscription, *, timeout: float = 0.5) -> None:
        """Poll once, handle what came, commit how far it got."""
        loop = asyncio.get_running_loop()
        for partition, until in list(self._paused_until.items()):
            if loop.time() >= until:
                del self._paused_until[partition]
                await subscription.resume(partition)
            else:
                timeout = min(timeout, max(until - loop.time(), 0.01))
        records = await subscription.poll(limit=200, timeout=timeout)
        self.healthy = True
        positions: dict[Partition, int] = {}
        stopped: set[Partition] = set()
        for record in records:
            if record.partition in stopped:
                continue
            if await self.handle(record):
                positions[record.partition] = record.offset + 1
                self._pause_seconds.pop(record.partition, None)
            else:
                stopped.add(record.partition)
                pause = self._pause_seconds.get(record.partition, FIRST_PAUSE_SECONDS)
                self._pause_seconds[record.partition] = min(pause * 2, LONGEST_PAUSE_SECONDS)
                self._paused_until[record.partition] = loop.time() + pause
                await subscription.rewind(record.partition, record.offset)
                await subscription.pause(record.partition)
        if positions:
            await subscription.commit(positions)

    async def handle(self, record: Record) -> bool:
        """Give the record to its handlers; False means: not now, try it again later."""
        place = (record.partition, record.offset)
        try:
            envelope = from_message(record.key, record.headers, record.value)
            handlers = self.handlers.matching(envelope.type)
            if not handlers:
                return True
            with context.entered(context_of(envelope)):
                async with self._database.transaction() as session:
                    if await first_time(session, envelope.source, envelope.id):
                        await call(session, handlers, envelope)
                        outcome = "handled"
                    else:
                        outcome = "duplicate"
            metrics.EVENTS_CONSUMED.labels(self.app, envelope.type, outcome).inc()
        except Exception as error:
            # The table in this module's docstring decides; nothing that a handler raises may stop the consumer.
            if not await self._is_final(place, error):
                return False
            await self.refuse(record, error)
        self._not_yet_since.pop(place, None)
        self._attempts.pop(place, None)
        return True

    async def _is_final(self, place: tuple[Partition, int], error: Exception) -> bool:
        if isinstance(error, NotYet):
            now = asyncio.get_running_loop().time()
            waited = now - self._not_yet_since.setdefault(place, now)
            if waited < NOT_YET_SECONDS:
                return False
            return waited >= LONGEST_NOT_YET_SECONDS or not await self._has_more_to_read(place[0].topic)
        self._not_yet_since.pop(place, None)  # what it waits for was held up as well: the wait starts anew
        if is_outage(error):
            log.warning("an event waits for an outage to end", app=self.app, error=str(error))
            return False
        lost_race = isinstance(error, StaleWrite | AlreadyThere)
        if isinstance(error, Refusal | ValidationError) and not lost_race:
            return True
        self._attempts[place] = self._attempts.get(place, 0) + 1
        if not lost_race:
            log.exception("a handler failed", app=self.app, partition=str(place[0]), offset=place[1])
        return self._attempts[place] >= ATTEMPTS

    async def _has_more_to_read(self, but: str) -> bool:
        """Whether another topic still holds something unread: what an event waits for may be there."""
        for topic in self._topics:
            if topic != but:
                committed = await self._log.committed(self.group, topic)
                if any(committed.get(partition, 0) < end for partition, end in (await self._log.ends(topic)).items()):
                    return True
        return False

    async def refuse(self, record: Record, error: Exception) -> None:
        """Put the record among the dead letters (table and topic), once, in one transaction."""
        topic = f"itaas.dlq.{self.app}"
        place = record.partition
        key, reason = _storable(record.key), _storable(reason_of(error))
        given = {_storable(name): _storable(text) for name, text in record.headers.items()}
        headers = given | {
            "itaas-dlq-reason": reason,
            "itaas-dlq-topic": place.topic,
            "itaas-dlq-partition": str(place.number),
            "itaas-dlq-offset": str(record.offset),
        }
        work = context.WorkContext(*(f"{place.topic}/{place.number}/{record.offset}",) * 3)
        while True:
            try:
                with context.entered(work):
                    async with self._database.transaction() as session:
                        if await first_time(session, f"/itaas/dlq/{place.topic}", f"{place.number}/{record.offset}"):
                            session.add(
                                DeadLetter(
                                    id=uuid7(),
                                    topic=place.topic,
                                    partition=place.number,
                                    offset=record.offset,
                                    key=key,
                                    headers=given,
                                    value=record.value,
                                    reason=reason,
                                    refused_at=utc_now(),
                                )
                            )
                            enqueue(session, Message(topic, key, headers, record.value))
                            id_, type_, source = (given.get(f"ce_{name}", "") for name in ("id", "type", "source"))
                            refused = Refused(id_, type_, source, error)
                            for tell in self.handlers.when_refused(refused.type):
                                await tell(session, refused, utc_now())
                metrics.DEAD_LETTERS.labels(self.app).inc()
                log.error("an event was refused", app=self.app, reason=reason, **{"from": headers["itaas-dlq-topic"]})
                return
            except Exception as fault:
                # Without its dead letter the event would be lost, so an outage here is waited out too.
                if not is_outage(fault):
                    raise
                await asyncio.sleep(LONGEST_PAUSE_SECONDS / 10)


async def call(session: AsyncSession, handlers: list[Handler], envelope: Envelope) -> None:
    """Call `handlers` with the event inside `session`'s transaction."""
    try:
        subject = UUID(envelope.subject or "")
        unit = None if envelope.business_unit_id is None else UUID(envelope.business_unit_id)
    except ValueError as error:
        raise Invalid(f"subject or businessunitid is not a UUID: {error}") from error
    for handler in handlers:
        delivery: Delivery[Any] = Delivery(
            id=envelope.id,
            type=envelope.type,
            source=envelope.source,
            subject=subject,
            sequence=envelope.sequence,
            time=envelope.time,
            correlation_id=envelope.correlation_id,
            business_unit_id=unit,
            actor_id=envelope.actor_id,
            causation_id=envelope.causation_id,
            data=handler.model.model_validate(envelope.data),
        )
        await handler.call(session, delivery, utc_now())
    await session.flush()


def _storable(text: str) -> str:
    """What a stranger put into a key or a header, without what no database takes for text."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def reason_of(error: Exception) -> str:
    """One line for the operator. Of a defect only the kind: its text may hold somebody's data."""
    if isinstance(error, ValidationError):
        faults = "; ".join(f"/{'/'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        return f"the data does not fit: {faults}"
    if isinstance(error, Refusal):
        return f"{type(error).__name__}: {error.detail}"
    return f"defect: {type(error).__name__}"


def context_of(envelope: Envelope) -> context.WorkContext:
    return context.WorkContext(
        correlation_id=envelope.correlation_id,
        causation_id=envelope.id,
        request_id=envelope.id,
        actor_id=envelope.actor_id,
        traceparent=envelope.traceparent,
    )
