"""A small service that the chassis's own tests run: notes with a version, an event, a projection, a job, a timer."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.application import ServiceDefinition
from services.db import Aggregate, Projection, new_metadata
from services.errors import Conflict, Invalid, NotFound
from services.events import Consumers, Delivery, EventData, EventSeen, event_type, project, record
from services.http import (
    Api,
    Body,
    Etag,
    IfMatch,
    JobRead,
    Now,
    Page,
    Paging,
    Read,
    ReadSession,
    RequiredIfMatch,
    Upload,
    UploadApi,
    WriteSession,
    accepted_job,
    check_version,
    paginate,
    upload_body,
)
from services.identity import Principal, Role, UnitScope, may
from services.work import JobRun, Jobs, Timers


class Base(DeclarativeBase):
    metadata = new_metadata()


class Note(Aggregate, Base):
    __tablename__ = "note"
    text: Mapped[str] = mapped_column(unique=True)
    business_unit_id: Mapped[UUID | None]


class KnownThing(Projection, Base):
    __tablename__ = "known_thing"
    name: Mapped[str]


@event_type(
    "itaas.pricing.note.written.v1", summary="A note was written", example={"id": str(UUID(int=1)), "text": "x"}
)
class NoteWritten(EventData):
    id: UUID
    text: str


class NoteCreate(Body):
    text: str
    business_unit_id: UUID | None = None


class NoteRead(Read):
    id: UUID
    text: str


class Refused(Conflict): ...


router = Api(prefix="/v1", tags=["Notes"])
uploads = UploadApi(prefix="/v1", tags=["Notes"])
Anyone = Annotated[Principal, may(*Role)]
consumers = Consumers()
jobs = Jobs()
timers = Timers()


@router.post("/notes", response_model=NoteRead, status_code=201)
async def write_note(
    body: NoteCreate, session: WriteSession, etag: Etag, principal: Anyone, units: UnitScope, now: Now
) -> Note:
    if body.business_unit_id is not None:
        units.require(body.business_unit_id)
    if body.text == "refuse":
        raise Refused("refused after all")
    note = Note(text=body.text, business_unit_id=body.business_unit_id)
    session.add(note)
    record(session, note, NoteWritten)
    if body.text == "boom":
        await session.flush()
        raise RuntimeError("a defect with a secret inside")
    if body.text == "timer":
        timers.set(session, "rewrite", due_at=now - timedelta(seconds=1), payload={"id": str(note.id)})
    return etag(note)


@router.get("/notes", response_model=Page[NoteRead])
async def list_notes(session: ReadSession, paging: Paging, principal: Anyone) -> Page[Any]:
    return await paginate(session, select(Note), Note.id, paging)


@router.get("/note-count")
async def count_notes(session: ReadSession, principal: Anyone) -> int:
    return await session.scalar(select(func.count()).select_from(Note)) or 0


@router.get("/notes/{note_id}", response_model=NoteRead)
async def read_note(note_id: UUID, session: ReadSession, etag: Etag, principal: Anyone) -> Note:
    note = await session.get(Note, note_id)
    if note is None:
        raise NotFound(f"no note {note_id}")
    return etag(note)


@router.put("/notes/{note_id}", response_model=NoteRead)
async def rewrite_note(
    note_id: UUID,
    body: NoteCreate,
    principal: Annotated[Principal, may(Role.FINANCE)],
    session: WriteSession,
    if_match: RequiredIfMatch,
    etag: Etag,
) -> Note:
    note = await session.get(Note, note_id)
    if note is None:
        raise NotFound(f"no note {note_id}")
    check_version(note, if_match)
    note.text = body.text
    record(session, note, NoteWritten)
    return etag(note)


@router.post("/notes/{note_id}/shout", response_model=NoteRead)
async def shout(note_id: UUID, session: WriteSession, if_match: IfMatch, etag: Etag, principal: Anyone) -> Note:
    note = await session.get(Note, note_id)
    if note is None:
        raise NotFound(f"no note {note_id}")
    check_version(note, if_match)
    note.text = note.text.upper()
    record(session, note, NoteWritten)
    return etag(note)


@uploads.post("/counts", status_code=202, openapi_extra=upload_body("text/plain"))
async def count(upload: Upload, session: WriteSession, response: Response, principal: Anyone) -> JobRead:
    job = await jobs.start(session, "count", payload={"sha256": upload.sha256}, input=upload)
    return accepted_job(response, job)


@jobs.handler("count")
async def count_bytes(run: JobRun) -> dict[str, Any]:
    size = 0
    async for block in run.input():
        size += len(block)
        async with run.chunk() as session:
            if b"refuse" in block:
                raise Invalid("the input says refuse")
            if b"boom" in block:
                raise RuntimeError("a defect")
            session.add(Note(text=f"{run.job_id} {size}", version=1))
            run.advance(done=size, checkpoint={"size": size})
    return {"bytes": size}


@timers.handler("rewrite")
async def rewrite(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    note = await session.get(Note, UUID(payload["id"]))
    assert note is not None
    note.text = "rewritten by the timer"
    record(session, note, NoteWritten)


class ThingSeen(EventSeen):
    name: str


handled: list[str] = []
failures: dict[str, Exception] = {}


@consumers.projection("itaas.catalog.thing.made.v1", KnownThing)
async def know_thing(session: AsyncSession, event: Delivery[ThingSeen], now: datetime) -> None:
    await project(session, KnownThing, event, {"name": event.data.name})


@consumers.reaction("itaas.catalog.thing.made.v1")
async def note_thing(session: AsyncSession, event: Delivery[ThingSeen], now: datetime) -> None:
    if event.data.name in failures:
        raise failures[event.data.name]
    handled.append(event.id)
    note = Note(text=f"{event.data.name} {event.id}", business_unit_id=None)
    session.add(note)
    record(session, note, NoteWritten)


def definition(migrations: Path) -> ServiceDefinition:
    return ServiceDefinition(
        name="pricing",  # one of the suite's apps, so that its settings and topics exist
        title="Toy",
        description="The chassis under test",
        base=Base,
        migrations=migrations,
        routers=[router, uploads],
        events=[NoteWritten],
        consumers=consumers,
        jobs=jobs,
        timers=timers,
    )
