"""Revisions of a service: the next one as a draft, then live for good."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.revision import RevisionState
from catalog_service.routes import Designer, Sight
from catalog_service.tables import Revision
from catalog_service.use_cases import revisions as use_cases
from services.errors import NotFound
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate

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
    """It is numbered by itself and starts as a draft. 409 while another one is open."""
    revision = await use_cases.open_revision(session, service_id, body, principal=principal)
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


@router.get("/{number}", response_model=schemas.RevisionRead, summary="Read a revision")
async def read_revision(service_id: UUID, number: Number, session: ReadSession, etag: Etag, sight: Sight) -> Revision:
    """What it changed, and which improvements and demands it came from."""
    await queries.the_service_for(session, service_id, sight)
    revision = await queries.the_revision(session, service_id, number)
    if revision.published_at is None and not sight.drafts:
        raise NotFound(f"service {service_id} has no revision {number}")
    return etag(revision)


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
