"""A running app: its database, the event log, and what works in the background (relay, consumer, worker).

This is where the implementation is picked: SQLite and the embedded log, or PostgreSQL and Kafka.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from services import audit  # noqa: F401  # hooks itself into every session
from services.db.chassis_tables import KnownBusinessUnit
from services.db.database import Database
from services.db.migrations import migrate, pending
from services.events.consumers import Consumer
from services.events.handlers import Consumers
from services.events.log import USAGE_RETENTION_SECONDS, USAGE_TOPIC, EventLog, Topic
from services.events.registry import EventData
from services.events.relay import Relay
from services.housekeeping import keep_house
from services.identity import unit_tree
from services.identity.tokens import Verifier, build_verifier
from services.settings import APPS, ConfigurationError, Settings
from services.work import Jobs, Timers, Worker

# For a person and an instant: the units they are aligned with; None for one who was never aligned with any.
AlignedUnits = Callable[[AsyncSession, str, datetime], Awaitable[frozenset[UUID] | None]]


@dataclass(frozen=True)
class ServiceDefinition:
    """What makes one app: everything else is the chassis."""

    name: str
    title: str
    description: str
    base: type[DeclarativeBase]
    migrations: Path
    routers: Sequence[APIRouter] = ()
    events: Sequence[type[EventData]] = ()
    consumers: Consumers = field(default_factory=Consumers)
    jobs: Jobs = field(default_factory=Jobs)
    timers: Timers = field(default_factory=Timers)
    unit_table: Any = KnownBusinessUnit  # demand, who owns the units, gives its own table
    aligned_units: AlignedUnits | None = None  # of a demand leader, in place of the units that the token names
    version: str = "0.1.0"

    @property
    def metadata(self) -> MetaData:
        return self.base.metadata

    def all_consumers(self) -> Consumers:
        together = Consumers()
        if self.unit_table is KnownBusinessUnit:
            together.extend(unit_tree.consumers)
        together.extend(self.consumers)
        return together

    def topics_read(self) -> list[str]:
        """The topics of what it handles; a handler whose pattern starts with `*` hears every app's."""
        topics: set[str] = set()
        for handler in self.all_consumers().handlers:
            topics |= {f"itaas.{app}" for app in APPS} if handler.pattern.startswith("*") else {handler.topic}
        return sorted(topics)


def all_topics() -> list[Topic]:
    """Every topic of the suite, as `itaas migrate` makes them."""
    owned = [Topic(f"itaas.{app}") for app in APPS]
    letters = [Topic(f"itaas.dlq.{app}") for app in APPS]
    return [*owned, Topic(USAGE_TOPIC, retention_seconds=USAGE_RETENTION_SECONDS), *letters]


@asynccontextmanager
async def opened_event_log(settings: Settings) -> AsyncIterator[EventLog]:
    """The event log that the settings ask for; the embedded one makes its topics itself."""
    log: EventLog
    if settings.kafka_bootstrap_servers is None:
        from services.events.embedded_log import EmbeddedLog

        url = f"sqlite+aiosqlite:///{settings.itaas_data_dir.absolute() / 'events.db'}"
        embedded = EmbeddedLog(url)
        with _damage_named(url):
            await embedded.open()
            await embedded.create_topics(all_topics())
        await embedded.prune()
        log = embedded
    else:
        from services.events.kafka_log import KafkaLog  # imported late: it costs start-up time

        log = KafkaLog(settings.kafka_bootstrap_servers, replication_factor=settings.kafka_replication_factor)
    try:
        yield log
    finally:
        await log.close()


class Runtime:
    """One app, running. `database`, `event_log` and `verifier` are what requests use."""

    def __init__(self, definition: ServiceDefinition, settings: Settings) -> None:
        self.definition = definition
        self.settings = settings
        self.unit_table = definition.unit_table
        self.database = Database(settings.require_database(definition.name), pool_size=settings.database_pool_size)
        self.verifier: Verifier = build_verifier(settings)
        self.event_log: EventLog
        self.relay: Relay
        self.consumer: Consumer | None = None

    @asynccontextmanager
    async def running(self, event_log: EventLog | None = None) -> AsyncIterator["Runtime"]:
        """Start everything, and stop it on leaving. Raises ConfigurationError with one line for the operator."""
        # Now rather than within the first request, which other requests may overtake half-way through it.
        self.definition.base.registry.configure(cascade=True)
        async with AsyncExitStack() as stack:
            if self.database.is_sqlite:
                stack.enter_context(_only_process(self.database.url))
            stack.push_async_callback(self.database.close)
            if event_log is None:
                event_log = await stack.enter_async_context(opened_event_log(self.settings))
            self.event_log = event_log
            with _damage_named(self.database.url):
                await self._bring_up_to_date()
            name = self.definition.name
            self.relay = Relay(name, self.database, self.event_log)
            worker = Worker(name, self.database, self.definition.jobs, self.definition.timers)
            self.database.on_commit += [self.relay.wake, worker.wake]
            loops = [self.relay.run(), worker.run(), keep_house(name, self.database)]
            if topics := self.definition.topics_read():
                handlers = self.definition.all_consumers()
                self.consumer = Consumer(name, handlers, topics, self.database, self.event_log)
                loops.append(self.consumer.run())
            tasks = [asyncio.create_task(loop) for loop in loops]
            stack.push_async_callback(_stop, tasks)
            yield self

    async def _bring_up_to_date(self) -> None:
        definition = self.definition
        arguments = (self.database, definition.migrations, definition.metadata)
        if self.database.is_sqlite:
            await migrate(*arguments, app=definition.name)
        elif todo := await pending(*arguments, app=definition.name):
            raise ConfigurationError(
                f"the {definition.name} database lacks {len(todo)} migrations: run `itaas migrate` first"
            )


@contextmanager
def _damage_named(url: str) -> Iterator[None]:
    """A file that is no database, or a broken one, is told to the operator by its name and in one line."""
    try:
        yield
    except DBAPIError as error:
        place = make_url(url)
        what = place.database if url.startswith("sqlite") else f"{place.host}:{place.port}/{place.database}"
        raise ConfigurationError(f"{what}: {str(error.orig).splitlines()[0]}") from error


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    # Asked again every few seconds: a library that swallows one cancellation must not keep the process alive.
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=5)


class _only_process:  # noqa: N801  # reads as the condition that it keeps
    """Holds `<database>.lock` while the app runs: two processes on one SQLite file would be two writers."""

    def __init__(self, url: str) -> None:
        self._file = Path(make_url(url).database or "").with_suffix(".lock")

    def __enter__(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._handle = self._file.open("a+")
        except OSError as error:
            raise ConfigurationError(f"the data folder cannot be written: {error}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._handle.close()
            raise ConfigurationError(
                f"{self._file.parent} is in use by a suite that runs already: stop it, choose another --data-dir, "
                "or for `itaas loop` name it with --url"
            ) from error

    def __exit__(self, *exception: object) -> None:
        self._handle.close()
