"""The event log on Apache Kafka: the one module that imports kafka-python.

kafka-python blocks and its consumer is not thread-safe, so the producer is called from a worker thread and every
subscription owns a thread of its own; only results cross over to the event loop.

Order per key survives a failed send: the producer is idempotent, so the broker refuses a later batch of a
partition while an earlier one is missing; after a failure `append` names what was acknowledged and starts the next
call with a new producer.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CommitFailedError, KafkaError, TopicAlreadyExistsError

from services.events.envelope import Message
from services.events.log import MAX_RECORD_BYTES, AppendFailed, Partition, Record, Topic, UnknownTopic

T = TypeVar("T")

# A send that takes longer is given up, and the outbox sends it again.
DELIVERY_SECONDS = 20
# A killed consumer's partitions are handed to others after this; kafka-python's default is 45 s.
SESSION_SECONDS = 10
# Leaving a group whose broker does not answer: it is given up, and the session runs out by itself.
LEAVE_SECONDS = 2
# The bounds on a broker that takes connections but answers nothing, so that a shutdown need not wait long for it.
ANSWER_SECONDS = 5

_READING: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",  # also where retention overtook a reader
    "allow_auto_create_topics": False,
    "max_partition_fetch_bytes": MAX_RECORD_BYTES,
    "bootstrap_timeout_ms": ANSWER_SECONDS * 1000,
}
_PRODUCER_FAULTS = (KafkaError, OSError, ValueError, AssertionError)  # the last two: of a closed or broken producer


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
        consumer: Any = None
        try:
            consumer = await _run_in(executor, lambda: KafkaConsumer(**self._connect, **_READING))
            await _run_in(executor, lambda: _start_reading(consumer, list(left), first))
            while left:
                batches = await _run_in(executor, lambda: consumer.poll(timeout_ms=500, max_records=500))
                for place, records in batches.items():
                    for record in records:
                        if record.offset < left.get(place, 0):
                            yield _record(record)
                # Positions, not offsets seen: retention may have removed the last ones.
                places = list(left)
                positions = await _run_in(executor, lambda: _positions(consumer, places))  # noqa: B023 (awaited here)
                left = {place: end for place, end in left.items() if positions[place] < end}
        finally:
            if consumer is not None:
                await _run_in(executor, lambda: _close(consumer))
            executor.shutdown(wait=False)

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
                    "configs": _topic_settings(topic),
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
        futures: list[Any] = []
        acknowledged: set[int] = set()
        failure: Exception | None = None
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
                        max_request_size=MAX_RECORD_BYTES,
                        max_block_ms=DELIVERY_SECONDS * 1000,
                        request_timeout_ms=DELIVERY_SECONDS * 500,
                        delivery_timeout_ms=DELIVERY_SECONDS * 1000,
                    )
                producer = self._producer  # `close` may take it away meanwhile
                for message in messages:
                    sent = producer.send(
                        message.topic,
                        key=message.key.encode(),
                        value=message.value,
                        headers=[(name, text.encode()) for name, text in message.headers.items()],
                    )
                    futures.append(sent)
            except _PRODUCER_FAULTS as error:
                failure = error
            # Whatever fails, what was sent to other partitions may still be acknowledged.
            deadline = time.monotonic() + DELIVERY_SECONDS + 5
            for index, future in enumerate(futures):
                try:
                    future.get(timeout=max(0.0, deadline - time.monotonic()))
                    acknowledged.add(index)
                except _PRODUCER_FAULTS as error:
                    failure = failure or error
            if failure is not None:
                self._drop_producer()
                raise AppendFailed(acknowledged, f"{type(failure).__name__}: {failure}") from failure

    def _drop_producer(self) -> None:
        """Without the lock: closing it from another thread is what ends an append that waits for a hung broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=LEAVE_SECONDS)
            except _PRODUCER_FAULTS:
                # Its `close` gives up where its flush does, and leaves the sender running with what it still has.
                producer._sender.force_close()

    async def _groupless(self, ask: Callable[[Any], T], **extra: Any) -> T:
        def run() -> T:
            consumer = KafkaConsumer(**self._connect, **_READING, **extra)
            try:
                return ask(consumer)
            finally:
                _close(consumer)

        return await _run_in(None, run)


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
            **_READING,
            group_id=self._group,
            session_timeout_ms=SESSION_SECONDS * 1000,
            heartbeat_interval_ms=SESSION_SECONDS * 1000 // 4,
            max_poll_records=500,
        )
        self._consumer = consumer  # from here on `close` closes it, whatever fails
        missing = set(self._topics) - set(consumer.topics())
        if missing:
            raise UnknownTopic(f"topics {', '.join(sorted(missing))} are not there: run `itaas migrate`")
        consumer.subscribe(self._topics)

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
                    self._consumer.commit(offsets, timeout_ms=ANSWER_SECONDS * 1000)

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
                _close(self._consumer)

        try:
            await self._run(work)
        finally:
            self._executor.shutdown(wait=False)

    async def _if_held(self, partition: Partition, act: Callable[[TopicPartition], Any]) -> None:
        def work() -> None:
            place = TopicPartition(partition.topic, partition.number)
            if place in self._consumer.assignment():
                act(place)

        await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        return await _run_in(self._executor, work)


async def _run_in(executor: ThreadPoolExecutor | None, work: Callable[[], T]) -> T:
    """Run blocking Kafka work in a thread (None: any); its outages arrive as ConnectionError."""

    def guarded() -> T:
        try:
            return work()
        except KafkaError as error:
            raise ConnectionError(f"Kafka: {type(error).__name__}: {error}") from error

    return await asyncio.get_running_loop().run_in_executor(executor, guarded)


def _topic_settings(topic: Topic) -> dict[str, str]:
    return {
        "retention.ms": "-1" if topic.retention_seconds is None else str(topic.retention_seconds * 1000),
        "max.message.bytes": str(MAX_RECORD_BYTES),
    }


def _places(consumer: Any, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise UnknownTopic(f"topic {topic} is not there: run `itaas migrate`")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _positions(consumer: Any, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    return {place: consumer.position(place) for place in places}


def _close(consumer: Any) -> None:
    consumer.close(autocommit=False, timeout_ms=LEAVE_SECONDS * 1000)


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
        headers={name: (value or b"").decode(errors="replace") for name, value in record.headers},  # null is legal
        value=record.value or b"",
        appended_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
