"""Migrations: one history for both databases, safe to run again and together, undone where they fail."""

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import ChassisBase
from services.db.migrations import NewerDatabase, migrate, pending, write_revision
from services.ids import uuid7
from services.settings import APPS
from services.suite import definition_of
from tests.chassis import toy

pytestmark = pytest.mark.anyio


async def tables(database: Database) -> set[str]:
    async with database.writer.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_migrating_again_and_together_does_nothing_twice(database_url: str, toy_migrations: Path) -> None:
    databases = [Database(database_url) for _ in range(3 if "postgresql" in database_url else 1)]
    applied = await asyncio.gather(*(migrate(d, toy_migrations, toy.Base.metadata, app="toy") for d in databases))
    assert sorted(applied, key=len)[-1] == ["0001"]
    assert sum(map(len, applied)) == 1
    assert await migrate(databases[0], toy_migrations, toy.Base.metadata, app="toy") == []
    assert {"note", "known_thing", *ChassisBase.metadata.tables} <= await tables(databases[0])
    for database in databases:
        await database.close()


@pytest.mark.parametrize("app", APPS)
async def test_every_apps_history_makes_exactly_its_tables(database_url: str, app: str, tmp_path: Path) -> None:
    """Up on an empty database, on both; and comparing it with the tables finds nothing left to do."""
    definition = definition_of(app)
    database = Database(database_url)
    await migrate(database, definition.migrations, definition.metadata, app=app)
    wanted = set(definition.metadata.tables) | set(ChassisBase.metadata.tables) | {"alembic_version"}
    assert await tables(database) == wanted
    copy = tmp_path / "migrations"
    shutil.copytree(definition.migrations, copy)
    revision = await write_revision(database, copy, definition.metadata, "nothing", app=app)
    body = revision.read_text()
    assert body.count("    pass\n") == 2, f"the tables of {app} have changed without a migration:\n{body}"
    await database.close()


async def test_a_newer_database_is_refused(database_url: str, toy_migrations: Path) -> None:
    database = Database(database_url)
    await migrate(database, toy_migrations, toy.Base.metadata, app="toy")
    async with database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    for check in (migrate, pending):
        with pytest.raises(NewerDatabase, match="0099"):
            await check(database, toy_migrations, toy.Base.metadata, app="toy")
    await database.close()


BROKEN = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.add_column("note", sa.Column("half", sa.Integer()))
    op.execute("THIS IS NOT SQL")
"""


async def test_a_failed_migration_leaves_the_database_as_it_was(
    database_url: str, toy_migrations: Path, tmp_path: Path
) -> None:
    database = Database(database_url)
    await migrate(database, toy_migrations, toy.Base.metadata, app="toy")
    async with database.transaction() as session:
        session.add(toy.KnownThing(id=uuid7(), sequence=1, seen_at=utc_now(), name="kept"))
    broken = tmp_path / "broken"
    shutil.copytree(toy_migrations, broken)
    (broken / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(Exception, match="THIS"):
        await migrate(database, broken, toy.Base.metadata, app="toy")
    await database.close()
    reopened = Database(database_url)
    async with reopened.reading() as session:
        assert await session.scalar(text("SELECT name FROM known_thing")) == "kept"
        assert await session.scalar(text("SELECT version_num FROM alembic_version")) == "0001"
    async with reopened.writer.connect() as connection:
        columns = await connection.run_sync(lambda sync: [c["name"] for c in inspect(sync).get_columns("note")])
    assert "half" not in columns
    await reopened.close()
