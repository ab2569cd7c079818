"""Shared fixtures: the toy service's migrations, and real Kafka and PostgreSQL for the suites that claim them."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from services import logs
from services.local.backends import Backends, local_backends, missing
from tests.requirements import require_or_skip

logs.configure("error", "console")
# Machines are shared: how long a case takes, or making one, says nothing of the code.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
SUITE = Path(__file__).parent / "suite"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first: with several workers the last file decides when the run ends."""
    items.sort(key=lambda item: not item.path.is_relative_to(SUITE))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """Apache Kafka and PostgreSQL, once for the whole run."""
    if lacking := missing():
        require_or_skip("; ".join(lacking))
    folder = tmp_path_factory.mktemp("backends")
    with local_backends(folder, databases=[], report=lambda line: None) as running:
        yield running
        running.postgres.discard()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on each of the two."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/test.db"
    return new_postgresql(request)


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> str:
    return new_postgresql(request)


def new_postgresql(request: pytest.FixtureRequest, *, template: str = "template1") -> str:
    running: Backends = request.getfixturevalue("backends")
    name = f"t_{uuid4().hex}"
    running.postgres.create_database(name, template=template)
    return running.postgres.url(name)


@pytest.fixture(scope="session")
def toy_migrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy service's first revision, written as `itaas dev-migration` writes those of the services."""
    import asyncio

    from services.db import Database
    from services.db.migrations import write_revision

    toy = importlib.import_module("tests.chassis.toy")
    folder = tmp_path_factory.mktemp("toy")

    async def write() -> None:
        database = Database(f"sqlite+aiosqlite:///{folder}/empty.db")
        await write_revision(database, folder / "migrations", toy.Base.metadata, "first tables", app="toy")
        await database.close()

    asyncio.run(write())
    return folder / "migrations"
