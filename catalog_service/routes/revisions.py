"""Revisions of a service: the next one as a draft, then live for good."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries, schemas
from catalog_service.domain.difference import differences
from catalog_service.domain.revision import RevisionState
from catalog_service.routes import Designer, Sight
from catalog_service.tables import KnownDemand, KnownImprovement, KnownTheme, Revision
from catalog_service.use_cases import revisions as use_cases
from services.errors import NotFound
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Units, UnitScope

router = Api(prefix="/v1/services/{service_id}/revisions", tags=["Revisions"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Counted from 1")]


@router.post("", response_model=schemas.RevisionRead, status_code=201, summary="Open the next revision")
async def open_revision(
    service_id: UUID,
    body: schemas.RevisionCreate,
    response: Response,
    session: WriteSession,
    etag: Etag,
    principal: Designer,
) -> Revision:
    """It is numbered by itself and starts as a draft of what it will change. 409 while there is another draft."""
    revision = await use_cases.open_revision(session, service_id, body, principal=principal)
    response.headers["Location"] = f"/v1/services/{service_id}/revisions/{revision.number}"
    return etag(revision)


@router.post("/next", response_model=schemas.RevisionRead, status_code=201, summary="Open a draft from what is live")
async def open_next_revision(
    service_id: UUID,
    response: Response,
    session: WriteSession,
    etag: Etag,
    principal: Designer,
    body: schemas.RevisionNext | None = None,
) -> Revision:
    """As the active one is, or will be once what is scheduled is live; nothing need be said yet."""
    given = body or schemas.RevisionNext()
    revision = await use_cases.open_revision(session, service_id, given, principal=principal)
    response.headers["Location"] = f"/v1/services/{service_id}/revisions/{revision.number}"
    return etag(revision)


@router.get("", response_model=Page[schemas.RevisionRead], summary="List revisions")
async def list_revisions(service_id: UUID, session: ReadSession, paging: Paging, sight: Sight) -> Page[Any]:
    """Oldest first."""
    await queries.the_service_for(session, service_id, sight)
    query = select(Revision).where(Revision.service_id == service_id)
    if not sight.drafts:
        query = query.where(Revision.state.in_([RevisionState.ACTIVE, RevisionState.ARCHIVED]))
    return await paginate(session, query, Revision.id, paging)


@router.get("/{number}", response_model=schemas.RevisionDetail, summary="Read a revision")
async def read_revision(
    service_id: UUID, number: Number, session: ReadSession, etag: Etag, sight: Sight, units: UnitScope
) -> schemas.RevisionDetail:
    """What it changed, what the service promises with it, and which improvements, demands and themes it came from."""
    service = await queries.the_service_for(session, service_id, sight)
    revision = etag(await _seen(session, service_id, number, sight))
    read = schemas.RevisionRead.model_validate(revision)
    return schemas.RevisionDetail(
        **dict(read),
        promises=schemas.RevisionContent.model_validate(use_cases.promises_of(service, revision)),
        rationale=await _rationale(session, revision, units),
    )


@router.get(
    "/{number}/diff/{other}", response_model=schemas.RevisionDifference, summary="What differs between two revisions"
)
async def read_difference(
    service_id: UUID, number: Number, other: Number, session: ReadSession, now: Now, sight: Sight
) -> schemas.RevisionDifference:
    """From `number` to `other`, by JSON pointer, with the offerings that were published or retired between them.

    Of one that is not live yet: as it would be if it went live now.
    """
    service = await queries.the_service_for(session, service_id, sight)
    documents: list[dict[str, Any]] = []
    for each in (number, other):
        revision = await _seen(session, service_id, each, sight)
        offered = await queries.offered_at(session, service_id, revision.published_at or now, sight)
        documents.append(use_cases.document_of(service, revision, offered))
    found = [schemas.DifferenceRead.model_validate(each) for each in differences(documents[0], documents[1])]
    return schemas.RevisionDifference(from_number=number, to_number=other, differences=found)


async def _seen(session: AsyncSession, service_id: UUID, number: int, sight: queries.Sight) -> Revision:
    revision = await queries.the_revision(session, service_id, number)
    if revision.published_at is None and not sight.drafts:
        raise NotFound(f"service {service_id} has no revision {number}")
    return revision


async def _rationale(session: AsyncSession, revision: Revision, units: Units) -> schemas.Rationale:
    improvements = await queries.known_reasons(session, KnownImprovement, revision.improvement_ids)
    demands = await queries.known_reasons(session, KnownDemand, revision.demand_ids)
    themes = await queries.known_reasons(session, KnownTheme, revision.theme_ids)
    # What another business unit asks for is not everybody's to read.
    seen = {one: demand for one, demand in demands.items() if units.includes(demand.business_unit_id)}
    return schemas.Rationale(
        improvements=[_reason(one, improvements) for one in revision.improvement_ids],
        demands=[_reason(one, seen) for one in revision.demand_ids],
        themes=[_reason(one, themes) for one in revision.theme_ids],
    )


def _reason(one: str, known: dict[UUID, Any]) -> schemas.ReasonRead:
    found = known.get(UUID(one))
    if found is None:
        return schemas.ReasonRead(id=UUID(one), title=None)
    if isinstance(found, KnownTheme):
        return schemas.ReasonRead(id=found.id, title=found.name)
    return schemas.ReasonRead(id=found.id, title=found.title or None, state=found.state)


@router.patch("/{number}", response_model=schemas.RevisionRead, summary="Change a draft revision")
async def change_revision(
    service_id: UUID,
    number: Number,
    body: schemas.RevisionChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Revision:
    """Fields that are left out stay as they are. 409 once it has been live."""
    return etag(
        await use_cases.change_revision(session, service_id, number, body, principal=principal, if_match=if_match)
    )


@router.post("/{number}/schedule", response_model=schemas.RevisionRead, summary="Schedule a revision")
async def schedule_revision(
    service_id: UUID,
    number: Number,
    body: schemas.RevisionSchedule,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Revision:
    """It goes live by itself at `live_at`. 409 names the scheduled revision that it would overlap with."""
    return etag(
        await use_cases.schedule_revision(
            session, service_id, number, body.live_at, principal=principal, if_match=if_match, now=now
        )
    )


@router.post("/{number}/unschedule", response_model=schemas.RevisionRead, summary="Take a revision off its schedule")
async def unschedule_revision(
    service_id: UUID, number: Number, session: WriteSession, etag: Etag, if_match: IfMatch, principal: Designer
) -> Revision:
    """Back to draft: it no longer goes live by itself."""
    return etag(
        await use_cases.unschedule_revision(session, service_id, number, principal=principal, if_match=if_match)
    )


@router.post("/{number}/publish", response_model=schemas.RevisionRead, summary="Publish a revision")
async def publish_revision(
    service_id: UUID,
    number: Number,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Revision:
    """It becomes active, and the one before is archived. The first one publishes the service."""
    return etag(
        await use_cases.publish_revision(session, service_id, number, principal=principal, if_match=if_match, now=now)
    )
