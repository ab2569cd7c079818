"""The pricing app, running for one test, and a client of its finance role.

It runs embedded. A test that asks for `on_both_databases` runs once more over PostgreSQL (still on the embedded
log), because what it proves rests on SQL: exact sums, JSON tags, upserts, versions under concurrency.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pricing_service.app import definition
from services.db import Database
from services.db.migrations import migrate
from services.runtime import all_topics
from services.settings import APPS, Settings, load_settings
from services.testing import ServiceHarness
from tests.pricing_service.samples import World


@pytest.fixture
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    if getattr(request, "param", "sqlite") == "sqlite":
        async with ServiceHarness(definition, tmp_path) as running:
            await _take_usage_of_any_day(running)
            yield running
        return
    from services.events.embedded_log import EmbeddedLog

    settings = await _on_postgresql(request.getfixturevalue("postgresql_url"), tmp_path)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as running:
        await _take_usage_of_any_day(running)
        yield running
    await log.close()


async def _take_usage_of_any_day(service: ServiceHarness) -> None:
    """The tests' usage is of fixed days, wherever the clock stands; test_api_usage has tests of the limits."""
    async with service.client(roles=["finance"]) as client:
        century = {"max_late_days": 36_500, "max_ahead_seconds": 2_000_000_000}
        answer = await client.put("/v1/usage-policy", json=century, headers={"If-Match": '"0"'})
        assert answer.status_code == 200, answer.text


async def _on_postgresql(url: str, folder: Path) -> Settings:
    database = Database(url)
    await migrate(database, definition.migrations, definition.metadata, app="pricing")
    await database.close()
    urls = {f"{app}_database_url": url for app in APPS}
    return load_settings(itaas_data_dir=folder, kafka_bootstrap_servers="not-used:9092", **urls)


@pytest.fixture
async def finance(service: ServiceHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(roles=["finance"]) as client:
        yield client


@pytest.fixture
async def world(service: ServiceHarness) -> World:
    return await World(service).known()
