"""Migrations: one Alembic history per app, for both databases.

Every app's own revisions also create the chassis's tables (they are part of its MetaData). On PostgreSQL an
advisory lock keeps replicas from migrating at once; on SQLite a copy is made first and put back if a revision
fails. A database that is newer than this code is refused.

    <database>.before-migration.unfinished   the copy while a migration runs; still there afterwards: it was cut off
    <database>.before-migration              the copy from before the last migration that finished

Both appear, and the copy is put back, by renaming a whole file, so that the machine may stop at any moment. A
database that is empty or gone beside an unfinished copy is refused: it would be taken for a new one.
"""

import asyncio
import os
import re
import shutil
import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.engine import make_url

from services.db.chassis_tables import ChassisBase
from services.db.database import Database
from services.db.types import ExactDecimal, JsonDocument, UtcInstant
from services.settings import ConfigurationError

_ENVIRONMENT = Path(__file__).parent / "migration_environment"
_LOCK = 7_304_115  # any constant of the suite's own


class NewerDatabase(ConfigurationError):
    """The database was migrated by a newer version of this app; the message is one line for the operator."""


async def migrate(database: Database, directory: Path, metadata: MetaData, *, app: str) -> list[str]:
    """Bring the database to this code's newest revision and return the revisions that were applied."""
    if database.is_sqlite:
        return await _migrate_sqlite(database, directory, metadata, app)
    async with database.writer.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        try:
            return await connection.run_sync(_upgrade, directory, metadata, app)
        finally:
            await connection.rollback()
            await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            await connection.commit()


async def pending(database: Database, directory: Path, metadata: MetaData, *, app: str) -> list[str]:
    """The revisions that `migrate` would apply. Raises NewerDatabase."""
    async with database.writer.connect() as connection:
        return await connection.run_sync(_pending, directory, metadata, app)


async def write_revision(database: Database, directory: Path, metadata: MetaData, message: str, *, app: str) -> Path:
    """Write the next revision by comparing the tables with a database that is up to date; returns its file."""
    directory.mkdir(exist_ok=True)
    await migrate(database, directory, metadata, app=app)
    async with database.writer.connect() as connection:

        def compare(sync_connection: Connection) -> Path:
            config = _config(sync_connection, directory, metadata)
            existing = len(list(directory.glob("[0-9]*.py")))
            script = command.revision(config, message, autogenerate=True, rev_id=f"{existing + 1:04d}")
            assert script is not None and not isinstance(script, list)
            file = Path(script.path)
            # Alembic's advice to its reader, which the script template cannot leave out.
            file.write_text(re.sub(r"^ *# ### .* ###\n", "", file.read_text(), flags=re.MULTILINE))
            return file

        return await connection.run_sync(compare)


async def _migrate_sqlite(database: Database, directory: Path, metadata: MetaData, app: str) -> list[str]:
    file = Path(make_url(database.url).database or "")
    copy = file.with_suffix(".before-migration")
    unfinished = copy.with_name(copy.name + ".unfinished")
    was_cut_off = unfinished.exists()
    if was_cut_off and not (file.exists() and file.stat().st_size):
        raise _lost(file, unfinished, app)
    async with database.writer.connect() as connection:
        todo = await connection.run_sync(_pending, directory, metadata, app)
        is_new = await connection.scalar(text("SELECT count(*) FROM sqlite_master")) == 0
        await connection.rollback()
    if was_cut_off and is_new:
        raise _lost(file, unfinished, app)
    if not todo and not was_cut_off:
        return []
    # What a migration that was cut off has changed already is no copy to go back to: the one from before it stays.
    if not is_new and not (was_cut_off and _tables(file) != _tables(unfinished)):
        await asyncio.to_thread(_copy, file, unfinished)
    try:
        async with database.writer.connect() as connection:
            done = await connection.run_sync(_upgrade_unguarded, directory, metadata, app)
    except BaseException:
        # Each revision is a transaction of its own here: put back what was there before the first.
        await database.close()
        _put_back(None if is_new else unfinished, file)
        raise
    if not is_new:
        _rename(unfinished, copy)
    return done


def _lost(file: Path, unfinished: Path, app: str) -> ConfigurationError:
    # What is left of the log belongs to the lost file: SQLite would play it into the copy.
    return ConfigurationError(
        f"the {app} database {file} is empty or gone and its last migration did not finish: "
        f"put the copy from before it back with `rm -f {file}-wal {file}-shm; mv {unfinished} {file}`"
    )


def _copy(file: Path, copy: Path) -> None:
    """Page by page: `VACUUM INTO` sorts the indexes anew and would need our collation."""
    part = copy.with_name(copy.name + ".new")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    shutil.copymode(file, part)
    _rename(part, copy)


def _put_back(copy: Path | None, file: Path) -> None:
    """Make `file`, which nobody has open, what `copy` is; without a copy it was new and goes."""
    log = file.with_name(file.name + "-wal")
    if copy is None or log.exists():
        # Without its log the file may be torn. Missing, it is refused at the next start should we not get further.
        file.unlink(missing_ok=True)
    for leftover in (log, file.with_name(file.name + "-shm")):
        leftover.unlink(missing_ok=True)
    if copy is not None:
        _rename(copy, file)


def _rename(file: Path, to: Path) -> None:
    """In one step and on the disk: `to` is at any moment what it was, or all of `file`."""
    _sync(file)
    file.replace(to)
    _sync(to.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tables(file: Path) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def _config(connection: Connection | None, directory: Path, metadata: MetaData | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(directory))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes |= {
        "connection": connection,
        "metadata": [ChassisBase.metadata, *([] if metadata is None else [metadata])],
        "render_item": _render_item,
    }
    return config


def _pending(connection: Connection, directory: Path, metadata: MetaData, app: str) -> list[str]:
    files = tuple(sorted((file.name, file.stat().st_mtime_ns) for file in directory.glob("*.py")))
    history = _history(directory, files)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in history:
        raise NewerDatabase(
            f"the {app} database is at revision {current}, which this version does not know: run a newer version"
        )
    return list(history[0 if current is None else history.index(current) + 1 :])


@lru_cache(maxsize=64)
def _history(directory: Path, files: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """The revisions in the order of their application, read once for as long as the files are the same."""
    scripts = ScriptDirectory.from_config(_config(None, directory, None))
    return tuple(script.revision for script in reversed(list(scripts.walk_revisions())))


def _upgrade(connection: Connection, directory: Path, metadata: MetaData, app: str) -> list[str]:
    todo = _pending(connection, directory, metadata, app)
    if todo:
        connection.rollback()
        command.upgrade(_config(connection, directory, metadata), "head")
        connection.commit()
    return todo


def _upgrade_unguarded(connection: Connection, directory: Path, metadata: MetaData, app: str) -> list[str]:
    """Batch mode makes a table anew by dropping the old one, which SQLite refuses while others refer to its rows."""
    cursor = connection.connection.cursor()  # beside SQLAlchemy's: the pragma does nothing inside of a transaction
    cursor.execute("PRAGMA foreign_keys=OFF")
    try:
        done = _upgrade(connection, directory, metadata, app)
        cursor.execute("PRAGMA foreign_key_check")
        if broken := cursor.fetchall():
            raise RuntimeError(f"a migration of {app} leaves references to nothing: {broken[:5]}")
        return done
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _render_item(kind: str, item: Any, autogen: AutogenContext) -> str | bool:
    if kind == "type":
        if isinstance(item, ExactDecimal):
            return "ExactDecimal()"
        if isinstance(item, UtcInstant):
            return "UtcInstant()"
        if item is JsonDocument:
            return "JsonDocument"
    return False
