"""The event log on Apache Kafka: the one module that imports kafka-python.

kafka-python blocks and its consumer is not thread-safe, so the producer is called from a worker thread and every
subscription owns a thread of its own; only results cross over to the event loop.

Order per key survives a failed send: the producer is idempotent, so the broker refuses a later batch of a
partition while an earlier one is missing; `append` counts only the acknowledged prefix and starts the next call
with a new producer.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CommitFailedError, KafkaError, TopicAlreadyExistsError

from services.events.envelope import Message
from services.events.log import AppendFailed, Partition, Record, Topic, UnknownTopic

T = TypeVar("T")

# A send that takes longer is given up, and the outbox sends it again.
DELIVERY_SECONDS = 20
# A killed consumer's partitions are handed to others after this; kafka-python's default is 45 s.
SESSION_SECONDS = 10


class KafkaLog:
    """See services.events.log.EventLog."""

    def __init__(self, bootstrap_servers: str, *, replication_factor: int = 1, client_id: str = "itaas") -> None:
        self._connect: dict[str, Any] = {"bootstrap_servers": bootstrap_servers.split(","), "client_id": client_id}
        self._replication_factor = replication_factor
        self._producer: Any = None
        self._lock = threading.Lock()  # of the producer: made, used and thrown away by worker threads

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        return await asyncio.to_thread(self._create_topics, topics)

    async def append(self, messages: Sequence[Message]) -> None:
        if messages:
            await asyncio.to_thread(self._append, messages)

    @asynccontextmanager
    async def subscribe(self, group: str, topics: Sequence[str]) -> AsyncIterator["_Member"]:
        member = _Member(self._connect, group, topics)
        try:
            await member.open()
            yield member
        finally:
            await member.close()

    async def ends(self, topic: str) -> dict[Partition, int]:
        def ask(consumer: Any) -> dict[Partition, int]:
            places = _places(consumer, topic)
            return {Partition(p.topic, p.partition): end for p, end in consumer.end_offsets(places).items()}

        return await self._groupless(ask)

    async def committed(self, group: str, topic: str) -> dict[Partition, int]:
        def ask(consumer: Any) -> dict[Partition, int]:
            places = _places(consumer, topic)
            offsets = {p: consumer.committed(p) for p in places}
            return {Partition(p.topic, p.partition): offset or 0 for p, offset in offsets.items()}

        return await self._groupless(ask, group_id=group)

    async def read(
        self, topic: str, *, until: Mapping[Partition, int], start: Mapping[Partition, int] | None = None
    ) -> AsyncIterator[Record]:
        first = {TopicPartition(p.topic, p.number): offset for p, offset in (start or {}).items()}
        left = {TopicPartition(p.topic, p.number): end for p, end in until.items()}
        left = {place: end for place, end in left.items() if end > first.get(place, 0)}
        if not left:
            return
        executor = ThreadPoolExecutor(1, "kafka-read")
        run = asyncio.get_running_loop().run_in_executor
        consumer = await run(executor, lambda: KafkaConsumer(**self._connect, enable_auto_commit=False))
        try:
            await run(executor, _start_reading, consumer, list(left), first)
            while left:
                batches = await run(executor, lambda: consumer.poll(timeout_ms=500, max_records=500))
                for place, records in batches.items():
                    for record in records:
                        if record.offset < left.get(place, 0):
                            yield _record(record)
                # Positions, not offsets seen: retention may have removed the last ones.
                places = list(left)
                positions = dict(zip(places, await run(executor, _positions, consumer, places), strict=True))
                left = {place: end for place, end in left.items() if positions[place] < end}
        finally:
            await run(executor, consumer.close)
            executor.shutdown(wait=False)

    async def ping(self) -> None:
        def ask() -> None:
            admin = KafkaAdminClient(**self._connect, request_timeout_ms=5_000)
            try:
                admin.describe_cluster()
            finally:
                admin.close()

        await _in_thread(ask)

    async def close(self) -> None:
        await asyncio.to_thread(self._drop_producer)

    # --- in worker threads ------------------------------------------------------------------------------------

    def _create_topics(self, topics: Sequence[Topic]) -> list[str]:
        try:
            admin = KafkaAdminClient(**self._connect)
        except KafkaError as error:
            raise ConnectionError(f"Kafka cannot be reached: {error}") from error
        try:
            there = set(admin.list_topics())
            missing = {
                topic.name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": self._replication_factor,
                    "configs": {
                        "retention.ms": "-1" if topic.retention_seconds is None else str(topic.retention_seconds * 1000)
                    },
                }
                for topic in topics
                if topic.name not in there
            }
            if missing:
                with suppress(TopicAlreadyExistsError):  # another process migrates at the same time
                    admin.create_topics(missing, wait_for_metadata=True)
            return list(missing)
        finally:
            admin.close()

    def _append(self, messages: Sequence[Message]) -> None:
        acknowledged = 0
        with self._lock:
            try:
                if self._producer is None:
                    self._producer = KafkaProducer(
                        **self._connect,
                        acks="all",
                        enable_idempotence=True,
                        allow_auto_create_topics=False,
                        linger_ms=2,
                        batch_size=65_536,
                        max_request_size=8_388_608,
                        max_block_ms=DELIVERY_SECONDS * 1000,
                        request_timeout_ms=DELIVERY_SECONDS * 500,
                        delivery_timeout_ms=DELIVERY_SECONDS * 1000,
                    )
                futures = [
                    self._producer.send(
                        message.topic,
                        key=message.key.encode(),
                        value=message.value,
                        headers=[(name, text.encode()) for name, text in message.headers.items()],
                    )
                    for message in messages
                ]
                for future in futures:
                    future.get(timeout=DELIVERY_SECONDS + 5)
                    acknowledged += 1
            except (KafkaError, OSError, ValueError, AssertionError) as error:
                # ValueError and AssertionError: kafka-python's words for a closed or broken producer.
                self._drop_producer_locked()
                raise AppendFailed(acknowledged, f"{type(error).__name__}: {error}") from error

    def _drop_producer(self) -> None:
        with self._lock:
            self._drop_producer_locked()

    def _drop_producer_locked(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=5)

    async def _groupless(self, ask: Callable[[Any], T], **extra: Any) -> T:
        def run() -> T:
            consumer = KafkaConsumer(**self._connect, enable_auto_commit=False, **extra)
            try:
                return ask(consumer)
            finally:
                consumer.close()

        return await _in_thread(run)


class _Member:
    """A consumer group member; each call runs in the member's own thread."""

    def __init__(self, connect: dict[str, Any], group: str, topics: Sequence[str]) -> None:
        self._connect = connect
        self._group = group
        self._topics = list(topics)
        self._executor = ThreadPoolExecutor(1, f"kafka-{group}")
        self._consumer: Any = None

    async def open(self) -> None:
        await self._run(self._open)

    def _open(self) -> None:
        consumer = KafkaConsumer(
            **self._connect,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            session_timeout_ms=SESSION_SECONDS * 1000,
            heartbeat_interval_ms=SESSION_SECONDS * 1000 // 4,
            max_poll_records=500,
        )
        missing = set(self._topics) - set(consumer.topics())
        if missing:
            consumer.close()
            raise UnknownTopic(f"topics {', '.join(sorted(missing))} are not there: run `itaas migrate`")
        consumer.subscribe(self._topics)
        self._consumer = consumer

    async def poll(self, *, limit: int, timeout: float) -> list[Record]:
        def work() -> list[Record]:
            batches = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=limit)
            return [_record(record) for records in batches.values() for record in records]

        return await self._run(work)

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        def work() -> None:
            held = self._consumer.assignment()
            offsets = {
                place: OffsetAndMetadata(offset, "", -1)
                for place, offset in ((TopicPartition(p.topic, p.number), o) for p, o in positions.items())
                if place in held
            }
            if offsets:
                # Refused if the partitions went to another member: it reads them again, which the inbox makes harmless.
                with suppress(CommitFailedError):
                    self._consumer.commit(offsets)

        await self._run(work)

    async def rewind(self, partition: Partition, offset: int) -> None:
        await self._if_held(partition, lambda place: self._consumer.seek(place, offset))

    async def pause(self, partition: Partition) -> None:
        await self._if_held(partition, lambda place: self._consumer.pause(place))

    async def resume(self, partition: Partition) -> None:
        await self._if_held(partition, lambda place: self._consumer.resume(place))

    async def close(self) -> None:
        def work() -> None:
            if self._consumer is not None:
                self._consumer.close()

        await self._run(work)
        self._executor.shutdown(wait=False)

    async def _if_held(self, partition: Partition, act: Callable[[TopicPartition], Any]) -> None:
        def work() -> None:
            place = TopicPartition(partition.topic, partition.number)
            if place in self._consumer.assignment():
                act(place)

        await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except KafkaError as error:
                raise ConnectionError(f"Kafka: {type(error).__name__}: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self._executor, guarded)


async def _in_thread(work: Callable[[], T]) -> T:
    def guarded() -> T:
        try:
            return work()
        except KafkaError as error:
            raise ConnectionError(f"Kafka: {type(error).__name__}: {error}") from error

    return await asyncio.to_thread(guarded)


def _places(consumer: Any, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise UnknownTopic(f"topic {topic} is not there: run `itaas migrate`")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _positions(consumer: Any, places: list[TopicPartition]) -> list[int]:
    return [consumer.position(place) for place in places]


def _start_reading(consumer: Any, places: list[TopicPartition], first: Mapping[TopicPartition, int]) -> None:
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    for place in places:
        if place in first:
            consumer.seek(place, first[place])


def _record(record: Any) -> Record:
    return Record(
        partition=Partition(record.topic, record.partition),
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        headers={name: value.decode(errors="replace") for name, value in record.headers},
        value=record.value or b"",
        appended_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
