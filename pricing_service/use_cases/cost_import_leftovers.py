"""What imports of costs leave behind when they fail, are cancelled, or die before they could take it back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.tables import CostImport, CostRow
from services.db import touch
from services.db.chassis_tables import Job
from services.work import JobRun
from services.work.jobs import QUEUED
from services.work.jobs import RUNNING as AT_WORK

RUNNING, READY, FAILED = "running", "ready", "failed"


async def delete_rows(session: AsyncSession, ids: Sequence[str]) -> None:
    await session.execute(delete(CostRow).where(CostRow.import_id.in_([UUID(each) for each in ids])))


async def abandon(run: JobRun, import_id: UUID) -> None:
    """Nothing of a failed or cancelled import stays but its faults."""
    async with run.chunk(clearing_up=True) as session:
        await _fail(session, import_id, run.checkpoint or {})


async def _fail(session: AsyncSession, import_id: UUID, checkpoint: dict[str, Any]) -> None:
    await delete_rows(session, [str(import_id), *checkpoint.get("staged", [])])
    stored = await session.get_one(CostImport, import_id)
    stored.state = FAILED
    stored.rejected_count = checkpoint.get("rejected", 0)
    touch(stored)


async def left_behind(session: AsyncSession, imports: Sequence[CostImport]) -> set[UUID]:
    """Those of `imports` that are running, but that no job works on: it failed before it could take them back."""
    running = {stored.id for stored in imports if stored.state == RUNNING}
    if not running:
        return running
    at_work = select(Job.checkpoint).where(Job.kind == "cost-import", Job.state.in_([QUEUED, AT_WORK]))
    checkpoints = await session.scalars(at_work)
    return running - {UUID(checkpoint["import_id"]) for checkpoint in checkpoints if checkpoint is not None}


async def clear_up(run: JobRun, source: str) -> None:
    """Take back what failed imports of the source have left behind; theirs was a job that could not."""
    of_source = select(CostImport).where(CostImport.source == source, CostImport.state == RUNNING)
    async with run.reading() as session:
        if not await left_behind(session, list(await session.scalars(of_source))):
            return
    async with run.chunk() as session:
        if not await run.claim(session, f"cost-source:{source}"):
            return  # another import of the source is at it, or just ending; there will be a next one
        # Locked, so that an import which is just being abandoned keeps its job until its job has been looked at.
        for import_id in await left_behind(session, list(await session.scalars(of_source.with_for_update()))):
            checkpoint = await session.scalar(
                select(Job.checkpoint).where(
                    Job.kind == "cost-import", Job.checkpoint["import_id"].as_string() == str(import_id)
                )
            )
            await _fail(session, import_id, checkpoint or {})
