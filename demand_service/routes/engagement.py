"""Alignments of leaders, meetings, promises and people, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from demand_service import queries
from demand_service.domain.engagement import PromiseState, is_overdue
from demand_service.routes.business_units import Reader
from demand_service.schemas import (
    AlignmentCreate,
    AlignmentPatch,
    AlignmentRead,
    MeetingCreate,
    MeetingRead,
    Note,
    PersonRead,
    PromiseCreate,
    PromisePatch,
    PromiseRead,
)
from demand_service.tables import Alignment, Meeting, Person, Promise
from demand_service.use_cases import alignments, engagement
from services.http import (
    Api,
    Etag,
    IfMatch,
    Now,
    Page,
    Paging,
    ReadSession,
    RequiredIfMatch,
    WriteSession,
    paginate,
)
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Engagement"])

Aligner = Annotated[Principal, may(Role.INTEGRATION)]
Leader = Annotated[Principal, may(Role.DEMAND_LEADER)]
PeopleReader = Annotated[Principal, may(Role.DEMAND_LEADER, Role.INTEGRATION)]


@router.post("/alignments", response_model=AlignmentRead, status_code=201, summary="Align a leader")
async def align(
    body: AlignmentCreate, session: WriteSession, etag: Etag, now: Now, principal: Aligner, units: UnitScope
) -> Alignment:
    """The leader acts for the business unit and those below it in these days.

    From a leader's first alignment on, alignments decide for which business units they act, and no longer the token.
    """
    return etag(await alignments.align(session, body, units=units, now=now))


@router.get("/alignments", response_model=Page[AlignmentRead], summary="List alignments")
async def list_alignments(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    person_id: Annotated[str | None, Query(max_length=100)] = None,
) -> Page[Any]:
    """Past, present and future ones."""
    query = queries.alignments_of_leaders(units, business_unit_id=business_unit_id, person_id=person_id)
    return await paginate(session, query, Alignment.id, paging)


@router.get("/alignments/{alignment_id}", response_model=AlignmentRead, summary="Read an alignment")
async def read_alignment(
    alignment_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> Alignment:
    """Both days belong to it."""
    return etag(await alignments.alignment(session, alignment_id, units=units))


@router.patch("/alignments/{alignment_id}", response_model=AlignmentRead, summary="Change when an alignment ends")
async def change_alignment(
    alignment_id: UUID,
    body: AlignmentPatch,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Aligner,
    units: UnitScope,
) -> Alignment:
    """Its first day stays: another one is another alignment."""
    return etag(await alignments.change_end(session, alignment_id, body, units=units, if_match=if_match))


@router.get("/people", response_model=Page[PersonRead], summary="List people")
async def list_people(
    session: ReadSession,
    paging: Paging,
    principal: PeopleReader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    external_id: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9._-]+:[^\x00-\x1f]+$", max_length=261, description="system:id, as in hr:P-0042"),
    ] = None,
) -> Page[Any]:
    """Opaque ids, business units and roles; names are kept by HR. Imports bring them in."""
    system, _, known_as = (external_id or "").partition(":")
    query = queries.people(units, business_unit_id=business_unit_id, system=system or None, external_id=known_as)
    return await paginate(session, query, Person.id, paging)


@router.post("/meetings", response_model=MeetingRead, status_code=201, summary="Keep a meeting")
async def keep_meeting(
    body: MeetingCreate, session: WriteSession, etag: Etag, principal: Leader, units: UnitScope
) -> Meeting:
    """Held or planned, with a business unit."""
    return etag(await engagement.keep_meeting(session, body, units=units))


@router.get("/meetings", response_model=Page[MeetingRead], summary="List meetings")
async def list_meetings(
    session: ReadSession, paging: Paging, principal: Leader, units: UnitScope, business_unit_id: UUID | None = None
) -> Page[Any]:
    """In the order in which they were kept."""
    return await paginate(session, queries.meetings(units, business_unit_id=business_unit_id), Meeting.id, paging)


@router.get("/meetings/{meeting_id}", response_model=MeetingRead, summary="Read a meeting")
async def read_meeting(
    meeting_id: UUID, session: ReadSession, etag: Etag, principal: Leader, units: UnitScope
) -> Meeting:
    """With its notes; its promises are listed under /v1/promises."""
    return etag(await engagement.meeting(session, meeting_id, units=units))


@router.post("/promises", response_model=PromiseRead, status_code=201, summary="Make a promise")
async def make_promise(
    body: PromiseCreate, session: WriteSession, etag: Etag, now: Now, principal: Leader, units: UnitScope
) -> dict[str, Any]:
    """A promise or a follow-up, with an owner and a due date; when that passes, `promise.overdue` is told once."""
    return _told(etag(await engagement.make_promise(session, body, units=units)), now)


@router.get("/promises", response_model=Page[PromiseRead], summary="List promises")
async def list_promises(
    session: ReadSession,
    paging: Paging,
    now: Now,
    principal: Reader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    owner_id: Annotated[str | None, Query(max_length=100)] = None,
    state: PromiseState | None = None,
    overdue: bool | None = None,
) -> Page[Any]:
    """Promises and follow-ups to the caller's business units and those below them."""
    query = queries.promises(
        units,
        business_unit_id=business_unit_id,
        owner_id=owner_id,
        state=state,
        overdue=overdue,
        today=now.date(),
    )
    page = await paginate(session, query, Promise.id, paging)
    page.items = [_told(row, now) for row in page.items]
    return page


@router.get("/promises/{promise_id}", response_model=PromiseRead, summary="Read a promise")
async def read_promise(
    promise_id: UUID, session: ReadSession, etag: Etag, now: Now, principal: Reader, units: UnitScope
) -> dict[str, Any]:
    """`overdue` is computed: open, and its due date has passed (UTC)."""
    return _told(etag(await engagement.promise(session, promise_id, units=units)), now)


@router.patch("/promises/{promise_id}", response_model=PromiseRead, summary="Change a promise")
async def change_promise(
    promise_id: UUID,
    body: PromisePatch,
    session: WriteSession,
    etag: Etag,
    now: Now,
    if_match: RequiredIfMatch,
    principal: Leader,
    units: UnitScope,
) -> dict[str, Any]:
    """What is sent changes, while it is open."""
    return _told(etag(await engagement.change_promise(session, promise_id, body, units=units, if_match=if_match)), now)


async def _settle(
    promise_id: UUID,
    to: PromiseState,
    body: Note | None,
    session: WriteSession,
    etag: Etag,
    now: Now,
    if_match: IfMatch,
    units: UnitScope,
) -> dict[str, Any]:
    note = None if body is None else body.note
    settled = await engagement.settle_promise(session, promise_id, to, note, units=units, if_match=if_match, now=now)
    return _told(etag(settled), now)


@router.post("/promises/{promise_id}/keep", response_model=PromiseRead, summary="Keep a promise")
async def keep_promise(
    promise_id: UUID,
    session: WriteSession,
    etag: Etag,
    now: Now,
    if_match: IfMatch,
    principal: Leader,
    units: UnitScope,
    body: Note | None = None,
) -> dict[str, Any]:
    """It was done."""
    return await _settle(promise_id, PromiseState.KEPT, body, session, etag, now, if_match, units)


@router.post("/promises/{promise_id}/break", response_model=PromiseRead, summary="Break a promise")
async def break_promise(
    promise_id: UUID,
    session: WriteSession,
    etag: Etag,
    now: Now,
    if_match: IfMatch,
    principal: Leader,
    units: UnitScope,
    body: Note | None = None,
) -> dict[str, Any]:
    """It will not be done, although it was due."""
    return await _settle(promise_id, PromiseState.BROKEN, body, session, etag, now, if_match, units)


@router.post("/promises/{promise_id}/withdraw", response_model=PromiseRead, summary="Withdraw a promise")
async def withdraw_promise(
    promise_id: UUID,
    session: WriteSession,
    etag: Etag,
    now: Now,
    if_match: IfMatch,
    principal: Leader,
    units: UnitScope,
    body: Note | None = None,
) -> dict[str, Any]:
    """Nobody needs it any more."""
    return await _settle(promise_id, PromiseState.WITHDRAWN, body, session, etag, now, if_match, units)


def _told(promise: Promise, now: Now) -> dict[str, Any]:
    names = [name for name in PromiseRead.model_fields if name != "overdue"]
    return {name: getattr(promise, name) for name in names} | {
        "overdue": is_overdue(promise.state, promise.due_on, now=now)
    }
