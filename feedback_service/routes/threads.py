"""Threads: remarks on services and offerings, and the conversations that follow."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from feedback_service import queries
from feedback_service.domain.thread import ThreadState
from feedback_service.routes import Anyone
from feedback_service.schemas import ReplyCreate, ThreadCreate, ThreadRead
from feedback_service.tables import Thread
from feedback_service.use_cases import threads
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import UnitScope

router = Api(prefix="/v1", tags=["Threads"])


@router.post("/threads", response_model=ThreadRead, status_code=201, summary="Say something")
async def open_thread(
    body: ThreadCreate, now: Now, etag: Etag, principal: Anyone, units: UnitScope, session: WriteSession
) -> Thread:
    """About a service or an offering, for a business unit of yours; the text's sentiment is kept with it."""
    return etag(
        await threads.open_thread(
            session,
            body.subject_type,
            body.subject_id,
            business_unit_id=body.business_unit_id,
            text=body.text,
            rating=body.rating,
            principal=principal,
            units=units,
            now=now,
        )
    )


@router.get("/threads", response_model=Page[ThreadRead], summary="List threads")
async def list_threads(
    paging: Paging,
    principal: Anyone,
    units: UnitScope,
    session: ReadSession,
    business_unit_id: UUID | None = None,
    service_id: UUID | None = None,
    subject_id: UUID | None = None,
    state: ThreadState | None = None,
    mine: Annotated[bool, Query(description="Only those that you opened")] = False,
) -> Page[Any]:
    """Of the business units in your sight."""
    query = queries.threads(
        units,
        business_unit_id=business_unit_id,
        service_id=service_id,
        subject_id=subject_id,
        author_id=principal.person_id if mine else None,
        state=state,
    )
    return await paginate(session, query, Thread.id, paging)


@router.get("/threads/{thread_id}", response_model=ThreadRead, summary="Read a thread")
async def read_thread(thread_id: UUID, etag: Etag, principal: Anyone, units: UnitScope, session: ReadSession) -> Thread:
    """With all its messages. What it shows is text, whatever it looks like: render it as such."""
    return etag(await threads.get_thread(session, thread_id, units=units))


@router.post("/threads/{thread_id}/replies", response_model=ThreadRead, status_code=201, summary="Reply")
async def reply(
    thread_id: UUID,
    body: ReplyCreate,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Anyone,
    units: UnitScope,
    session: WriteSession,
) -> Thread:
    """By the author or by a service owner; the answer is the thread with the reply in it."""
    return etag(
        await threads.reply(session, thread_id, body.text, principal=principal, units=units, if_match=if_match, now=now)
    )


@router.post("/threads/{thread_id}/close", response_model=ThreadRead, summary="Close a thread")
async def close_thread(
    thread_id: UUID, etag: Etag, if_match: IfMatch, principal: Anyone, units: UnitScope, session: WriteSession
) -> Thread:
    """By the author or by a service owner; nobody can reply any more."""
    return etag(await threads.close_thread(session, thread_id, principal=principal, units=units, if_match=if_match))
