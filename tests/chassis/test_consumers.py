"""Effects happen once: duplicates, poison, outages, defects, dead letters, replay and rebuild."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import DeadLetter, InboxRow
from services.errors import Conflict, Unavailable
from services.events import Delivery, NotYet, consumers, project, replay
from services.events.envelope import Message
from services.events.log import PARTITIONS, partition_of
from services.testing import ServiceHarness
from tests.chassis import toy

pytestmark = pytest.mark.anyio
MADE = "itaas.catalog.thing.made.v1"


@pytest.fixture
async def service(tmp_path: Path, toy_migrations: Path) -> AsyncIterator[ServiceHarness]:
    toy.handled.clear()
    toy.failures.clear()
    async with ServiceHarness(toy.definition(toy_migrations), tmp_path) as running:
        yield running


async def letters(service: ServiceHarness) -> list[DeadLetter]:
    async with service.runtime.database.reading() as session:
        return list(await session.scalars(select(DeadLetter).order_by(DeadLetter.id)))


async def known(service: ServiceHarness) -> dict[str, int]:
    async with service.runtime.database.reading() as session:
        return {thing.name: thing.sequence for thing in await session.scalars(select(toy.KnownThing))}


async def test_the_same_event_twice_has_its_effect_once(service: ServiceHarness) -> None:
    event_id, subject = str(uuid4()), uuid4()
    for _ in range(3):
        await service.deliver(MADE, subject=subject, data={"name": "a"}, event_id=event_id)
    assert toy.handled == [event_id]
    assert len(await service.published()) == 1


async def test_what_follows_carries_the_thread_and_the_cause(service: ServiceHarness) -> None:
    cause = await service.deliver(
        MADE, subject=uuid4(), data={"name": "a"}, correlation_id="thread-9", actor_id="person-7"
    )
    [event] = await service.published()
    assert (event.correlation_id, event.causation_id, event.actor_id) == ("thread-9", cause, "person-7")


async def test_a_projection_shows_the_highest_sequence_whatever_the_order(service: ServiceHarness) -> None:
    subject = uuid4()
    for sequence in (2, 1, 4, 3):
        await service.deliver(MADE, subject=subject, data={"name": f"v{sequence}"}, sequence=sequence)
    assert await known(service) == {"v4": 4}


async def test_a_refusal_ends_among_the_dead_letters_and_stops_nobody(service: ServiceHarness) -> None:
    toy.failures["bad"] = Conflict("it is closed")
    subject = uuid4()  # one key, so one partition: what follows must still get through
    await service.deliver(MADE, subject=subject, data={"name": "bad"}, wait=False)
    await service.deliver(MADE, subject=subject, data={"nome": "bad"}, sequence=2, wait=False)
    good = await service.deliver(MADE, subject=subject, data={"name": "good"}, sequence=3)
    assert toy.handled == [good]
    first, second = await letters(service)
    assert first.reason == "Conflict: it is closed"
    assert second.reason == "the data does not fit: /name: Field required"
    assert await known(service) == {"good": 3}  # nothing of the refused ones is kept, their projection neither


async def test_what_is_no_event_at_all_is_a_dead_letter_with_its_place(service: ServiceHarness) -> None:
    log = service.runtime.event_log
    await log.append([Message("itaas.catalog", "k", {"content-type": "application/json"}, b"\xff not an event")])
    good = await service.deliver(MADE, subject=uuid4(), data={"name": "good"})
    [letter] = await letters(service)
    assert letter.reason.startswith("MalformedEvent")
    assert (letter.topic, letter.value) == ("itaas.catalog", b"\xff not an event")
    assert toy.handled == [good]
    await service.published()  # waits for the relay
    topic = "itaas.dlq.pricing"
    [record] = [record async for record in log.read(topic, until=await log.ends(topic))]
    assert record.value == b"\xff not an event"
    assert record.headers["itaas-dlq-topic"] == "itaas.catalog"
    assert record.headers["itaas-dlq-offset"] == str(letter.offset)
    assert record.headers["itaas-dlq-partition"] == str(letter.partition)
    assert "MalformedEvent" in record.headers["itaas-dlq-reason"]


async def test_an_outage_is_waited_out_and_keeps_the_order(service: ServiceHarness) -> None:
    toy.failures["a"] = Unavailable("the ledger is away")
    subject = uuid4()
    first = await service.deliver(MADE, subject=subject, data={"name": "a"}, wait=False)
    second = await service.deliver(MADE, subject=subject, data={"name": "b"}, sequence=2, wait=False)
    await asyncio.sleep(0.6)
    assert toy.handled == []
    toy.failures.clear()
    await service.consumed("itaas.catalog")
    assert toy.handled == [first, second]
    assert await letters(service) == []


async def test_an_outage_of_one_partition_does_not_hold_up_the_others(service: ServiceHarness) -> None:
    stuck = uuid4()
    place = partition_of(str(stuck), PARTITIONS)
    elsewhere = [one for one in (uuid4() for _ in range(64)) if partition_of(str(one), PARTITIONS) != place]
    toy.failures["stuck"] = Unavailable("away")
    await service.deliver(MADE, subject=stuck, data={"name": "stuck"}, wait=False)
    free = [await service.deliver(MADE, subject=one, data={"name": "free"}, wait=False) for one in elsewhere[:24]]
    async with asyncio.timeout(10):
        while len(toy.handled) < len(free):
            await asyncio.sleep(0.02)
    assert set(toy.handled) == set(free)
    toy.failures.clear()
    await service.consumed("itaas.catalog")


async def test_a_parent_that_is_late_is_waited_for(service: ServiceHarness) -> None:
    toy.failures["child"] = NotYet("its parent has not arrived")
    child = await service.deliver(MADE, subject=uuid4(), data={"name": "child"}, wait=False)
    await asyncio.sleep(0.3)
    toy.failures.clear()
    await service.consumed("itaas.catalog")
    assert toy.handled == [child]


async def test_a_parent_that_never_comes_is_a_dead_letter(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "NOT_YET_SECONDS", 0.3)
    toy.failures["orphan"] = NotYet("its parent has not arrived")
    await service.deliver(MADE, subject=uuid4(), data={"name": "orphan"})
    [letter] = await letters(service)
    assert letter.reason == "NotYet: its parent has not arrived"


async def test_an_outage_does_not_use_up_the_wait_for_a_parent(
    service: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "NOT_YET_SECONDS", 1.0)
    toy.failures["child"] = Unavailable("away")
    child = await service.deliver(MADE, subject=uuid4(), data={"name": "child"}, wait=False)
    await asyncio.sleep(1.3)
    toy.failures["child"] = NotYet("its parent has not arrived")
    await asyncio.sleep(0.5)
    toy.failures.clear()
    await service.consumed("itaas.catalog")
    assert toy.handled == [child]
    assert await letters(service) == []


async def test_a_stranger_cannot_make_a_letter_that_cannot_be_kept(service: ServiceHarness) -> None:
    poison = Message("itaas.catalog", "k\0y", {"ce_id": "a\0b", "ce_type": MADE, "content-type": "x\0"}, b"\0\xff")
    await service.runtime.event_log.append([poison])
    good = await service.deliver(MADE, subject=uuid4(), data={"name": "good"})
    [letter] = await letters(service)
    assert letter.value == b"\0\xff"
    assert "\0" not in letter.key + letter.reason + "".join(letter.headers.values())
    assert toy.handled == [good]


async def test_the_oldest_of_two_projections_writers_does_not_win(postgresql_url: str) -> None:
    """A rebuild beside a running consumer: whoever commits last, the higher sequence stays."""
    database = Database(postgresql_url)
    async with database.writer.begin() as connection:
        await connection.run_sync(toy.Base.metadata.create_all)
    subject = uuid4()

    def event(sequence: int) -> Delivery[toy.ThingSeen]:
        data = toy.ThingSeen(name=f"v{sequence}")
        return Delivery("i", MADE, "s", subject, sequence, utc_now(), "t", None, None, None, data)

    async def apply(sequence: int, pause: float) -> None:
        async with database.transaction() as session:
            await project(session, toy.KnownThing, event(sequence), {"name": f"v{sequence}"})
            await asyncio.sleep(pause)

    await apply(1, 0)
    await asyncio.gather(apply(9, 0.3), apply(5, 0.0))
    async with database.reading() as session:
        found = await session.get(toy.KnownThing, subject)
    assert found is not None and (found.sequence, found.name) == (9, "v9")
    await database.close()


async def test_a_defect_is_tried_again_and_then_put_aside_without_its_words(service: ServiceHarness) -> None:
    toy.failures["boom"] = RuntimeError("somebody's secret")
    await service.deliver(MADE, subject=uuid4(), data={"name": "boom"})
    [letter] = await letters(service)
    assert letter.reason == "defect: RuntimeError"


async def test_a_replayed_letter_has_its_effect_once(service: ServiceHarness) -> None:
    toy.failures["bad"] = Conflict("it is closed")
    event_id = await service.deliver(MADE, subject=uuid4(), data={"name": "bad"})
    [letter] = await letters(service)
    handlers = service.definition.all_consumers()
    with pytest.raises(Conflict):
        await replay.replay(service.runtime.database, handlers, letter.id)
    assert (await letters(service))[0].replayed_at is None
    toy.failures.clear()
    assert await replay.replay(service.runtime.database, handlers, letter.id)
    assert not await replay.replay(service.runtime.database, handlers, letter.id)
    assert toy.handled == [event_id]


async def test_rebuild_fills_projections_again_and_replays_no_reaction(service: ServiceHarness) -> None:
    for name in ("a", "b", "c"):
        await service.deliver(MADE, subject=uuid4(), data={"name": name}, sequence=5)
    handled = list(toy.handled)
    async with service.runtime.database.transaction() as session:
        for thing in await session.scalars(select(toy.KnownThing)):
            thing.name = "wrong"
    runtime = service.runtime
    applied = await replay.rebuild(
        runtime.database, service.definition.all_consumers(), ["itaas.catalog"], runtime.event_log, lambda n: None
    )
    assert applied == 3
    assert await known(service) == {"a": 5, "b": 5, "c": 5}
    assert toy.handled == handled


async def test_events_that_nobody_handles_cost_no_transaction(service: ServiceHarness) -> None:
    await service.deliver("itaas.catalog.thing.lost.v1", subject=uuid4(), data={}, unheard=True)
    async with service.runtime.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(InboxRow)) == 0


async def test_a_restart_goes_on_where_it_stopped(tmp_path: Path, toy_migrations: Path) -> None:
    toy.handled.clear()
    definition = toy.definition(toy_migrations)
    async with ServiceHarness(definition, tmp_path) as service:
        await service.deliver(MADE, subject=uuid4(), data={"name": "a"})
    async with ServiceHarness(definition, tmp_path) as service:
        await service.deliver(MADE, subject=uuid4(), data={"name": "b"})
        assert len(toy.handled) == 2
        assert len(await service.published()) == 2
