"""Meetings with business units, what was promised there, and what became of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain import engagement as rules
from demand_service.domain.engagement import PromiseState
from demand_service.events import PromiseOverdue
from demand_service.schemas import MeetingCreate, PromiseCreate, PromisePatch
from demand_service.tables import Meeting, Promise
from demand_service.use_cases.alignments import require_business_unit
from demand_service.work import timers
from services.errors import Fault, Invalid, NotFound
from services.events import record
from services.http import check_version
from services.identity import Units


class MeetingNotFound(NotFound): ...


class PromiseNotFound(NotFound): ...


class MeetingOfAnotherUnit(Invalid): ...


async def meeting(session: AsyncSession, meeting_id: UUID, *, units: Units) -> Meeting:
    found = await session.get(Meeting, meeting_id)
    if found is None:
        raise MeetingNotFound(f"there is no meeting {meeting_id}")
    units.require(found.business_unit_id)
    return found


async def keep_meeting(session: AsyncSession, body: MeetingCreate, *, units: Units) -> Meeting:
    await require_business_unit(session, body.business_unit_id, units=units)
    made = Meeting(**body.model_dump())
    session.add(made)
    await session.flush()
    return made


async def promise(session: AsyncSession, promise_id: UUID, *, units: Units) -> Promise:
    found = await session.get(Promise, promise_id)
    if found is None:
        raise PromiseNotFound(f"there is no promise {promise_id}")
    units.require(found.business_unit_id)
    return found


async def make_promise(session: AsyncSession, body: PromiseCreate, *, units: Units) -> Promise:
    await require_business_unit(session, body.business_unit_id, units=units)
    if body.meeting_id is not None:
        held = await session.get(Meeting, body.meeting_id)
        if held is None or held.business_unit_id != body.business_unit_id:
            raise MeetingOfAnotherUnit(
                f"the business unit had no meeting {body.meeting_id}",
                faults=[Fault("/meeting_id", "is no meeting of this business unit")],
            )
    made = Promise(
        **body.model_dump(), state=PromiseState.OPEN, settled_at=None, settled_note=None, told_overdue_for=None
    )
    session.add(made)
    await session.flush()
    _remind(session, made)
    return made


async def change_promise(
    session: AsyncSession, promise_id: UUID, body: PromisePatch, *, units: Units, if_match: frozenset[int] | None
) -> Promise:
    found = await promise(session, promise_id, units=units)
    check_version(found, if_match)
    rules.require_open(found.state)
    before = found.due_on
    for name in body.model_fields_set:
        setattr(found, name, getattr(body, name))
    if found.due_on != before:
        _remind(session, found)
    await session.flush()
    return found


async def settle_promise(
    session: AsyncSession,
    promise_id: UUID,
    to: PromiseState,
    note: str | None,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Promise:
    found = await promise(session, promise_id, units=units)
    check_version(found, if_match)
    found.state = rules.settle(found.state, to)
    found.settled_at, found.settled_note = now, note
    await session.flush()
    return found


def _remind(session: AsyncSession, made: Promise) -> None:
    timers.set(
        session,
        "promise-overdue",
        due_at=rules.overdue_from(made.due_on),
        payload={"promise_id": str(made.id)},
    )


@timers.handler("promise-overdue")
async def tell_overdue(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """One whose due date was put off, or that is settled, is passed over; each due date is told of once."""
    found = await session.get(Promise, UUID(payload["promise_id"]), with_for_update=True)
    if found is None or not rules.is_overdue(found.state, found.due_on, now=now):
        return
    if found.told_overdue_for != found.due_on:
        found.told_overdue_for = found.due_on
        record(session, found, PromiseOverdue)
