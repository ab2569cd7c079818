"""The world that the tests of demand play in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.demand_service.world import World, opened_world


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    async with opened_world(tmp_path) as world:
        yield world
