"""The pricing app, running for one test, and a client of its finance role."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pricing_service.app import definition
from services.testing import ServiceHarness
from tests.pricing_service.samples import World


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(definition, tmp_path) as running:
        yield running


@pytest.fixture
async def finance(service: ServiceHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(roles=["finance"]) as client:
        yield client


@pytest.fixture
async def world(service: ServiceHarness) -> World:
    return await World(service).known()
