"""One contract, two event logs: the embedded one and Apache Kafka must keep the same promises."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaConnectionError

from services.events import embedded_log, kafka_log
from services.events.embedded_log import EmbeddedLog
from services.events.envelope import Message
from services.events.kafka_log import KafkaLog
from services.events.log import (
    MAX_MESSAGE_BYTES,
    AppendFailed,
    EventLog,
    Partition,
    Record,
    Subscription,
    Topic,
    UnknownTopic,
)
from services.local.backends import Backends, Kafka

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["embedded", "kafka"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    made: EventLog
    if request.param == "embedded":
        embedded = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
        await embedded.open()
        made = embedded
    else:
        made = KafkaLog(request.getfixturevalue("backends").kafka.bootstrap)
    yield made
    await made.close()


@pytest.fixture
async def topic(log: EventLog) -> str:
    name = f"itaas.test-{uuid4().hex}"
    await log.create_topics([Topic(name)])
    return name


def message(topic: str, key: str, number: int) -> Message:
    return Message(topic, key, {"ce_id": str(number), "ce_umlaut": "zürich"}, str(number).encode())


async def take(subscription: Subscription, count: int, *, seconds: float = 20) -> list[Record]:
    taken: list[Record] = []
    async with asyncio.timeout(seconds):
        while len(taken) < count:
            taken += await subscription.poll(limit=100, timeout=0.5)
    return taken


def after(records: list[Record]) -> dict[Partition, int]:
    return {record.partition: record.offset + 1 for record in records}


@asynccontextmanager
async def member(log: EventLog, group: str, topic: str) -> AsyncIterator[Subscription]:
    async with log.subscribe(group, [topic]) as subscription:
        yield subscription


async def test_topics_are_made_once(log: EventLog) -> None:
    topic = Topic(f"itaas.test-{uuid4().hex}", retention_seconds=3600)
    assert await log.create_topics([topic]) == [topic.name]
    assert await log.create_topics([topic]) == []
    assert len(await log.ends(topic.name)) == 12


async def test_an_unknown_topic_is_named(log: EventLog) -> None:
    with pytest.raises(UnknownTopic, match=r"itaas\.nowhere"):
        await log.ends("itaas.nowhere")


async def test_what_is_appended_comes_back_in_order_per_key(log: EventLog, topic: str) -> None:
    messages = [message(topic, f"key-{number % 7}", number) for number in range(100)]
    await log.append(messages)
    async with member(log, "g", topic) as subscription:
        records = await take(subscription, 100)
    by_key: dict[str, list[int]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(int(record.value))
    assert by_key == {f"key-{k}": [n for n in range(100) if n % 7 == k] for k in range(7)}
    assert records[0].headers["ce_umlaut"] == "zürich"
    assert all(len({r.partition for r in records if r.key == key}) == 1 for key in by_key)


async def test_offsets_count_up_by_one_in_a_partition(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "one key", number) for number in range(5)])
    await log.append([message(topic, "one key", number) for number in range(5, 8)])
    ends = await log.ends(topic)
    records = [record async for record in log.read(topic, until=ends)]
    assert [record.offset for record in records] == list(range(8))
    assert [int(record.value) for record in records] == list(range(8))
    assert sum(ends.values()) == 8


async def test_a_group_goes_on_where_it_committed(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "k", number) for number in range(10)])
    async with member(log, "g", topic) as subscription:
        records = await take(subscription, 10)
        await subscription.commit(after(records[:6]))
    async with member(log, "g", topic) as subscription:
        assert [int(record.value) for record in await take(subscription, 4)] == [6, 7, 8, 9]
    committed = await log.committed("g", topic)
    assert sum(committed.values()) == 6


async def test_groups_do_not_see_each_other(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "k", number) for number in range(3)])
    async with member(log, "one", topic) as one, member(log, "two", topic) as two:
        assert len(await take(one, 3)) == len(await take(two, 3)) == 3


async def test_a_rewound_partition_is_read_again(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "k", number) for number in range(5)])
    async with member(log, "g", topic) as subscription:
        records = await take(subscription, 5)
        await subscription.rewind(records[2].partition, records[2].offset)
        assert [int(record.value) for record in await take(subscription, 3)] == [2, 3, 4]


async def test_a_paused_partition_keeps_still_while_others_go_on(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "still", 0)])
    async with member(log, "g", topic) as subscription:
        [first] = await take(subscription, 1)
        await subscription.rewind(first.partition, first.offset)
        await subscription.pause(first.partition)
        others = [message(topic, f"other-{n}", n + 1) for n in range(30)]
        await log.append(others)
        placed = [r async for r in log.read(topic, until=await log.ends(topic)) if r.partition != first.partition]
        taken = await take(subscription, len(placed))
        assert first.partition not in {record.partition for record in taken}
        await subscription.resume(first.partition)
        assert "still" in {record.key for record in await take(subscription, 31 - len(placed))}


async def test_two_members_share_and_one_inherits(log: EventLog, topic: str) -> None:
    await log.append([message(topic, f"key-{number}", number) for number in range(60)])
    seen: dict[str, set[int]] = {"a": set(), "b": set()}

    async def consume(name: str, until: set[int]) -> None:
        async with member(log, "shared", topic) as subscription:
            while not until <= seen["a"] | seen["b"]:
                records = await subscription.poll(limit=100, timeout=0.2)
                seen[name] |= {int(record.value) for record in records}
                if records:
                    await subscription.commit(after(records))

    async with asyncio.timeout(40):
        await asyncio.gather(consume("a", set(range(60))), consume("b", set(range(60))))
    assert seen["a"] | seen["b"] == set(range(60))
    await log.append([message(topic, f"key-{number}", number) for number in range(60, 80)])
    async with asyncio.timeout(40):
        await consume("b", set(range(80)))
    assert set(range(60, 80)) <= seen["b"]


async def test_waiting_ends_when_something_is_appended(log: EventLog, topic: str) -> None:
    async with member(log, "g", topic) as subscription:
        await subscription.poll(limit=1, timeout=0.2)
        waiting = asyncio.create_task(take(subscription, 1))
        await asyncio.sleep(0.1)
        started = asyncio.get_running_loop().time()
        await log.append([message(topic, "k", 1)])
        await waiting
        # Generous: the point is that nobody waits for a whole poll interval or for ever.
        assert asyncio.get_running_loop().time() - started < 5


async def test_reading_from_a_place(log: EventLog, topic: str) -> None:
    await log.append([message(topic, "k", number) for number in range(6)])
    ends = await log.ends(topic)
    [place] = [place for place, end in ends.items() if end]
    records = [record async for record in log.read(topic, until=ends, start={place: 4})]
    assert [record.offset for record in records] == [4, 5]
    assert [record async for record in log.read(topic, until=ends, start=ends)] == []


@pytest.mark.parametrize("size", [3_000_000, MAX_MESSAGE_BYTES])
async def test_a_large_message_comes_through(log: EventLog, topic: str, size: int) -> None:
    small = message(topic, "k", 1)
    await log.append([Message(topic, "k", {"ce_id": "0"}, b"x" * size), small])
    async with member(log, "g", topic) as subscription:
        records = await take(subscription, 2)
    assert [len(record.value) for record in records] == [size, 1]
    read = [record async for record in log.read(topic, until=await log.ends(topic))]
    assert [record.value for record in read] == [record.value for record in records]


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    made = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await made.open()
    yield made
    await made.close()


async def test_what_is_appended_after_a_prune_is_read(embedded: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_log, "_PRUNED_AT_ONCE", 3)
    await embedded.create_topics([Topic("itaas.short", retention_seconds=0), Topic("itaas.kept")])
    await embedded.append([message(name, "k", n) for name in ("itaas.short", "itaas.kept") for n in range(10)])
    async with member(embedded, "g", "itaas.short") as subscription:
        await subscription.commit(after(await take(subscription, 10)))
    assert await embedded.prune() == 9
    assert await embedded.prune() == 0
    assert sum((await embedded.ends("itaas.short")).values()) == sum((await embedded.ends("itaas.kept")).values()) == 10
    await embedded.append([message("itaas.short", "k", 10)])
    async with member(embedded, "g", "itaas.short") as subscription:
        [record] = await take(subscription, 1)
    assert (record.offset, record.value) == (10, b"10")


async def test_a_prune_keeps_what_is_within_its_retention(embedded: EmbeddedLog) -> None:
    await embedded.create_topics([Topic("itaas.long", retention_seconds=3600)])
    await embedded.append([message("itaas.long", f"key-{number}", number) for number in range(20)])
    assert await embedded.prune() == 0


async def test_an_open_log_prunes_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_log, "_PRUNE_EVERY_SECONDS", 0.05)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics([Topic("itaas.short", retention_seconds=0)])
    for _ in range(2):
        await log.append([message("itaas.short", "k", number) for number in range(5)])
        async with asyncio.timeout(5):
            while len([r async for r in log.read("itaas.short", until=await log.ends("itaas.short"))]) > 1:
                await asyncio.sleep(0.02)
    await log.close()


@pytest.fixture
async def kafka(backends: Backends) -> AsyncIterator[KafkaLog]:
    made = KafkaLog(backends.kafka.bootstrap)
    yield made
    await made.close()


def test_a_null_that_kafka_allows_is_read_as_empty() -> None:
    """kafka-python itself would not send a header without a value; other producers do."""
    raw = SimpleNamespace(
        topic="itaas.test", partition=1, offset=7, key=None, headers=[("ce_id", None)], value=None, timestamp=0
    )
    record = kafka_log._record(raw)
    assert (record.headers, record.key, record.value) == ({"ce_id": ""}, "", b"")


async def test_what_kafka_acknowledged_around_a_failed_message_is_told(kafka: KafkaLog) -> None:
    topic = f"itaas.test-{uuid4().hex}"
    await kafka.create_topics([Topic(topic)])
    too_large = Message(topic, "other", {}, b"x" * 9_000_000)
    with pytest.raises(AppendFailed) as failed:
        await kafka.append([message(topic, "k", 0), message(topic, "k", 1), too_large, message(topic, "k", 2)])
    assert failed.value.acknowledged == {0, 1}
    assert sum((await kafka.ends(topic)).values()) == 2


async def test_a_reader_that_kafka_fails_sees_a_connection_error(
    kafka: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"itaas.test-{uuid4().hex}"
    await kafka.create_topics([Topic(topic)])
    await kafka.append([message(topic, "k", 0)])
    ends = await kafka.ends(topic)

    def fail(*arguments: object, **named: object) -> None:
        raise KafkaConnectionError("gone")

    monkeypatch.setattr(KafkaConsumer, "poll", fail)
    with pytest.raises(ConnectionError, match="gone"):
        [record async for record in kafka.read(topic, until=ends)]


async def test_a_member_that_cannot_join_leaves_no_consumer_behind(
    kafka: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[KafkaConsumer] = []

    class Unhappy(KafkaConsumer):  # type: ignore[misc]
        def topics(self) -> set[str]:
            made.append(self)
            raise KafkaConnectionError("gone")

    monkeypatch.setattr(kafka_log, "KafkaConsumer", Unhappy)
    with pytest.raises(ConnectionError, match="gone"):
        async with member(kafka, "g", "itaas.anything"):
            pass
    assert [consumer._closed for consumer in made] == [True]


async def stopped(pid: int) -> None:
    """Wait until a process that was sent SIGSTOP stands still, with all its threads (where /proc tells of them)."""
    async with asyncio.timeout(10):
        while True:
            await asyncio.sleep(0.2)
            with suppress(FileNotFoundError):  # a thread that ended meanwhile
                files = Path(f"/proc/{pid}/task").glob("*/stat")
                if all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in files):
                    return


async def test_a_hung_broker_does_not_hold_up_the_end(backends: Backends, tmp_path: Path) -> None:
    """A broker of its own, stopped (not killed): connections stay, and nothing answers."""
    broker = Kafka.start(tmp_path)
    try:
        log = KafkaLog(broker.bootstrap)
        await log.create_topics([Topic("itaas.test")])
        await log.append([message("itaas.test", "k", 0)])
        async with log.subscribe("g", ["itaas.test"]) as subscription:
            records = await take(subscription, 1)
            assert broker._process is not None
            os.kill(broker._process.pid, signal.SIGSTOP)
            await stopped(broker._process.pid)  # until then a thread of it may still answer
            appending = asyncio.create_task(log.append([message("itaas.test", "k", 1)]))
            committing = asyncio.create_task(subscription.commit(after(records)))
            await asyncio.sleep(0.5)
            started = time.monotonic()
        await log.close()
        [append_failure, _] = await asyncio.gather(appending, committing, return_exceptions=True)
        assert isinstance(append_failure, AppendFailed)
        assert time.monotonic() - started < 12
    finally:
        broker.kill()
