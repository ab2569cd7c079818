"""Jobs and timers: leases, fencing, resuming, cancelling; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services import context
from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import ChassisBase, Job, JobInput, OutboxRow, Timer
from services.errors import Unavailable
from services.events.envelope import Message
from services.events.outbox import enqueue
from services.work import JobRun, Jobs, Timers, Worker
from services.work.jobs import LeaseLost, cancel

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
    with context.entered(context.WorkContext("thread", "cause", "request", actor_id="person")):
        yield made
    await made.close()


class Work:
    """A job of five chunks; `trouble` is raised before the chunk it is set for."""

    def __init__(self) -> None:
        self.jobs, self.timers = Jobs(), Timers()
        self.trouble: dict[int, Exception] = {}
        self.chunks: list[int] = []
        self.rung: list[str] = []
        self.pause = asyncio.Event()
        self.pause.set()
        self.jobs.handler("count")(self.count)
        self.timers.handler("ring")(self.ring)

    async def count(self, run: JobRun) -> dict[str, Any]:
        for number in range((run.checkpoint or {"next": 0})["next"], 5):
            await self.pause.wait()
            async with run.chunk() as session:
                if number in self.trouble:
                    raise self.trouble[number]
                enqueue(session, Message("t", str(number), {}, b""))
                run.advance(done=number + 1, total=5, checkpoint={"next": number + 1})
            self.chunks.append(number)
        return {"counted": 5}

    async def ring(self, session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
        if self.trouble:
            raise next(iter(self.trouble.values()))
        self.rung.append(context.current().correlation_id)
        enqueue(session, Message("t", payload["key"], {}, b""))


@pytest.fixture
def work() -> Work:
    return Work()


def worker(database: Database, work: Work) -> Worker:
    return Worker("toy", database, work.jobs, work.timers)


async def start(database: Database, work: Work) -> Job:
    async with database.transaction() as session:
        return await work.jobs.start(session, "count", payload={"a": 1})


async def read(database: Database, job: Job) -> Job:
    async with database.reading() as session:
        found = await session.get(Job, job.id)
        assert found is not None
        return found


async def effects(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(OutboxRow)) or 0


async def expire_leases(database: Database) -> None:
    async with database.transaction() as session:
        past = utc_now() - timedelta(seconds=1)
        await session.execute(update(Job).values(lease_until=past))
        await session.execute(update(Timer).values(lease_until=past))


async def test_a_job_runs_to_its_end(database: Database, work: Work) -> None:
    job = await start(database, work)
    assert await worker(database, work).run_waiting_job()
    done = await read(database, job)
    assert (done.state, done.done, done.total, done.result) == ("succeeded", 5, 5, {"counted": 5})
    assert not await worker(database, work).run_waiting_job()
    assert done.created_by == "person"


async def test_a_job_whose_process_died_goes_on_at_its_checkpoint(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.trouble[3] = asyncio.CancelledError()  # type: ignore[assignment]  # the process is gone: nothing is written
    with pytest.raises(asyncio.CancelledError):
        await worker(database, work).run_waiting_job()
    assert (await read(database, job)).state == "running"
    assert not await worker(database, work).run_waiting_job()  # its lease still holds
    await expire_leases(database)
    work.trouble.clear()
    assert await worker(database, work).run_waiting_job()
    assert work.chunks == [0, 1, 2, 3, 4]
    assert (await read(database, job)).state == "succeeded"
    assert await effects(database) == 5


async def test_a_slow_process_cannot_write_once_another_took_over(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.pause.clear()
    slow = asyncio.create_task(worker(database, work).run_waiting_job())
    await asyncio.sleep(0.2)
    await expire_leases(database)
    fast = asyncio.create_task(worker(database, work).run_waiting_job())
    await asyncio.sleep(0.2)
    work.pause.set()
    await asyncio.gather(slow, fast)
    assert (await read(database, job)).state == "succeeded"
    assert await effects(database) == 5  # the slow one's chunks left no trace


async def test_an_outage_is_waited_out(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.trouble[2] = Unavailable("the ledger is away")
    await worker(database, work).run_waiting_job()
    assert (await read(database, job)).state == "running"
    work.trouble.clear()
    await expire_leases(database)
    await worker(database, work).run_waiting_job()
    assert work.chunks == [0, 1, 2, 3, 4]


async def test_a_defect_is_tried_three_times_and_says_nothing_of_the_inside(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.trouble[1] = RuntimeError("somebody's secret")
    for _ in range(3):
        assert (await read(database, job)).state != "failed"
        await expire_leases(database)
        await worker(database, work).run_waiting_job()
    failed = await read(database, job)
    assert failed.state == "failed" and failed.problem is not None
    assert failed.problem["type"] == "urn:itaas:problem:internal-error"
    assert "secret" not in str(failed.problem)


async def test_cancelling_stops_it_at_the_end_of_a_chunk(database: Database, work: Work) -> None:
    queued, running = await start(database, work), await start(database, work)
    async with database.transaction() as session:
        assert (await cancel(session, queued.id)).state == "cancelled"
    work.pause.clear()
    task = asyncio.create_task(worker(database, work).run_waiting_job())
    await asyncio.sleep(0.2)
    async with database.transaction() as session:
        await cancel(session, running.id)
    work.pause.set()
    await task
    assert (await read(database, running)).state == "cancelled"
    assert await effects(database) == 0


async def test_input_is_read_in_blocks_and_gone_afterwards(database: Database, work: Work) -> None:
    seen: list[bytes] = []

    @work.jobs.handler("read")
    async def read_input(run: JobRun) -> dict[str, Any]:
        seen.extend([block async for block in run.input()])
        return {}

    class Blocks:
        async def chunks(self) -> AsyncIterator[bytes]:
            for block in (b"one", b"two"):
                yield block

    async with database.transaction() as session:
        await work.jobs.start(session, "read", payload={}, input=Blocks())
    await worker(database, work).run_waiting_job()
    assert seen == [b"one", b"two"]
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(JobInput)) == 0


async def test_a_lost_lease_shows_in_the_chunk(database: Database, work: Work) -> None:
    job = await start(database, work)
    async with database.transaction() as session:
        await session.execute(update(Job).values(state="running", fence=7))
    run = JobRun(database, job)
    with pytest.raises(LeaseLost):
        async with run.chunk():
            pass
    assert not await run.renew()
    assert not await run.finish("succeeded")


async def test_a_timer_rings_once_when_due(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        work.timers.set(session, "ring", due_at=utc_now() + timedelta(seconds=0.3), payload={"key": "k"})
    assert not await worker(database, work).run_due_timer()
    await asyncio.sleep(0.35)
    two = await asyncio.gather(*(worker(database, work).run_due_timer() for _ in range(4)))
    assert sum(two) == 1
    assert work.rung == ["thread"]
    assert await effects(database) == 1
    assert not await worker(database, work).run_due_timer()


async def test_a_failing_timer_stays_and_rings_later(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        work.timers.set(session, "ring", due_at=utc_now(), payload={"key": "k"})
    work.trouble[0] = RuntimeError("not now")
    assert await worker(database, work).run_due_timer()
    assert not await worker(database, work).run_due_timer()  # put off
    work.trouble.clear()
    await expire_leases(database)
    assert await worker(database, work).run_due_timer()
    assert await effects(database) == 1


async def test_a_timer_or_job_of_no_known_kind_is_a_defect(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        with pytest.raises(LookupError):
            work.timers.set(session, "nothing", due_at=utc_now(), payload={})
        with pytest.raises(LookupError):
            await work.jobs.start(session, "nothing", payload={})
