"""Jobs over HTTP: 202 with a Location, then readable, streamable and cancellable at /v1/jobs/{id}."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncSession

from services.db.chassis_tables import Job
from services.errors import Forbidden, NotFound
from services.http.api import Api
from services.http.dependencies import ReadSession, WriteSession
from services.http.problems import Problem
from services.identity import Principal, Role, may
from services.work.jobs import FINISHED, cancel

_STREAM_SECONDS = 0.25

router = Api(prefix="/v1", tags=["Jobs"])
Caller = Annotated[Principal, may(*Role)]


class NotYourJob(Forbidden): ...


class JobProgress(BaseModel):
    done: int
    total: int | None


class JobRead(BaseModel):
    """Long work: its state is queued, running, succeeded, failed or cancelled."""

    id: UUID
    kind: str
    state: str
    progress: JobProgress
    result: dict[str, Any] | None
    problem: Problem | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> "JobRead":
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            progress=JobProgress(done=job.done, total=job.total),
            result=job.result,
            problem=None if job.problem is None else Problem.model_validate(job.problem),
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


def accepted_job(response: Response, job: Job) -> JobRead:
    """The answer to a request that started `job`; the route declares status_code=202."""
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return JobRead.of(job)


async def _own(session: AsyncSession, job_id: UUID, principal: Principal) -> Job:
    job = await session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    if job.created_by != principal.person_id and not principal.has(Role.FINANCE, Role.SERVICE_OWNER):
        raise NotYourJob("somebody else started this job")
    return job


@router.get("/jobs/{job_id}", summary="Read a job")
async def read_job(job_id: UUID, session: ReadSession, principal: Caller) -> JobRead:
    """Its state, progress, and at the end its result or the problem that ended it."""
    return JobRead.of(await _own(session, job_id, principal))


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job")
async def cancel_job(job_id: UUID, session: WriteSession, principal: Caller) -> JobRead:
    """A queued job stops at once, a running one at the end of its chunk; nothing of it becomes visible."""
    await _own(session, job_id, principal)
    return JobRead.of(await cancel(session, job_id))


async def _first_look(request: Request, job_id: UUID, principal: Caller) -> JobRead:
    async with request.app.state.runtime.database.reading() as session:
        return JobRead.of(await _own(session, job_id, principal))


@router.get(
    "/jobs/{job_id}/stream",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_job(request: Request, first: Annotated[JobRead, Depends(_first_look)]) -> StreamingResponse:
    """Server-sent events: the job, each time that it has changed, until it is finished."""

    async def changes() -> AsyncIterator[bytes]:
        job, shown = first, None
        while True:
            if job != shown:
                yield b"event: job\ndata: " + to_json(job) + b"\n\n"
                shown = job
            if job.state in FINISHED:
                return
            await asyncio.sleep(_STREAM_SECONDS)
            async with request.app.state.runtime.database.reading() as session:
                row = await session.get(Job, first.id)
                assert row is not None  # jobs are not deleted
                job = JobRead.of(row)

    return StreamingResponse(changes(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
