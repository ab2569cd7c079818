"""The worker: claims due timers and waiting jobs, one at a time each, and runs them; no timer waits for a job.

A claim is a conditional update that sets a lease and raises the fencing number; every later write of the claimant
names its number, so that one who was only slow, not dead, can no longer write once another has taken over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import delete, or_, select, update

from services import context, metrics
from services.clock import utc_now
from services.db.chassis_tables import Job, Timer
from services.db.database import Database, is_outage
from services.errors import Refusal
from services.work.jobs import (
    CANCELLED,
    FAILED,
    LEASE_SECONDS,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    JobCancelled,
    JobRun,
    Jobs,
    LeaseLost,
)
from services.work.timers import Timers

log = structlog.get_logger("itaas.worker")

LOOK_AGAIN_SECONDS = 1.0
DEFECTS = 3  # a job fails at this one
CLAIMS = 10  # that a job may be given without getting any further; each was a process that died
TIMER_LEASE_SECONDS = 60
LONGEST_TIMER_PAUSE_SECONDS = 3600
LONGEST_TIMER_PAUSE_EXPONENT = 12  # 2¹² is beyond the longest pause, and 2.0¹⁰²⁴ beyond what a float can hold


class Worker:
    def __init__(self, app: str, database: Database, jobs: Jobs, timers: Timers) -> None:
        self.app = app
        self._database = database
        self._jobs = jobs
        self._timers = timers
        # One for each loop: a loop clears its event before it looks, which the other must not miss.
        self._timers_wanted, self._jobs_wanted = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Called after each commit of this process."""
        self._timers_wanted.set()
        self._jobs_wanted.set()

    async def run(self) -> None:
        """Work until cancelled."""
        loops = []
        if self._timers.handlers:
            loops.append((self.run_due_timer, self._timers_wanted))
        if self._jobs.handlers:
            loops.append((self.run_waiting_job, self._jobs_wanted))
        if not loops:
            return
        if self._database.is_sqlite:
            while not await self._tried(self._take_back_leases):
                pass
        # Not a TaskGroup: it passes only the first cancellation on, and the runtime may have to ask again. With
        # return_exceptions, since this must not end while one of the loops is still ending.
        await asyncio.gather(*(self._repeat(work, wanted) for work, wanted in loops), return_exceptions=True)

    async def _repeat(self, work: Callable[[], Awaitable[bool]], wanted: asyncio.Event) -> None:
        while True:
            wanted.clear()
            if not await self._tried(work):
                # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await wanted.wait()

    async def _tried(self, work: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await work()
        except Exception as error:
            # The rows stay where they are; whatever went wrong, the next look finds them again.
            tell = log.warning if is_outage(error) else log.exception
            tell("the worker failed", app=self.app, error=str(error))
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            return False

    async def _take_back_leases(self) -> bool:
        """There is one process on SQLite, and it has just started: whoever held a lease is gone."""
        async with self._database.transaction() as session:
            for table in (Job, Timer):
                await session.execute(update(table).values(lease_until=None).where(table.lease_until.is_not(None)))
        return True

    async def run_due_timer(self) -> bool:
        """Run one due timer; False if none is due."""
        timer = await self._claim(Timer, Timer.due_at <= utc_now(), Timer.due_at, self._timers.handlers)
        if timer is None:
            return False
        work = context.WorkContext(timer.correlation_id, timer.causation_id, str(timer.id))
        try:
            with context.entered(work):
                async with self._database.transaction() as session:
                    await self._timers.handlers[timer.kind](session, timer.payload, utc_now())
                    await session.flush()
                    gone = await session.execute(delete(Timer).where(Timer.id == timer.id, Timer.fence == timer.fence))
                    if not gone.rowcount:  # type: ignore[attr-defined]
                        raise LeaseLost(f"timer {timer.id}")
        except LeaseLost:
            log.warning("a timer was taken over", app=self.app, kind=timer.kind)
        except Exception as error:
            # It keeps its row and is tried again, later and later; somebody has to be told, nothing may be lost.
            pause = min(2.0 ** min(timer.attempts, LONGEST_TIMER_PAUSE_EXPONENT), LONGEST_TIMER_PAUSE_SECONDS)
            (log.warning if is_outage(error) else log.exception)("a timer failed", app=self.app, kind=timer.kind)
            async with self._database.transaction() as session:
                later = {"lease_until": utc_now() + timedelta(seconds=pause)}
                await session.execute(
                    update(Timer).where(Timer.id == timer.id, Timer.fence == timer.fence).values(later)
                )
        return True

    async def run_waiting_job(self) -> bool:
        """Run one queued or abandoned job to its end; False if none waits."""
        job = await self._claim(Job, Job.state.in_([QUEUED, RUNNING]), Job.created_at, self._jobs.handlers)
        if job is None:
            return False
        run = JobRun(self._database, job)
        work = context.WorkContext(job.correlation_id, str(job.id), str(job.id), actor_id=job.created_by)
        with context.entered(work):
            heartbeat = asyncio.create_task(self._keep_lease(run))
            try:
                state, result, problem = await self._outcome(run, job)
            finally:
                heartbeat.cancel()
            if state is not None and await run.finish(state, result=result, problem=problem):
                metrics.JOBS_FINISHED.labels(self.app, job.kind, state).inc()
        return True

    async def _outcome(self, run: JobRun, job: Job) -> tuple[str | None, Any, Any]:
        from services.http.problems import describe  # the same words for a job's failure as for a request's

        if run.claims > CLAIMS:
            log.error("a job was given up: its processes died", app=self.app, kind=job.kind, job_id=str(job.id))
            return FAILED, None, describe(RuntimeError("its processes died"))
        try:
            return SUCCEEDED, await self._jobs.handlers[job.kind](run), None
        except LeaseLost:
            return None, None, None
        except JobCancelled:
            return CANCELLED, None, None
        except Exception as error:
            if is_outage(error):
                log.warning("a job waits for an outage to end", app=self.app, kind=job.kind, error=str(error))
                await run.give_back(after_seconds=5)
                return None, None, None
            if isinstance(error, Refusal):
                return FAILED, None, describe(error)
            log.exception("a job failed", app=self.app, kind=job.kind, job_id=str(job.id))
            if run.defects + 1 < DEFECTS:
                await run.give_back(after_seconds=2.0 ** (run.defects + 1), defect=True)
                return None, None, None
            return FAILED, None, describe(error)

    async def _keep_lease(self, run: JobRun) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with suppress(Exception):  # a missed renewal shows at the next chunk, as LeaseLost
                await run.renew()

    async def _claim(self, table: Any, condition: Any, order: Any, kinds: Any) -> Any:
        """Lease the first free row that meets `condition` and whose kind this app handles."""
        if not kinds:
            return None
        now = utc_now()
        free = or_(table.lease_until.is_(None), table.lease_until <= now)
        async with self._database.reading() as session:
            row = (
                await session.scalars(
                    select(table).where(condition, free, table.kind.in_(kinds)).order_by(order).limit(1)
                )
            ).one_or_none()
        if row is None:
            return None
        claimed: dict[str, Any] = {
            "fence": row.fence + 1,
            "attempts": row.attempts + 1,
            "lease_until": now + timedelta(seconds=LEASE_SECONDS if table is Job else TIMER_LEASE_SECONDS),
        }
        if table is Job:
            claimed["state"] = RUNNING
        async with self._database.transaction() as session:
            taken = await session.execute(
                update(table).where(table.id == row.id, table.fence == row.fence, condition, free).values(claimed)
            )
            if not taken.rowcount:  # type: ignore[attr-defined]
                return None
        for name, value in claimed.items():
            setattr(row, name, value)
        return row
