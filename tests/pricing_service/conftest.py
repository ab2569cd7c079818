"""The pricing app, running for one test, and a client of its finance role.

It runs embedded. A test that asks for `on_both_databases` runs once more over PostgreSQL (still on the embedded
log), because what it proves rests on SQL: exact sums, JSON tags, upserts, versions under concurrency.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pricing_service.app import definition
from services.db import Database
from services.db.migrations import migrate
from services.local.backends import Backends
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.conftest import new_postgresql
from tests.pricing_service.samples import World


@pytest.fixture
async def service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    if getattr(request, "param", "sqlite") == "sqlite":
        async with ServiceHarness(definition, tmp_path) as running:
            await _take_usage_of_any_day(running)
            yield running
        return
    from services.events.embedded_log import EmbeddedLog

    url = new_postgresql(request, template=request.getfixturevalue("pricing_template"))
    urls = {f"{app}_database_url": url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
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


@pytest.fixture(scope="session")
def pricing_template(backends: Backends) -> str:
    """A database as pricing's migrations leave it, to be copied: they take longer than most tests."""
    name = "pricing_template"
    backends.postgres.create_database(name)

    async def fill() -> None:
        database = Database(backends.postgres.url(name))
        await migrate(database, definition.migrations, definition.metadata, app="pricing")
        await database.close()

    with ThreadPoolExecutor() as beside:  # the loop of the test that asks first is running in this thread
        beside.submit(lambda: asyncio.run(fill())).result()
    return name


@pytest.fixture
async def finance(service: ServiceHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(roles=["finance"]) as client:
        yield client


@pytest.fixture
async def world(service: ServiceHarness) -> World:
    return await World(service).known()
