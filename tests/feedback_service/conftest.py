"""The running feedback app, with a small organisation that it knows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback_service.app import definition
from services.testing import ServiceHarness
from tests.feedback_service.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with ServiceHarness(definition, tmp_path) as service:
        world = World(service)
        await world.settle()
        yield world
