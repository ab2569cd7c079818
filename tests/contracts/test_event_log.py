"""One contract, two event logs: the embedded one and Apache Kafka must keep the same promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from services.events.embedded_log import EmbeddedLog
from services.events.envelope import Message
from services.events.kafka_log import KafkaLog
from services.events.log import EventLog, Partition, Record, Subscription, Topic, UnknownTopic

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
