"""The relay: takes what is in the outbox to the event log, and deletes it once that is acknowledged.

It reads whatever is there and keeps no cursor, so a row whose transaction commits later than one with a higher
number is simply found at the next look. Several replicas may run: a shard (of the key's hash) is relayed by
the holder of its advisory lock alone, which keeps the order per key; on SQLite there is one process. If a send
fails, a shard's messages up to its first unacknowledged one count as published, whatever became of the others.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from services import metrics
from services.db.chassis_tables import OutboxRow
from services.db.database import Database, is_outage
from services.events.envelope import Message
from services.events.log import PARTITIONS, AppendFailed, EventLog

log = structlog.get_logger("itaas.relay")

BATCH = 500
LOOK_AGAIN_SECONDS = 1.0
COUNT_EVERY_SECONDS = 5.0  # the outbox, where a whole batch was found
_LOCK_SPACE = 7_304_116  # first half of the advisory lock's key; the shard is the second


class Relay:
    def __init__(self, app: str, database: Database, event_log: EventLog) -> None:
        self.app = app
        self._database = database
        self._log = event_log
        self._committed = asyncio.Event()
        self._shards: set[int] = set(range(PARTITIONS)) if database.is_sqlite else set()
        self._holder: Any = None  # the connection whose session holds the shards' locks
        self._counted_at = float("-inf")
        self.failing = False

    def wake(self) -> None:
        """Called after each commit of this process."""
        self._committed.set()

    async def run(self) -> None:
        """Relay until cancelled."""
        try:
            while True:
                self._committed.clear()
                try:
                    published = await self.drain_once()
                    self.failing = False
                except Exception as error:
                    # Whatever the log or the database says: what is in the outbox stays there and is tried again.
                    self.failing = True
                    if not is_outage(error):
                        log.exception("the relay failed", app=self.app)
                    else:
                        log.warning("events wait in the outbox", app=self.app, error=str(error))
                    await self.let_go()
                    published = 0
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
                if published == 0:
                    # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                            await self._committed.wait()
        finally:
            await self.let_go()

    async def drain_once(self) -> int:
        """Publish one batch of the shards held; returns how many messages are published. Raises AppendFailed."""
        shards = await self._take_shards()
        if not shards:
            return 0
        async with self._database.reading() as session:
            found = select(OutboxRow).order_by(OutboxRow.id).limit(BATCH)
            if len(shards) < PARTITIONS:
                found = found.where(OutboxRow.shard.in_(shards))
            rows = list(await session.scalars(found))
        await self._measure(len(rows))
        if not rows:
            return 0
        messages = [Message(row.topic, row.key, row.headers, row.value) for row in rows]
        published = [row.id for row in rows]
        failure: AppendFailed | None = None
        try:
            await self._log.append(messages)
        except AppendFailed as error:
            published, failure = _published(rows, error.acknowledged), error
        if published:
            async with self._database.transaction() as session:
                await session.execute(delete(OutboxRow).where(OutboxRow.id.in_(published)))
            metrics.EVENTS_PUBLISHED.labels(self.app).inc(len(published))
        if failure is not None:
            raise failure
        return len(published)

    async def _measure(self, found: int) -> None:
        """Keep the gauge true at little cost: only a full batch may hide more rows, and they are counted seldom."""
        if found == BATCH:
            now = asyncio.get_running_loop().time()
            if now - self._counted_at < COUNT_EVERY_SECONDS:
                return
            self._counted_at = now
            async with self._database.reading() as session:
                found = await session.scalar(select(func.count()).select_from(OutboxRow)) or 0
        metrics.OUTBOX_DEPTH.labels(self.app).set(found)

    async def _take_shards(self) -> set[int]:
        """The shards this process may relay now, after trying for those that nobody holds."""
        if self._database.is_sqlite:
            return self._shards
        if self._holder is None:
            self._holder = await self._database.writer.connect()
            self._holder = await self._holder.execution_options(isolation_level="AUTOCOMMIT")
            self._shards = set()
        # The same connection answers for the locks it holds: if it is gone, so are they, and this raises.
        missing = [shard for shard in range(PARTITIONS) if shard not in self._shards]
        if missing:
            for shard in missing:
                lock = text("SELECT pg_try_advisory_lock(:space, :shard)")
                if await self._holder.scalar(lock, {"space": _LOCK_SPACE, "shard": shard}):
                    self._shards.add(shard)
        else:
            await self._holder.scalar(text("SELECT 1"))
        return self._shards

    async def let_go(self) -> None:
        """Give up the shards, for another process to take; `run` does it by itself at its end."""
        holder, self._holder = self._holder, None
        if holder is not None:
            self._shards = set()
            with suppress(SQLAlchemyError, OSError):
                await holder.invalidate()  # closes the connection, which releases its locks
            with suppress(SQLAlchemyError, OSError):
                await holder.close()


def _published(rows: Sequence[OutboxRow], acknowledged: Collection[int]) -> list[int]:
    """The ids of what need not be sent again: nothing of a shard from its first unacknowledged row on."""
    held_up: set[int] = set()
    published = []
    for index, row in enumerate(rows):
        if index not in acknowledged:
            held_up.add(row.shard)
        elif row.shard not in held_up:
            published.append(row.id)
    return published
