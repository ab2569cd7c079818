"""The catalogue, running, and clients of its roles."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from catalog_service.app import definition
from services.testing import ServiceHarness


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(definition, tmp_path) as service:
        yield service


@pytest.fixture
def owner(catalog: ServiceHarness) -> httpx.AsyncClient:
    return catalog.client(["service_owner"])


@pytest.fixture
def consumer(catalog: ServiceHarness) -> httpx.AsyncClient:
    return catalog.client(["consumer"])
