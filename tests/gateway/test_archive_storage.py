"""The archive on both databases: several archivers at once, and a reader who goes on from the highest it has seen."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from gateway import queries
from gateway.app import definition
from gateway.consumers import AnyData, archive
from gateway.tables import ArchivedEvent, KnownDocument
from services.db import Database
from services.db.migrations import migrate
from services.events import Delivery
from services.ids import uuid7

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    await migrate(made, definition.migrations, definition.metadata, app=definition.name)
    yield made
    await made.close()


def delivery(number: int, event_type: str = "itaas.pricing.quote.issued.v1") -> Delivery[AnyData]:
    return Delivery(
        id=str(number),
        type=event_type,
        source="/itaas/pricing",
        subject=uuid7(),
        sequence=1,
        time=NOW,
        correlation_id="loop",
        business_unit_id=None,
        actor_id=None,
        causation_id=None,
        data=AnyData({"number": number}),
    )


async def test_a_reader_that_goes_on_from_the_highest_misses_nothing(database: Database) -> None:
    total, archivers = 160, 8
    done = asyncio.Event()

    async def archiver(numbers: list[int]) -> None:
        for number in numbers:
            async with database.transaction() as session:
                await archive(session, delivery(number), NOW)
                await asyncio.sleep(random.random() / 500)  # between number and commit, where the order could break

    async def reader() -> list[int]:
        seen: list[int] = []
        highest = 0
        while True:
            last_look = done.is_set()
            async with database.reading() as session:
                query = select(ArchivedEvent).where(ArchivedEvent.stream_id > highest).order_by(ArchivedEvent.stream_id)
                for event in await session.scalars(query):
                    seen.append(int(event.id))
                    highest = event.stream_id
            if last_look:
                return seen
            await asyncio.sleep(0)

    reading = asyncio.create_task(reader())
    # Each event is handed to two archivers, as after a rebalance: it is kept once.
    shares = [[n for n in range(total) if shift in (n % archivers, (n + 1) % archivers)] for shift in range(archivers)]
    await asyncio.gather(*(archiver(share) for share in shares))
    done.set()
    assert sorted(await reading) == list(range(total))


async def test_the_search_reads_alike_on_both(database: Database) -> None:
    kinds = ["itaas.pricing.quote.issued.v1", "itaas.pricing.quote.accepted.v1", "itaas.demand.demand.proposed.v1"]
    async with database.transaction() as session:
        for number, kind in enumerate(kinds):
            await archive(session, delivery(number, kind), NOW)
    everything = queries.Sight(None, without_unit=True)
    async with database.reading() as session:
        for pattern, expected in {"itaas.pricing.*": {"0", "1"}, "*.proposed.v1": {"2"}, kinds[1]: {"1"}}.items():
            found = await session.scalars(queries.matching(everything, type_pattern=pattern))
            assert {event.id for event in found} == expected
        events, truncated = await queries.thread(session, "loop", everything, limit=2)
        assert ([event.data["number"] for event in events], truncated) == ([0, 1], True)
        nothing = queries.Sight(frozenset(), without_unit=False)
        assert not list(await session.scalars(queries.matching(nothing)))


async def test_a_document_is_kept_and_replaced(database: Database) -> None:
    for version in ("1", "2"):
        async with database.transaction() as session:
            await session.merge(KnownDocument(service="pricing", document={"version": version}, seen_at=NOW))
    async with database.reading() as session:
        (row,) = await session.scalars(select(KnownDocument))
    assert (row.document, row.seen_at) == ({"version": "2"}, NOW)
