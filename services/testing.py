"""What the tests of every service stand on: the real app over real SQLite and the real embedded log."""

import asyncio
import base64
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select

from services.application import create_app
from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import Job, OutboxRow
from services.db.migrations import migrate
from services.events.envelope import Envelope, from_message, to_message
from services.events.log import EventLog
from services.identity import LocalKeys, Role
from services.ids import uuid7
from services.runtime import Runtime, ServiceDefinition
from services.settings import Settings, load_settings
from services.work.jobs import FINISHED

_MIGRATED: dict[Path, bytes] = {}
# Apps that no harness runs now, by definition (which they keep alive): the first request of a new one resolves all of
# its routes, which takes as long as many a test.
_IDLE: dict[int, list[FastAPI]] = {}


class ServiceClient(httpx.AsyncClient):
    """A client of one running service; knows whose token it sends, and the service that it talks to."""

    person_id: str
    service: "ServiceHarness"


class ServiceHarness:
    """One service, running in this process: `async with ServiceHarness(definition, tmp_path) as service`."""

    def __init__(
        self,
        definition: ServiceDefinition,
        folder: Path,
        *,
        settings: Settings | None = None,
        event_log: EventLog | None = None,
    ) -> None:
        self.definition = definition
        self.settings = settings or load_settings(itaas_data_dir=folder)
        self._new = None if settings else folder / f"{definition.name}.db"
        idle = _IDLE.setdefault(id(definition), [])
        self.app = idle.pop() if idle else create_app(definition)
        self.app.state.settings, self.app.state.event_log = self.settings, event_log
        self._stack = AsyncExitStack()
        self._keys = LocalKeys(self.settings.itaas_data_dir / "keys", create=True)

    async def __aenter__(self) -> Self:
        if self._new is not None and not self._new.exists():
            self._new.write_bytes(await _migrated(self.definition))
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        _IDLE[id(self.definition)].append(self.app)

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.runtime
        return runtime

    def token(self, roles: Sequence[str], business_units: Sequence[UUID] = (), person: str | None = None) -> str:
        named = [Role(role) for role in roles]
        return self._keys.issue(roles=named, business_units=list(business_units), person=person)

    def client(
        self,
        roles: Sequence[str] = ("admin",),
        business_units: Sequence[UUID] = (),
        person: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> ServiceClient:
        """A client with a token of `roles`; requests go straight into the app."""
        token = self.token(roles, business_units, person)
        client = ServiceClient(
            transport=httpx.ASGITransport(app=self.app, raise_app_exceptions=False),
            base_url="http://service",
            headers={"Authorization": f"Bearer {token}"} | (headers or {}),
        )
        client.person_id = _claim(token, "person_id")
        client.service = self
        return client

    async def deliver(
        self,
        event_type: str,
        *,
        subject: UUID,
        data: dict[str, Any],
        sequence: int = 1,
        business_unit_id: UUID | None = None,
        correlation_id: str | None = None,
        actor_id: str | None = None,
        event_id: str | None = None,
        wait: bool = True,
        unheard: bool = False,
    ) -> str:
        """Put an event of another service on the log and wait until this one has dealt with it; returns its id."""
        service = event_type.split(".")[1]
        heard = self.definition.all_consumers().matching(event_type)
        assert heard or unheard, f"{self.definition.name} has no handler for {event_type}"
        envelope = Envelope(
            id=event_id or str(uuid7()),
            source=f"/itaas/{service}",
            type=event_type,
            subject=str(subject),
            time=utc_now(),
            data=data,
            correlation_id=correlation_id or str(uuid7()),
            causation_id=None,
            sequence=sequence,
            business_unit_id=None if business_unit_id is None else str(business_unit_id),
            actor_id=actor_id,
            traceparent=None,
            partition_key=str(subject),
        )
        await self.runtime.event_log.append([to_message(envelope, f"itaas.{service}")])
        if wait:
            await self.consumed(f"itaas.{service}")
        return envelope.id

    async def consumed(self, topic: str, *, seconds: float = 10) -> None:
        """Wait until everything on `topic` has been dealt with."""
        assert self.runtime.consumer is not None
        log, group = self.runtime.event_log, self.runtime.consumer.group
        async with asyncio.timeout(seconds):
            while True:
                committed = await log.committed(group, topic)
                if all(committed[place] >= end for place, end in (await log.ends(topic)).items()):
                    return
                await asyncio.sleep(0.01)

    async def published(self, event_type: str | None = None) -> list[Envelope]:
        """What this service has put on its topic so far, in the order of time; waits for the relay first."""
        async with asyncio.timeout(10):
            while await self._outbox_rows():
                await asyncio.sleep(0.01)
        topic = f"itaas.{self.definition.name}"
        log = self.runtime.event_log
        records = [record async for record in log.read(topic, until=await log.ends(topic))]
        envelopes = [from_message(record.key, record.headers, record.value) for record in records]
        # Delivery is at least once: a relay that is stopped between appending and deleting appends again.
        distinct = {envelope.id: envelope for envelope in envelopes if event_type in (None, envelope.type)}
        return sorted(distinct.values(), key=_when)

    async def finished_job(self, job_id: UUID | str, *, seconds: float = 30) -> Job:
        """Wait for a job to end."""
        async with asyncio.timeout(seconds):
            while True:
                async with self.runtime.database.reading() as session:
                    job = await session.get(Job, UUID(str(job_id)))
                if job is not None and job.state in FINISHED:
                    return job
                await asyncio.sleep(0.02)

    async def job_ids(self, kind: str) -> list[UUID]:
        """The jobs of a kind so far, the oldest first."""
        async with self.runtime.database.reading() as session:
            return list(await session.scalars(select(Job.id).where(Job.kind == kind).order_by(Job.id)))

    async def _outbox_rows(self) -> int:
        async with self.runtime.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(OutboxRow)) or 0


async def _migrated(definition: ServiceDefinition) -> bytes:
    """A new database as the app's migrations leave it: run once a process, as they take longer than most tests."""
    if definition.migrations not in _MIGRATED:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "new.db"
            database = Database(f"sqlite+aiosqlite:///{file}")
            await migrate(database, definition.migrations, definition.metadata, app=definition.name)
            await database.close()
            _MIGRATED[definition.migrations] = file.read_bytes()
    return _MIGRATED[definition.migrations]


def _claim(token: str, name: str) -> str:
    payload = token.split(".")[1]
    claim: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[name]
    return claim


def _when(envelope: Envelope) -> tuple[datetime, str]:
    return envelope.time, envelope.id
