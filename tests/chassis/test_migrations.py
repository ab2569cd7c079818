"""Migrations: one history for both databases, safe to run again and together, undone where they fail."""

import asyncio
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from services import context
from services.clock import utc_now
from services.commands.operate import list_dead_letters, migrate_apps
from services.db import Database
from services.db.chassis_tables import ChassisBase
from services.db.migrations import NewerDatabase, migrate, pending, write_revision
from services.db.types import ExactDecimal
from services.ids import uuid7
from services.settings import APPS, ConfigurationError, load_settings
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


@pytest.mark.parametrize("app", APPS)
async def test_decimals_keep_their_order_on_sqlite(app: str, tmp_path: Path) -> None:
    """A collation is nothing that reflection sees: a revision that copies a table in batch mode may lose it."""
    definition = definition_of(app)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await migrate(database, definition.migrations, definition.metadata, app=app)
    async with database.writer.connect() as connection:
        for table in definition.metadata.sorted_tables:
            named = {"name": table.name}
            sql = await connection.scalar(
                text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), named
            )
            for column in table.columns:
                if isinstance(column.type, ExactDecimal):
                    assert re.search(rf"\b{column.name}\b.* COLLATE \"?DECIMAL", sql), f"{table.name}.{column.name}"
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


NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None


def upgrade() -> None:
    with op.batch_alter_table("{table}") as batch:
        batch.add_column(sa.Column("added_later", sa.Integer()))
        batch.alter_column("{column}", existing_type=sa.String(), nullable=True)
"""

# A table with a decimal, an instant or a JSON document in it, and a column of it that can be altered.
ALTERED = {
    "catalog": ("service", "description"),
    "demand": ("demand", "description"),
    "pricing": ("budget", "currency"),
    "feedback": ("thread", "state"),
    "gateway": ("archived_event", "correlation_id"),
}


@pytest.mark.parametrize("app", APPS)
async def test_every_apps_data_can_be_migrated_further(database_url: str, app: str, tmp_path: Path) -> None:
    """The next version's revision on a folder that is in use: also one that has SQLite make a table anew."""
    definition = definition_of(app)
    database = Database(database_url)
    applied = await migrate(database, definition.migrations, definition.metadata, app=app)
    folder = tmp_path / "migrations"
    shutil.copytree(definition.migrations, folder)
    table, column = ALTERED[app]
    text_of_it = NEXT.format(revision="9999", before=applied[-1], table=table, column=column)
    (folder / "9999_next.py").write_text(text_of_it)
    assert await migrate(database, folder, definition.metadata, app=app) == ["9999"]
    async with database.writer.connect() as connection:
        columns = await connection.run_sync(lambda sync: {c["name"] for c in inspect(sync).get_columns(table)})
    assert "added_later" in columns
    await database.close()


PARENT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.create_table("child", sa.Column("id", sa.Integer(), primary_key=True),
                    sa.Column("note_id", sa.Uuid(), sa.ForeignKey("note.id"), nullable=False))
    op.execute("INSERT INTO child (id, note_id) SELECT 1, id FROM note")
    with op.batch_alter_table("note") as batch:
        batch.alter_column("text", existing_type=sa.String(), nullable=True)
"""


async def test_a_table_that_others_refer_to_can_be_made_anew(
    database_url: str, toy_migrations: Path, tmp_path: Path
) -> None:
    database = Database(database_url)
    await migrate(database, toy_migrations, toy.Base.metadata, app="toy")
    with context.entered(context.WorkContext("t", "c", "r")):
        async with database.transaction() as session:
            session.add(toy.Note(text="kept", business_unit_id=None))
    folder = tmp_path / "migrations"
    shutil.copytree(toy_migrations, folder)
    (folder / "0002_parent.py").write_text(PARENT)
    assert await migrate(database, folder, toy.Base.metadata, app="toy") == ["0002"]
    async with database.reading() as session:
        query = text("SELECT note.text FROM child JOIN note ON note.id = child.note_id")
        assert await session.scalar(query) == "kept"
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM note"))
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


ADDED = """
import os
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{revision}", "{before}", None, None


def upgrade() -> None:
    op.add_column("note", sa.Column("c{revision}", sa.Integer()))
    {then}
"""

MIGRATE = """
import asyncio, sys
from pathlib import Path
from services.db import Database
from services.db.migrations import migrate
from tests.chassis import toy

asyncio.run(migrate(Database(sys.argv[1]), Path(sys.argv[2]), toy.Base.metadata, app="toy"))
"""


async def _cut_off(file: Path, toy_migrations: Path, folder: Path) -> str:
    """A database whose process was killed within the second of two revisions; returns its URL."""
    url = f"sqlite+aiosqlite:///{file}"
    database = Database(url)
    await migrate(database, toy_migrations, toy.Base.metadata, app="toy")
    async with database.transaction() as session:
        session.add(toy.KnownThing(id=uuid7(), sequence=1, seen_at=utc_now(), name="kept"))
    await database.close()
    shutil.copytree(toy_migrations, folder)
    (folder / "0002_added.py").write_text(ADDED.format(revision="0002", before="0001", then="pass"))
    (folder / "0003_added.py").write_text(ADDED.format(revision="0003", before="0002", then="os._exit(9)"))
    command = [sys.executable, "-c", MIGRATE, url, str(folder)]
    assert (await asyncio.to_thread(subprocess.run, command)).returncode == 9
    return url


async def _state(url: str) -> tuple[str, str]:
    database = Database(url)
    async with database.reading() as session:
        name = await session.scalar(text("SELECT name FROM known_thing"))
        revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
    await database.close()
    return name, revision


async def test_a_migration_that_was_cut_off_goes_on_and_can_still_be_undone(
    toy_migrations: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    url = await _cut_off(tmp_path / "toy.db", toy_migrations, folder)
    copy, unfinished = tmp_path / "toy.before-migration", tmp_path / "toy.before-migration.unfinished"
    assert await _state(url) == ("kept", "0002")
    assert unfinished.exists() and not copy.exists()
    database = Database(url)
    (folder / "0003_added.py").write_text(
        ADDED.format(revision="0003", before="0002", then="op.execute('THIS IS NOT SQL')")
    )
    with pytest.raises(Exception, match="THIS"):
        await migrate(database, folder, toy.Base.metadata, app="toy")
    await database.close()
    assert await _state(url) == ("kept", "0001")  # from before the first of the two, not from between them
    (folder / "0003_added.py").write_text(ADDED.format(revision="0003", before="0002", then="pass"))
    assert await migrate(database, folder, toy.Base.metadata, app="toy") == ["0002", "0003"]
    await database.close()
    assert await _state(url) == ("kept", "0003")
    assert copy.exists() and not unfinished.exists()
    assert await _state(f"sqlite+aiosqlite:///{copy}") == ("kept", "0001")


@pytest.mark.parametrize("what", ["empty", "gone", "without tables"])
async def test_a_database_lost_within_a_migration_is_not_taken_for_a_new_one(
    what: str, toy_migrations: Path, tmp_path: Path
) -> None:
    file, folder = tmp_path / "toy.db", tmp_path / "migrations"
    url = await _cut_off(file, toy_migrations, folder)
    for part in (file, tmp_path / "toy.db-wal", tmp_path / "toy.db-shm"):
        part.unlink(missing_ok=True)
    database = Database(url)
    if what == "empty":
        file.touch()
    elif what == "without tables":
        await database.ping()
    unfinished = tmp_path / "toy.before-migration.unfinished"
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=f"`rm -f {file}-wal {file}-shm; mv {unfinished} {file}`$"):
            await migrate(database, folder, toy.Base.metadata, app="toy")
    await database.close()
    unfinished.replace(file)
    (folder / "0003_added.py").write_text(ADDED.format(revision="0003", before="0002", then="pass"))
    assert await migrate(database, folder, toy.Base.metadata, app="toy") == ["0002", "0003"]
    assert (await _state(url))[0] == "kept"
    file.unlink()  # by hand, and beside a copy that is finished: somebody wants to begin anew
    await database.close()
    assert await migrate(database, folder, toy.Base.metadata, app="toy") == ["0001", "0002", "0003"]
    await database.close()


async def test_the_operators_commands_look_at_the_file_that_the_url_names(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    url = f"sqlite+aiosqlite:///{elsewhere}/mine.db"
    settings = load_settings(itaas_data_dir=tmp_path / "data", catalog_database_url=url)
    with pytest.raises(ConfigurationError, match=f"no suite in {elsewhere}"):
        await list_dead_letters(settings, ["catalog"], replayed=False, echo=print)
    assert not list(elsewhere.iterdir())
    await migrate_apps(settings, ["catalog"], print)
    await list_dead_letters(settings, ["catalog"], replayed=False, echo=print)
