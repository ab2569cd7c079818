"""The relay loses nothing, keeps the order per key, and several replicas do not get into each other's way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from sqlalchemy import func, select

from services import metrics
from services.db import Database
from services.db.chassis_tables import ChassisBase, OutboxRow
from services.errors import TooLarge
from services.events import relay as relay_module
from services.events.embedded_log import EmbeddedLog
from services.events.envelope import Message
from services.events.log import MAX_MESSAGE_BYTES, AppendFailed, EventLog, Topic, partition_of
from services.events.outbox import EventTooLarge, enqueue
from services.events.relay import Relay

pytestmark = pytest.mark.anyio
TOPIC = "itaas.pricing"
RelayOf = Callable[[str, Database, EventLog], Relay]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
    yield made
    await made.close()


@pytest.fixture
async def log(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedLog]:
    made = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('log')}/events.db")
    await made.open()
    await made.create_topics([Topic(TOPIC)])
    yield made
    await made.close()


@pytest.fixture
async def relay_of() -> AsyncIterator[RelayOf]:
    """Relays that the test drives itself; at its end they give back the connection that holds their shards."""
    made: list[Relay] = []

    def make(app: str, database: Database, log: EventLog) -> Relay:
        made.append(Relay(app, database, log))
        return made[-1]

    yield make
    for relay in made:
        await relay.let_go()


def message(key: str, number: int) -> Message:
    return Message(TOPIC, key, {}, str(number).encode())


async def put(database: Database, *messages: Message) -> None:
    async with database.transaction() as session:
        for each in messages:
            enqueue(session, each)


async def by_key(log: EventLog) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    async for record in log.read(TOPIC, until=await log.ends(TOPIC)):
        found.setdefault(record.key, []).append(int(record.value))
    return found


async def waiting(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(OutboxRow)) or 0


async def drain(relay: Relay) -> None:
    while await relay.drain_once():
        pass


async def test_everything_is_published_once_in_order_and_then_gone(
    database: Database, log: EmbeddedLog, relay_of: RelayOf
) -> None:
    await put(database, *(message(f"k{number % 3}", number) for number in range(1200)))
    await drain(relay_of("pricing", database, log))
    assert await by_key(log) == {f"k{k}": [n for n in range(1200) if n % 3 == k] for k in range(3)}
    assert await waiting(database) == 0


async def test_a_lower_number_that_commits_later_is_not_passed_over(
    postgresql_url: str, log: EmbeddedLog, relay_of: RelayOf
) -> None:
    """Two interleaved transactions: the one that took its number first commits last."""
    database = Database(postgresql_url)
    async with database.writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
    relay = relay_of("pricing", database, log)
    async with database.transaction() as slow:
        enqueue(slow, message("slow", 1))
        await slow.flush()  # its number is taken, and nobody sees the row yet
        await put(database, message("fast", 2))
        await drain(relay)
        assert await by_key(log) == {"fast": [2]}
    async with database.reading() as session:
        assert list(await session.scalars(select(OutboxRow.id))) == [1]  # lower than the one already published
    await drain(relay)
    assert await by_key(log) == {"fast": [2], "slow": [1]}
    await database.close()


class FlakyLog(EmbeddedLog):
    """Takes `good` messages of a batch and then fails, once per entry of `failures`."""

    failures: list[int]

    async def append(self, messages: Sequence[Message]) -> None:
        if self.failures:
            good = self.failures.pop(0)
            await super().append(messages[:good])
            raise AppendFailed(range(good), "the broker went away")
        await super().append(messages)


class LameLog(EmbeddedLog):
    """Never takes what is of `lame` keys, but all else; `lost` single messages fail once."""

    lame: set[str]
    lost: set[bytes]

    async def append(self, messages: Sequence[Message]) -> None:
        good = [n for n, each in enumerate(messages) if each.key not in self.lame and each.value not in self.lost]
        self.lost = set()
        await super().append([messages[n] for n in good])
        if len(good) < len(messages):
            raise AppendFailed(good, "a partition has no leader")


@pytest.fixture
async def lame_log(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LameLog]:
    made = LameLog(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('lame')}/events.db")
    made.lame, made.lost = set(), set()
    await made.open()
    await made.create_topics([Topic(TOPIC)])
    yield made
    await made.close()


async def test_a_failing_partition_holds_up_its_own_shard_alone(
    database: Database, lame_log: LameLog, relay_of: RelayOf
) -> None:
    keys = {partition_of(f"k{n}", 12): f"k{n}" for n in range(200)}
    assert len(keys) == 12
    lame_log.lame = {keys[0]}
    await put(database, *(message(key, number) for number in range(3) for key in keys.values()))
    relay = relay_of("pricing", database, lame_log)
    with pytest.raises(AppendFailed):
        await relay.drain_once()
    assert await waiting(database) == 3
    lame_log.lame = set()
    await drain(relay)
    assert await by_key(lame_log) == {key: [0, 1, 2] for key in keys.values()}


async def test_what_was_acknowledged_after_a_gap_is_sent_again(
    database: Database, lame_log: LameLog, relay_of: RelayOf
) -> None:
    lame_log.lost = {b"1"}
    await put(database, *(message("k", number) for number in range(4)))
    relay = relay_of("pricing", database, lame_log)
    with pytest.raises(AppendFailed):
        await relay.drain_once()
    assert await waiting(database) == 3  # 2 and 3 too: they were taken too early
    await drain(relay)
    assert await by_key(lame_log) == {"k": [0, 2, 3, 1, 2, 3]}


async def test_an_event_that_the_log_would_refuse_is_refused_first(database: Database) -> None:
    assert issubclass(EventTooLarge, TooLarge)  # 413
    with pytest.raises(EventTooLarge, match=str(MAX_MESSAGE_BYTES)):
        await put(database, Message(TOPIC, "k", {}, b"x" * (MAX_MESSAGE_BYTES + 1)))
    assert await waiting(database) == 0
    await put(database, Message(TOPIC, "k", {}, b"x" * MAX_MESSAGE_BYTES))
    assert await waiting(database) == 1


async def test_the_gauge_counts_beyond_a_batch(
    database: Database, log: EmbeddedLog, relay_of: RelayOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH", 10)
    await put(database, *(message("k", number) for number in range(25)))
    relay = relay_of("gauge", database, log)
    seen = []
    for _ in range(4):
        await relay.drain_once()
        seen.append(metrics.OUTBOX_DEPTH.labels("gauge")._value.get())
    assert seen == [25, 25, 5, 0]  # the second full batch came too soon to count again


async def test_after_a_failed_send_nothing_later_overtakes(
    database: Database, tmp_path_factory: pytest.TempPathFactory, relay_of: RelayOf
) -> None:
    flaky = FlakyLog(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('flaky')}/events.db")
    flaky.failures = [3, 0, 7]
    await flaky.open()
    await flaky.create_topics([Topic(TOPIC)])
    await put(database, *(message("k", number) for number in range(20)))
    relay = relay_of("pricing", database, flaky)
    for left in (17, 17, 10):
        with pytest.raises(AppendFailed):
            await relay.drain_once()
        assert await waiting(database) == left
    await drain(relay)
    assert await by_key(flaky) == {"k": list(range(20))}
    await flaky.close()


async def test_replicas_share_the_shards_and_keep_the_order(postgresql_url: str, log: EmbeddedLog) -> None:
    databases = [Database(postgresql_url) for _ in range(3)]
    async with databases[0].writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
    relays = [Relay("pricing", database, log) for database in databases]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    await asyncio.sleep(0.3)
    for start in range(0, 400, 20):
        await put(databases[start % 3], *(message(f"k{n % 5}", n) for n in range(start, start + 20)))
        if start == 200:
            # The replica that holds the shards dies; another must take over.
            holders = [n for n, relay in enumerate(relays) if relay._shards]
            tasks[holders[0]].cancel()
        for relay in relays:
            relay.wake()
    async with asyncio.timeout(20):
        while await waiting(databases[0]):
            await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Duplicates are allowed (at least once), another order is not.
    for key, numbers in (await by_key(log)).items():
        first_seen = list(dict.fromkeys(numbers))
        assert first_seen == [n for n in range(400) if f"k{n % 5}" == key]
    for database in databases:
        await database.close()


async def test_a_commit_wakes_the_relay(database: Database, log: EmbeddedLog) -> None:
    relay = Relay("pricing", database, log)
    database.on_commit.append(relay.wake)
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.2)  # it has found nothing and sleeps
    started = asyncio.get_running_loop().time()
    await put(database, message("k", 1))
    async with asyncio.timeout(5):
        while await waiting(database):
            await asyncio.sleep(0.005)
    assert asyncio.get_running_loop().time() - started < 0.9  # sooner than its next look by itself
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
