"""Jobs: long work in chunks, each one transaction with a checkpoint; any replica may run or resume one.

    queued ──► running ──► succeeded | failed | cancelled
      ▲───────────┘ its process died (the lease ran out) or a dependency was away

A handler finds `run.checkpoint` as its last committed chunk left it, and must bear being called again after its
last chunk. What it writes should stay invisible until that last chunk. Work on the CPU belongs in a thread.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services import context
from services.clock import utc_now
from services.db.chassis_tables import Job, JobInput
from services.db.database import Database
from services.errors import Conflict, NotFound
from services.ids import uuid7

LEASE_SECONDS = 20  # renewed by a heartbeat; a killed process's jobs go on elsewhere after this

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = "queued", "running", "succeeded", "failed", "cancelled"
FINISHED = frozenset({SUCCEEDED, FAILED, CANCELLED})


class JobNotCancellable(Conflict): ...


class LeaseLost(Exception):
    """Another process has taken the job over: this one must stop without a trace."""


class JobCancelled(Exception):
    """Somebody asked for the job to stop; raised at the end of a chunk."""


class Input(Protocol):
    """What a job can be given to read: bytes in blocks."""

    def chunks(self) -> AsyncIterator[bytes]: ...


Handle = Callable[["JobRun"], Awaitable[dict[str, Any]]]


class Jobs:
    """The kinds of jobs of one service."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handle] = {}

    def handler(self, kind: str) -> Callable[[Handle], Handle]:
        def add(function: Handle) -> Handle:
            self.handlers[kind] = function
            return function

        return add

    async def start(
        self, session: AsyncSession, kind: str, *, payload: dict[str, Any], input: Input | None = None
    ) -> Job:
        """Queue a job in this transaction; its input, if any, is stored with it."""
        if kind not in self.handlers:
            raise LookupError(f"no job handler for {kind!r}")
        work = context.current()
        job = Job(
            id=uuid7(),
            kind=kind,
            state=QUEUED,
            payload=payload,
            done=0,
            fence=0,
            attempts=0,
            defects=0,
            cancel_requested=False,
            created_at=utc_now(),
            created_by=work.actor_id,
            correlation_id=work.correlation_id,
        )
        session.add(job)
        await session.flush()
        if input is not None:
            number = 0
            async for block in input.chunks():
                stored = JobInput(job_id=job.id, number=number, data=block)
                session.add(stored)
                await session.flush()
                session.expunge(stored)  # keeps memory flat: the block is not looked at again here
                number += 1
        return job


async def cancel(session: AsyncSession, job_id: UUID) -> Job:
    """Ask a job to stop: a queued one at once, a running one at the end of its chunk. Raises JobNotCancellable."""
    job = await session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    if job.state in FINISHED:
        raise JobNotCancellable(f"the job is {job.state}")
    job.cancel_requested = True
    if job.state == QUEUED:
        job.state, job.finished_at = CANCELLED, utc_now()
        await session.execute(delete(JobInput).where(JobInput.job_id == job_id))
    return job


class JobRun:
    """One process's run of a job, as its handler sees it."""

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._fence = job.fence
        # A claim counts as soon as it is made: a process that the job kills has no later moment to count it.
        self.defects, self.claims = job.defects, job.attempts
        self.job_id = job.id
        self.payload: dict[str, Any] = job.payload
        self.checkpoint: dict[str, Any] | None = job.checkpoint
        self.correlation_id = job.correlation_id
        self._progress: dict[str, Any] = {}

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that reads; all writes of a job go through `chunk`, which knows whether it still has the job."""
        async with self._database.reading() as session:
            yield session

    async def claim(self, session: AsyncSession, key: str) -> bool:
        """Take `key` until the chunk of `session` ends; False if another open transaction holds it."""
        return await self._database.claim(session, key)

    async def input(self) -> AsyncIterator[bytes]:
        """The stored input in blocks, one query each: memory stays flat."""
        number = 0
        while True:
            async with self._database.reading() as session:
                data = await session.scalar(
                    select(JobInput.data).where(JobInput.job_id == self.job_id, JobInput.number == number)
                )
            if data is None:
                return
            yield data
            number += 1

    def advance(self, *, done: int | None = None, total: int | None = None, checkpoint: Any = None) -> None:
        """Note progress; it becomes durable with the chunk that it is called in."""
        noted = {"done": done, "total": total, "checkpoint": checkpoint}
        self._progress |= {name: value for name, value in noted.items() if value is not None}

    @asynccontextmanager
    async def chunk(self, *, clearing_up: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction of the job. Raises LeaseLost or JobCancelled, and then keeps nothing of the chunk.

        With `clearing_up` it is also committed when the job is to be cancelled: for what takes earlier chunks back.
        """
        try:
            async with self._database.transaction() as session:
                yield session
                await session.flush()
                noted = dict(self._progress)
                if "checkpoint" in noted:
                    noted["attempts"] = 1  # of the claims, only this one still counts
                result = await session.execute(
                    update(Job)
                    .where(Job.id == self.job_id, Job.fence == self._fence, Job.state == RUNNING)
                    .values(lease_until=utc_now() + timedelta(seconds=LEASE_SECONDS), **noted)
                    .returning(Job.cancel_requested)
                )
                cancelled = result.scalar_one_or_none()
                if cancelled is None:
                    raise LeaseLost(f"job {self.job_id}")
                if cancelled and not clearing_up:
                    raise JobCancelled(f"job {self.job_id}")
            if "checkpoint" in self._progress:
                self.checkpoint, self.claims = self._progress["checkpoint"], 1
        finally:
            self._progress = {}

    async def renew(self) -> bool:
        """Keep the lease through a long chunk; False if it is lost."""
        async with self._database.transaction() as session:
            result = await session.execute(
                update(Job)
                .where(Job.id == self.job_id, Job.fence == self._fence, Job.state == RUNNING)
                .values(lease_until=utc_now() + timedelta(seconds=LEASE_SECONDS))
            )
            return bool(result.rowcount)  # type: ignore[attr-defined]

    async def finish(self, state: str, *, result: Any = None, problem: Any = None) -> bool:
        """Write the last state, unless another process has the job by now."""
        ended = {"state": state, "result": result, "problem": problem}
        async with self._database.transaction() as session:
            done = await session.execute(
                update(Job)
                .where(Job.id == self.job_id, Job.fence == self._fence, Job.state == RUNNING)
                .values(**ended, finished_at=utc_now(), lease_until=None)
            )
            if done.rowcount:  # type: ignore[attr-defined]
                await session.execute(delete(JobInput).where(JobInput.job_id == self.job_id))
            return bool(done.rowcount)  # type: ignore[attr-defined]

    async def give_back(self, *, after_seconds: float, defect: bool = False) -> None:
        """Put it back into the queue for a later try, by whoever comes first; this claim no longer counts as one."""
        counts = {"attempts": self.claims - 1, "defects": self.defects + defect}
        async with self._database.transaction() as session:
            await session.execute(
                update(Job)
                .where(Job.id == self.job_id, Job.fence == self._fence, Job.state == RUNNING)
                .values(lease_until=utc_now() + timedelta(seconds=after_seconds), **counts)
            )
