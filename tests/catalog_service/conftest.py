"""The catalogue, running, and clients of its roles."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from catalog_service.app import definition
from services.db import Database
from services.db.migrations import migrate
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(definition, tmp_path) as service:
        yield service


@pytest.fixture
async def anywhere(database_url: str, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    """The catalogue over each of the two databases: for what rests on their SQL or on how their writers wait."""
    if database_url.startswith("sqlite"):
        async with ServiceHarness(definition, tmp_path) as service:
            yield service
        return
    from services.events.embedded_log import EmbeddedLog

    database = Database(database_url)
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    await database.close()
    urls = {f"{app}_database_url": database_url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as service:
        yield service
    await log.close()


@pytest.fixture
def owner(catalog: ServiceHarness) -> httpx.AsyncClient:
    return catalog.client(["service_owner"])


@pytest.fixture
def consumer(catalog: ServiceHarness) -> httpx.AsyncClient:
    return catalog.client(["consumer"])
