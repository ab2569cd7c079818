"""The event log in one SQLite file: what Kafka promises, for a suite that runs in one process.

    topic            its partitions, its retention
    record           (topic, partition, offset) -> key, headers, value; `position` numbers all appends
    group_position   (group, topic, partition) -> the next offset to read

A group's members live in one process (each app runs once in embedded mode) and share the partitions
evenly. Appending wakes the pollers of this process; those of others look once a second.

A partition's next offset is that of its last record plus one, so retention never takes the last record.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from services.clock import utc_now
from services.db.database import Database
from services.db.types import JsonDocument, UtcInstant
from services.errors import Unavailable
from services.events.envelope import Message
from services.events.log import AppendFailed, Partition, Record, Topic, UnknownTopic, partition_of

log = structlog.get_logger("itaas.embedded_log")

_LOOK_AGAIN_SECONDS = 1.0
_PRUNE_EVERY_SECONDS = 3600.0
_PRUNED_AT_ONCE = 1_000  # records per transaction, between which appends get their turn
_tables = MetaData()
_topic = Table(
    "topic",
    _tables,
    Column("name", String, primary_key=True),
    Column("partitions", Integer, nullable=False),
    Column("retention_seconds", Integer),
)
_record = Table(
    "record",
    _tables,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("topic", String, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("key", String, nullable=False),
    Column("headers", JsonDocument, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("appended_at", UtcInstant, nullable=False),
    UniqueConstraint("topic", "partition", "offset"),
    sqlite_autoincrement=True,
)
_group_position = Table(
    "group_position",
    _tables,
    Column("group", String, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)


class EmbeddedLog:
    """See services.events.log.EventLog. `open()` before use."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._members: dict[str, list[_Member]] = defaultdict(list)
        self._partitions: dict[str, int] = {}
        self._appended = asyncio.Event()
        self._pruning: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        async with self._database.writer.begin() as connection:
            await connection.run_sync(_tables.create_all)
        self._pruning = asyncio.create_task(self._prune_regularly())

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        made = []
        async with self._database.transaction() as session:
            for topic in topics:
                row = upsert(_topic).values(
                    name=topic.name, partitions=topic.partitions, retention_seconds=topic.retention_seconds
                )
                result = await session.execute(row.on_conflict_do_nothing())
                if result.rowcount:  # type: ignore[attr-defined]  # a CursorResult, as of every INSERT
                    made.append(topic.name)
        return made

    async def append(self, messages: Sequence[Message]) -> None:
        if messages:
            await self._undisturbed(self._append(messages))

    async def _append(self, messages: Sequence[Message]) -> None:
        now = utc_now()
        try:
            counts = {name: await self._count(name) for name in {message.topic for message in messages}}
            async with self._database.transaction() as session:
                next_offset: dict[Partition, int] = {}
                rows = []
                for message in messages:
                    place = Partition(message.topic, partition_of(message.key, counts[message.topic]))
                    if place not in next_offset:
                        next_offset[place] = await self._end(session, place)
                    rows.append(
                        {
                            "topic": place.topic,
                            "partition": place.number,
                            "offset": next_offset[place],
                            "key": message.key,
                            "headers": message.headers,
                            "value": message.value,
                            "appended_at": now,
                        }
                    )
                    next_offset[place] += 1
                await session.execute(insert(_record), rows)
        except Unavailable as error:
            raise AppendFailed((), error.detail) from error
        self._wake()

    @asynccontextmanager
    async def subscribe(self, group: str, topics: Sequence[str]) -> AsyncIterator["_Member"]:
        member = _Member(self, group, topics)
        self._members[group].append(member)
        self._share_out(group)
        try:
            yield member
        finally:
            await member.close()

    async def ends(self, topic: str) -> dict[Partition, int]:
        count = await self._count(topic)
        async with self._database.reading() as session:
            return {Partition(topic, n): await self._end(session, Partition(topic, n)) for n in range(count)}

    async def committed(self, group: str, topic: str) -> dict[Partition, int]:
        count = await self._count(topic)
        columns = _group_position.c
        async with self._database.reading() as session:
            rows = await session.execute(
                select(columns.partition, columns.next_offset).where(columns.group == group, columns.topic == topic)
            )
            known = {row.partition: row.next_offset for row in rows}
        return {Partition(topic, n): known.get(n, 0) for n in range(count)}

    async def read(
        self, topic: str, *, until: Mapping[Partition, int], start: Mapping[Partition, int] | None = None
    ) -> AsyncIterator[Record]:
        for place, end in sorted(until.items()):
            offset = (start or {}).get(place, 0)
            while offset < end:
                batch = [r for r in await self.fetch(place, offset, 500) if r.offset < end]
                if not batch:
                    break
                for record in batch:
                    yield record
                offset = batch[-1].offset + 1

    async def prune(self) -> int:
        """Delete what is older than its topic's retention, but for each partition's last; returns how many went."""
        removed = 0
        columns = _topic.c
        async with self._database.reading() as session:
            topics = await session.execute(
                select(columns.name, columns.partitions, columns.retention_seconds).where(
                    columns.retention_seconds.is_not(None)
                )
            )
            limited = topics.all()
        for name, partitions, seconds in limited:
            horizon = utc_now() - timedelta(seconds=seconds)
            for number in range(partitions):
                removed += await self._prune(Partition(name, number), horizon)
        return removed

    async def close(self) -> None:
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        await asyncio.gather(*self._writing, return_exceptions=True)
        await self._database.close()

    # --- what members use -------------------------------------------------------------------------------------

    async def fetch(self, place: Partition, offset: int, limit: int) -> list[Record]:
        columns = _record.c
        async with self._database.reading() as session:
            rows = await session.execute(
                select(columns.offset, columns.key, columns.headers, columns.value, columns.appended_at)
                .where(columns.topic == place.topic, columns.partition == place.number, columns.offset >= offset)
                .order_by(columns.offset)
                .limit(limit)
            )
            return [Record(place, *row) for row in rows.all()]

    async def news(self, topics: Sequence[str], position: int) -> tuple[int, set[Partition]]:
        """The newest position of all, and which partitions of `topics` were appended to after `position`."""
        columns = _record.c
        async with self._database.reading() as session:
            newest: int = await session.scalar(select(func.max(columns.position))) or 0
            if newest == position or position < 0:
                return newest, set()
            rows = await session.execute(
                select(columns.topic, columns.partition)
                .where(columns.position > position, columns.position <= newest, columns.topic.in_(topics))
                .distinct()
            )
            return newest, {Partition(*row) for row in rows.all()}

    async def store_positions(self, group: str, positions: Mapping[Partition, int]) -> None:
        await self._undisturbed(self._store_positions(group, positions))

    async def _store_positions(self, group: str, positions: Mapping[Partition, int]) -> None:
        async with self._database.transaction() as session:
            for place, offset in positions.items():
                row = upsert(_group_position).values(
                    {"group": group, "topic": place.topic, "partition": place.number, "next_offset": offset}
                )
                await session.execute(
                    row.on_conflict_do_update(
                        index_elements=["group", "topic", "partition"], set_={"next_offset": offset}
                    )
                )

    async def _undisturbed(self, write: Coroutine[Any, Any, None]) -> None:
        """Let a write end whoever is cancelled: the relay of one app may stop, and all share this one writer.

        A cancellation in the middle of a transaction was seen to leave the file locked for everybody else.
        """
        task = asyncio.create_task(write)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        await asyncio.shield(task)

    def signal(self) -> asyncio.Event:
        return self._appended

    async def wait_for_news(self, signal: asyncio.Event, timeout: float) -> None:
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
        with suppress(TimeoutError):
            async with asyncio.timeout(min(timeout, _LOOK_AGAIN_SECONDS)):
                await signal.wait()

    def leave(self, member: "_Member") -> None:
        if member in self._members[member.group]:
            self._members[member.group].remove(member)
            self._share_out(member.group)

    async def partitions_of(self, topics: Sequence[str]) -> list[Partition]:
        return [Partition(topic, n) for topic in topics for n in range(await self._count(topic))]

    # ------------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        # Whoever waits holds the old event; later waiters get a fresh one, so that no wake-up is lost or stuck.
        appended, self._appended = self._appended, asyncio.Event()
        appended.set()

    def _share_out(self, group: str) -> None:
        members = self._members[group]
        for index, member in enumerate(members):
            member.share = (index, len(members))
            member.stale = True
        self._wake()

    async def _count(self, topic: str) -> int:
        if topic not in self._partitions:
            async with self._database.reading() as session:
                count = await session.scalar(select(_topic.c.partitions).where(_topic.c.name == topic))
            if count is None:
                raise UnknownTopic(f"topic {topic} is not there: run `itaas migrate`")
            self._partitions[topic] = count
        return self._partitions[topic]

    async def _prune_regularly(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_EVERY_SECONDS)
            try:
                await self.prune()
            except Exception:
                # Nothing depends on it: what is too old goes the next time.
                log.exception("old records could not be removed")

    async def _prune(self, place: Partition, horizon: datetime) -> int:
        columns = _record.c
        here = (columns.topic == place.topic, columns.partition == place.number)
        async with self._database.reading() as session:
            offset = await session.scalar(select(func.min(columns.offset)).where(*here))
            if offset is None:
                return 0
            kept = await session.scalar(
                select(columns.offset).where(*here, columns.appended_at >= horizon).order_by(columns.offset).limit(1)
            )
            if kept is None:
                kept = await self._end(session, place) - 1
        removed = 0
        while offset < kept:
            offset = min(offset + _PRUNED_AT_ONCE, kept)
            async with self._database.transaction() as session:
                result = await session.execute(delete(_record).where(*here, columns.offset < offset))
                removed += result.rowcount  # type: ignore[attr-defined]
        return removed

    @staticmethod
    async def _end(session: Any, place: Partition) -> int:
        columns = _record.c
        last = await session.scalar(
            select(func.max(columns.offset)).where(columns.topic == place.topic, columns.partition == place.number)
        )
        return 0 if last is None else last + 1


class _Member:
    """A member of a group: which partitions it holds, where it reads, and which of them may have news."""

    def __init__(self, log: EmbeddedLog, group: str, topics: Sequence[str]) -> None:
        self._log = log
        self.group = group
        self._topics = list(topics)
        self.share = (0, 1)
        self.stale = True  # the partitions were shared out anew
        self._next: dict[Partition, int] = {}
        self._news: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._position = -1

    async def poll(self, *, limit: int, timeout: float) -> list[Record]:
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            signal = self._log.signal()  # taken before looking, so that what is appended meanwhile still wakes us
            if self.stale:
                await self._take_share()
            self._position, fresh = await self._log.news(self._topics, self._position)
            self._news |= fresh & self._next.keys()
            records: list[Record] = []
            for place in sorted(self._news - self._paused):
                wanted = limit - len(records)
                if wanted <= 0:
                    break
                batch = await self._log.fetch(place, self._next[place], wanted)
                if len(batch) < wanted:
                    self._news.discard(place)
                if batch:
                    self._next[place] = batch[-1].offset + 1
                    records += batch
            left = deadline - asyncio.get_running_loop().time()
            if records or left <= 0:
                return records
            await self._log.wait_for_news(signal, left)

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        held = {place: offset for place, offset in positions.items() if place in self._next}
        if held:
            await self._log.store_positions(self.group, held)

    async def rewind(self, partition: Partition, offset: int) -> None:
        if partition in self._next:
            self._next[partition] = offset
            self._news.add(partition)

    async def pause(self, partition: Partition) -> None:
        self._paused.add(partition)

    async def resume(self, partition: Partition) -> None:
        self._paused.discard(partition)

    async def close(self) -> None:
        self._log.leave(self)

    async def _take_share(self) -> None:
        self.stale = False
        index, members = self.share
        held = [place for n, place in enumerate(await self._log.partitions_of(self._topics)) if n % members == index]
        committed: dict[Partition, int] = {}
        for topic in self._topics:
            committed |= await self._log.committed(self.group, topic)
        self._next = {place: committed[place] for place in held}
        self._news = set(held)
        self._paused &= set(held)
