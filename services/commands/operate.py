"""Commands of the operator: migrations, dead letters, projections, the event log."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.engine import make_url

from services import audit  # noqa: F401  # hooks itself into every session
from services.db.chassis_tables import DeadLetter
from services.db.database import Database
from services.db.migrations import migrate, write_revision
from services.events import replay as past
from services.events.envelope import MalformedEvent, from_message
from services.runtime import all_topics, opened_event_log
from services.settings import ConfigurationError, Settings
from services.suite import definition_of

Echo = Callable[[str], None]


@asynccontextmanager
async def _database(settings: Settings, app: str) -> AsyncIterator[Database]:
    url = settings.require_database(app)
    if settings.embedded and not (file := Path(make_url(url).database or "")).exists():
        raise ConfigurationError(f"there is no suite in {file.parent}: run `itaas up` first")
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def migrate_apps(settings: Settings, apps: list[str], echo: Echo) -> None:
    settings.itaas_data_dir.mkdir(parents=True, exist_ok=True)
    for app in apps:
        definition = definition_of(app)
        database = Database(settings.require_database(app))
        try:
            applied = await migrate(database, definition.migrations, definition.metadata, app=app)
        finally:
            await database.close()
        echo(f"{app}: {', '.join(applied) if applied else 'up to date'}")
    async with opened_event_log(settings) as log:
        made = await log.create_topics(all_topics())
    echo(f"topics: {', '.join(made) if made else 'up to date'}")


async def list_dead_letters(settings: Settings, apps: list[str], *, replayed: bool, echo: Echo) -> None:
    for app in apps:
        async with _database(settings, app) as database, database.reading() as session:
            query = select(DeadLetter).order_by(DeadLetter.id)
            if not replayed:
                query = query.where(DeadLetter.replayed_at.is_(None))
            for letter in await session.scalars(query):
                place = f"{letter.topic}/{letter.partition}/{letter.offset}"
                state = " (replayed)" if letter.replayed_at else ""
                echo(f"{letter.id}  {app}  {place}  {letter.refused_at:%FT%TZ}  {letter.reason}{state}")


async def replay_dead_letter(settings: Settings, app: str, letter_id: UUID, echo: Echo) -> None:
    async with _database(settings, app) as database:
        done = await past.replay(database, definition_of(app).all_consumers(), letter_id)
    echo("replayed" if done else "had been replayed already")


async def rebuild_projections(settings: Settings, app: str, echo: Echo) -> None:
    definition = definition_of(app)
    async with _database(settings, app) as database, opened_event_log(settings) as log:

        def progress(applied: int) -> None:
            if applied % 1000 == 0:
                echo(f"{applied} events")

        topics = definition.topics_read()
        applied = await past.rebuild(database, definition.all_consumers(), topics, log, progress)
    echo(f"{app}: {applied} events applied to its projections")


async def tail_events(settings: Settings, *, from_start: bool, once: bool, echo: Echo) -> None:
    topics = [topic.name for topic in all_topics()]
    async with opened_event_log(settings) as log:
        seen = {topic: await log.ends(topic) for topic in topics}
        if from_start:
            seen = {topic: dict.fromkeys(ends, 0) for topic, ends in seen.items()}
        while True:
            for topic in topics:
                ends = await log.ends(topic)
                async for record in log.read(topic, until=ends, start=seen[topic]):
                    try:
                        event = from_message(record.key, record.headers, record.value)
                        line = f"{event.time:%FT%T}Z  {event.type}  {event.subject}  {event.correlation_id}"
                    except MalformedEvent as error:
                        line = f"{record.appended_at:%FT%T}Z  {error.detail}"
                    echo(f"{line}  ({topic}/{record.partition.number}/{record.offset})")
                seen[topic] = ends
            if once:
                return
            await asyncio.sleep(0.5)


async def write_migration(app: str, message: str) -> Path:
    definition = definition_of(app)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/empty.db")
        try:
            file = await write_revision(database, definition.migrations, definition.metadata, message, app=app)
        finally:
            await database.close()
    await asyncio.to_thread(_tidy, file)
    return file


def _tidy(file: Path) -> None:
    """Into the form that `make check` wants; ruff is there on a developer's machine, and nobody else comes here."""
    for step in (["check", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, "--quiet", str(file)], check=False, capture_output=True)
