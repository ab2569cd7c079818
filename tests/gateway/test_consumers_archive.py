"""Every event of every topic is archived once, in the order of the archive, and a rebuild only fills gaps."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from gateway.app import definition
from gateway.tables import ArchivedEvent
from services.db.chassis_tables import DeadLetter, InboxRow
from services.events.envelope import Message
from services.events.replay import rebuild
from services.ids import uuid7
from services.testing import ServiceHarness

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(definition, tmp_path) as service:
        yield service


async def archived(gateway: ServiceHarness) -> list[ArchivedEvent]:
    async with gateway.runtime.database.reading() as session:
        return list(await session.scalars(select(ArchivedEvent).order_by(ArchivedEvent.stream_id)))


async def test_an_event_is_kept_with_all_that_is_known_of_it(gateway: ServiceHarness) -> None:
    subject, unit = uuid7(), uuid7()
    data: dict[str, Any] = {"id": str(subject), "total": {"amount": "12.50", "currency": "USD"}, "lines": [1, None]}
    event_id = await gateway.deliver(
        "itaas.pricing.quote.issued.v1",
        subject=subject,
        data=data,
        sequence=3,
        business_unit_id=unit,
        correlation_id="loop-1",
        actor_id="someone",
    )
    (event,) = await archived(gateway)
    assert (event.id, event.source, event.type) == (event_id, "/itaas/pricing", "itaas.pricing.quote.issued.v1")
    assert (event.subject, event.business_unit_id, event.sequence) == (subject, unit, 3)
    assert (event.correlation_id, event.actor_id, event.data) == ("loop-1", "someone", data)


async def test_events_of_all_topics_and_of_types_nobody_knows_are_kept(gateway: ServiceHarness) -> None:
    for service in ("catalog", "demand", "pricing", "feedback", "gateway"):
        await gateway.deliver(f"itaas.{service}.novelty.happened.v7", subject=uuid7(), data={"anything": service})
    assert [event.data["anything"] for event in await archived(gateway)] == [
        "catalog", "demand", "pricing", "feedback", "gateway",
    ]  # fmt: skip


async def test_the_same_event_twice_is_one(gateway: ServiceHarness) -> None:
    subject = uuid7()
    for _ in range(2):
        await gateway.deliver("itaas.pricing.quote.issued.v1", subject=subject, data={"id": "1"}, event_id="one")
    await gateway.deliver("itaas.demand.demand.proposed.v1", subject=subject, data={"id": "2"}, event_id="one")
    assert [event.source for event in await archived(gateway)] == ["/itaas/pricing", "/itaas/demand"]


async def test_the_unit_tree_is_kept_beside_the_archive(gateway: ServiceHarness) -> None:
    unit = uuid7()
    await gateway.deliver("itaas.demand.business-unit.created.v1", subject=unit, data={"id": str(unit), "name": "HR"})
    assert len(await archived(gateway)) == 1


async def test_what_is_no_event_is_a_dead_letter_and_stops_nothing(gateway: ServiceHarness) -> None:
    await gateway.runtime.event_log.append([Message("itaas.pricing", "k", {"ce_id": "1"}, b"not json")])
    await gateway.deliver("itaas.pricing.quote.issued.v1", subject=uuid7(), data={"id": "1"})
    await gateway.consumed("itaas.pricing")
    assert len(await archived(gateway)) == 1
    async with gateway.runtime.database.reading() as session:
        (letter,) = await session.scalars(select(DeadLetter))
    assert "CloudEvent" in letter.reason


async def test_a_rebuild_fills_gaps_and_moves_nothing(gateway: ServiceHarness) -> None:
    for number in range(3):
        await gateway.deliver("itaas.pricing.quote.issued.v1", subject=uuid7(), data={"number": number})
    before = await archived(gateway)
    async with gateway.runtime.database.transaction() as session:
        await session.execute(delete(ArchivedEvent).where(ArchivedEvent.stream_id == before[1].stream_id))
        await session.execute(delete(InboxRow))
    runtime = gateway.runtime
    topics = definition.topics_read()
    await rebuild(runtime.database, definition.all_consumers(), topics, runtime.event_log, lambda count: None)
    after = await archived(gateway)
    assert [event.data["number"] for event in after] == [0, 2, 1]
    assert after[0].stream_id == before[0].stream_id and after[1].stream_id == before[2].stream_id
    assert after[2].stream_id > before[2].stream_id
