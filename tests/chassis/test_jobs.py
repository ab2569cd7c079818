"""Jobs and timers: leases, fencing, resuming, cancelling; on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services import context
from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import ChassisBase, Job, JobInput, OutboxRow, Timer
from services.errors import Conflict, Unavailable
from services.events.envelope import Message
from services.events.outbox import enqueue
from services.work import JobRun, Jobs, Timers, Worker
from services.work.jobs import JobCancelled, LeaseLost, cancel

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
        self.started = 0
        self.jobs.handler("count")(self.count)
        self.timers.handler("ring")(self.ring)

    async def count(self, run: JobRun) -> dict[str, Any]:
        self.started += 1
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


async def take_over(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Job).values(fence=Job.fence + 1))


async def input_blocks(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(JobInput)) or 0


class Blocks:
    async def chunks(self) -> AsyncIterator[bytes]:
        for block in (b"one", b"two"):
            yield block


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


async def test_a_job_that_kills_its_process_is_given_up(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.trouble[1] = asyncio.CancelledError()  # type: ignore[assignment]
    for _ in range(10):  # the first of them gets as far as the first checkpoint
        with pytest.raises(asyncio.CancelledError):
            await worker(database, work).run_waiting_job()
        await expire_leases(database)
    assert (await read(database, job)).state == "running"
    assert await worker(database, work).run_waiting_job()
    failed = await read(database, job)
    assert (failed.state, failed.fence, work.started) == ("failed", 11, 10)
    assert failed.problem is not None and failed.problem["status"] == 500
    assert not await worker(database, work).run_waiting_job()


async def test_a_job_that_gets_further_may_lose_any_number_of_processes(database: Database, work: Work) -> None:
    job = await start(database, work)
    for number in (0, 1, 2):
        work.trouble = {number: asyncio.CancelledError()}  # type: ignore[dict-item]
        for _ in range(8):
            with pytest.raises(asyncio.CancelledError):
                await worker(database, work).run_waiting_job()
            await expire_leases(database)
    work.trouble.clear()
    await worker(database, work).run_waiting_job()
    done = await read(database, job)
    assert (done.state, done.fence) == ("succeeded", 25)


async def test_outages_and_dead_processes_are_not_defects(database: Database, work: Work) -> None:
    job = await start(database, work)
    defect, outage = RuntimeError("a defect"), Unavailable("the ledger is away")
    for trouble in (*[outage] * 12, defect, *[outage] * 12, defect, outage):
        work.trouble[2] = trouble
        await expire_leases(database)
        await worker(database, work).run_waiting_job()
    work.trouble[2] = asyncio.CancelledError()  # type: ignore[assignment]
    await expire_leases(database)
    with pytest.raises(asyncio.CancelledError):
        await worker(database, work).run_waiting_job()
    assert (await read(database, job)).state == "running"
    work.trouble[2] = defect
    await expire_leases(database)
    await worker(database, work).run_waiting_job()
    assert (await read(database, job)).state == "failed"


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

    async with database.transaction() as session:
        await work.jobs.start(session, "read", payload={}, input=Blocks())
    await worker(database, work).run_waiting_job()
    assert seen == [b"one", b"two"]
    assert await input_blocks(database) == 0


async def test_the_input_of_a_cancelled_or_failed_job_goes_too(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        job = await work.jobs.start(session, "count", payload={}, input=Blocks())
    assert await input_blocks(database) == 2
    async with database.transaction() as session:
        await cancel(session, job.id)
    assert await input_blocks(database) == 0

    for ending in ("cancelled", "failed"):
        async with database.transaction() as session:
            job = await work.jobs.start(session, "count", payload={}, input=Blocks())
        if ending == "failed":
            work.trouble[0] = Conflict("it cannot be")
        async with database.transaction() as session:
            await session.execute(update(Job).where(Job.id == job.id).values(cancel_requested=ending == "cancelled"))
        await worker(database, work).run_waiting_job()
        assert (await read(database, job)).state == ending
        assert await input_blocks(database) == 0


async def test_a_handler_takes_its_chunks_back_only_while_it_has_the_job(database: Database, work: Work) -> None:
    job = await start(database, work)
    async with database.transaction() as session:
        await session.execute(update(Job).values(state="running", cancel_requested=True))
    run = JobRun(database, job)
    with pytest.raises(JobCancelled):
        async with run.chunk() as session:
            run.advance(checkpoint={"never": "kept"})
    async with run.chunk(clearing_up=True) as session:
        enqueue(session, Message("t", "k", {}, b""))
    assert await effects(database) == 1
    assert (await read(database, job)).checkpoint is None
    async with run.reading() as session:
        assert await session.get(Job, job.id) is not None
    await take_over(database)
    with pytest.raises(LeaseLost):
        async with run.chunk(clearing_up=True) as session:
            enqueue(session, Message("t", "k", {}, b""))
    assert await effects(database) == 1


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


async def test_a_timer_that_failed_a_thousand_times_is_still_put_off(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        work.timers.set(session, "ring", due_at=utc_now(), payload={"key": "k"})
        await session.flush()
        await session.execute(update(Timer).values(attempts=2_000))
    work.trouble[0] = RuntimeError("not now")
    assert await worker(database, work).run_due_timer()
    async with database.reading() as session:
        put_off_until = await session.scalar(select(Timer.lease_until))
    assert put_off_until is not None
    assert timedelta(minutes=59) < put_off_until - utc_now() <= timedelta(hours=1)


async def test_a_timer_rings_while_a_job_runs(database: Database, work: Work) -> None:
    job = await start(database, work)
    work.pause.clear()
    both = worker(database, work)
    database.on_commit.append(both.wake)
    running = asyncio.create_task(both.run())
    await until(lambda: work.started == 1)
    async with database.transaction() as session:
        work.timers.set(session, "ring", due_at=utc_now(), payload={"key": "k"})
    await until(lambda: work.rung == ["thread"])
    assert (await read(database, job)).state == "running"
    work.pause.set()
    await until(lambda: len(work.chunks) == 5)
    later = await start(database, work)  # both loops go on
    async with database.transaction() as session:
        work.timers.set(session, "ring", due_at=utc_now(), payload={"key": "k"})
    await until(lambda: len(work.chunks) == 10 and len(work.rung) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {(await read(database, one)).state for one in (job, later)} <= {"running", "succeeded"}


async def test_cancelling_the_worker_ends_both_loops(database: Database, work: Work) -> None:
    await start(database, work)
    work.pause.clear()
    running = asyncio.create_task(worker(database, work).run())
    await until(lambda: work.started == 1)
    before = asyncio.all_tasks()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    loops = [task for task in before if "Worker._repeat" in repr(task.get_coro())]
    assert len(loops) == 2 and all(task.done() for task in loops)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_timer_or_job_of_no_known_kind_is_a_defect(database: Database, work: Work) -> None:
    async with database.transaction() as session:
        with pytest.raises(LookupError):
            work.timers.set(session, "nothing", due_at=utc_now(), payload={})
        with pytest.raises(LookupError):
            await work.jobs.start(session, "nothing", payload={})
