"""Revisions: open the next one, fill it in, take it live.

Every change here raises the service's version as well, so that two people who open or publish a revision of one
service at the same time cannot both succeed.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import revision as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain.revision import RevisionState
from catalog_service.events import RevisionData, ServiceChanged, ServiceRevisionPublished
from catalog_service.schemas import RevisionChange, RevisionCreate
from catalog_service.tables import Revision
from catalog_service.use_cases.ownership import require_ownership
from catalog_service.use_cases.services import note_transition
from services.db import touch
from services.events import record
from services.http import check_version
from services.identity import Principal


async def open_revision(
    session: AsyncSession, service_id: UUID, body: RevisionCreate, *, principal: Principal
) -> Revision:
    """Open the next revision as a draft. Raises NotYourService, DraftRevisionExists, ServiceClosed."""
    service = await queries.the_service(session, service_id)
    require_ownership(service, principal)
    service_domain.require_open(service.state)
    revision = Revision(
        **body.model_dump(mode="json"),
        service_id=service_id,
        number=domain.next_number(await queries.numbered_states(session, service_id)),
        state=RevisionState.DRAFT,
        theme_ids=[],
        content={},
        based_on=service.active_revision,
    )
    touch(revision)
    touch(service)
    session.add(revision)
    await session.flush()
    return revision


async def change_revision(
    session: AsyncSession,
    service_id: UUID,
    number: int,
    body: RevisionChange,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
) -> Revision:
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    domain.require_editable(revision.state)
    changes = body.model_dump(mode="json", exclude_unset=True)
    for name, value in changes.items():
        setattr(revision, name, value)
    if changes:
        touch(revision)
    return revision


async def publish_revision(
    session: AsyncSession,
    service_id: UUID,
    number: int,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Revision:
    """Take a revision live and archive the one before; the first one publishes the service."""
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    revision.state = domain.move(revision.state, RevisionState.ACTIVE)
    revision.published_at = now
    touch(revision)
    before, service.state = service.state, service_domain.publish(service.state)
    if service.active_revision is not None:
        previous = await queries.the_revision(session, service_id, service.active_revision)
        previous.state = domain.move(previous.state, RevisionState.ARCHIVED)
        previous.archived_at = now
        touch(previous)
    service.active_revision = number
    # A service outlives many value loops; what is told of it here belongs to the one that this revision came from.
    thread = revision.correlation_id
    if service.state is not before:
        note_transition(session, service, before, reason=f"revision {number} went live", now=now)
        record(session, service, ServiceChanged, thread=thread)
    record(
        session,
        service,
        ServiceRevisionPublished(
            id=service.id,
            name=service.name,
            owner_id=service.owner_id,
            unit_of_measure=service.unit_of_measure,
            revision=RevisionData.model_validate(revision),
        ),
        thread=thread,
    )
    return revision
