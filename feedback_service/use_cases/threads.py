"""Threads: opened by whoever has something to say, answered by IT, with the sentiment of each text."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain import thread as domain
from feedback_service.domain.thread import Speaker, SubjectType, ThreadState
from feedback_service.events import ThreadClosed, ThreadOpened, ThreadReplied
from feedback_service.sentiment_model import analyse_texts, model_version
from feedback_service.tables import Message, Thread
from feedback_service.use_cases.references import answers_for, require_business_unit, service_of
from services.db import touch
from services.errors import NotFound
from services.events import record
from services.http import check_version
from services.identity import Principal, Units


async def open_thread(
    session: AsyncSession,
    subject_type: SubjectType,
    subject_id: UUID,
    *,
    business_unit_id: UUID,
    text: str,
    rating: int | None,
    principal: Principal,
    units: Units,
    now: datetime,
) -> Thread:
    domain.require_text(text)
    units.require(business_unit_id)
    await require_business_unit(session, business_unit_id)
    service_id = await service_of(session, subject_type, subject_id)
    sentiment = await _sentiment(text)
    thread = Thread(
        subject_type=subject_type,
        subject_id=subject_id,
        service_id=service_id,
        business_unit_id=business_unit_id,
        author_id=principal.person_id,
        rating=rating,
        state=ThreadState.OPEN,
        sentiment=sentiment,
        sentiment_score=sentiment["score"],
        replies=0,
        messages=[],
    )
    _add_message(thread, Speaker.AUTHOR, text, person_id=principal.person_id, sentiment=sentiment, now=now)
    session.add(thread)
    record(session, thread, ThreadOpened)
    return thread


async def reply(
    session: AsyncSession,
    thread_id: UUID,
    text: str,
    *,
    principal: Principal,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Thread:
    domain.require_text(text)
    thread, speaker = await _to_speak_in(session, thread_id, principal, units, if_match)
    thread.state = domain.reply(ThreadState(thread.state), speaker)
    thread.replies += 1
    sentiment = await _sentiment(text)
    _add_message(thread, speaker, text, person_id=principal.person_id, sentiment=sentiment, now=now)
    record(session, thread, ThreadReplied)
    return thread


async def close_thread(
    session: AsyncSession,
    thread_id: UUID,
    *,
    principal: Principal,
    units: Units,
    if_match: frozenset[int] | None,
) -> Thread:
    thread, _ = await _to_speak_in(session, thread_id, principal, units, if_match)
    thread.state = domain.close(ThreadState(thread.state))
    record(session, thread, ThreadClosed)
    return thread


def add_notice(thread: Thread, text: str, *, now: datetime) -> None:
    """Let the system say something in a thread; nobody's turn changes."""
    _add_message(thread, Speaker.SYSTEM, text, person_id=None, sentiment=None, now=now)
    touch(thread)


async def get_thread(session: AsyncSession, thread_id: UUID, *, units: Units) -> Thread:
    thread = await session.get(Thread, thread_id)
    if thread is None:
        raise NotFound(f"there is no thread {thread_id}")
    units.require(thread.business_unit_id, pointer="thread_id")
    return thread


async def _to_speak_in(
    session: AsyncSession, thread_id: UUID, principal: Principal, units: Units, if_match: frozenset[int] | None
) -> tuple[Thread, Speaker]:
    thread = await session.get(Thread, thread_id, with_for_update=True)
    if thread is None:
        raise NotFound(f"there is no thread {thread_id}")
    is_author = thread.author_id == principal.person_id
    if not is_author:
        units.require(thread.business_unit_id, pointer="thread_id")
    speaker = domain.speaker_of(
        is_author=is_author, answers_for_it=await answers_for(session, thread.service_id, principal)
    )
    check_version(thread, if_match)
    return thread, speaker


def _add_message(
    thread: Thread,
    speaker: Speaker,
    text: str,
    *,
    person_id: str | None,
    sentiment: dict[str, Any] | None,
    now: datetime,
) -> None:
    number = len(thread.messages) + 1
    thread.messages.append(
        Message(number=number, speaker=speaker, person_id=person_id, text=text, sentiment=sentiment, created_at=now)
    )


async def _sentiment(text: str) -> dict[str, Any]:
    """Label, score, aspects and the model's version, as they are stored."""
    [found] = await analyse_texts([text])
    return asdict(found) | {"model": model_version()}
