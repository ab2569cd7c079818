"""Revisions: open the next one, fill it in, schedule it, take it live.

An open revision says what it will change of the service; going live puts that in force and freezes all that the
service then promises. What it says nothing of follows the service until then, so that a correction made meanwhile
is not undone by it. Every change here raises the service's version as well, so that two people who open, schedule
or publish a revision of one service at the same time cannot both succeed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import revision as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain.revision import RevisionState, Scheduled
from catalog_service.events import ServiceChanged, revision_published
from catalog_service.schemas import RevisionChange, RevisionContent, RevisionCreate, RevisionNext
from catalog_service.tables import Revision, Service
from catalog_service.use_cases.ownership import require_ownership
from catalog_service.use_cases.services import note_transition, provide
from catalog_service.work import timers
from services import context
from services.db import touch
from services.events import record
from services.http import check_version
from services.identity import Principal

GO_LIVE = "revision-live"
REASONS = ("improvement_ids", "demand_ids", "theme_ids")
IfMatch = frozenset[int] | None


async def open_revision(
    session: AsyncSession, service_id: UUID, body: RevisionCreate | RevisionNext, *, principal: Principal
) -> Revision:
    """Open the next revision as a draft: from the last one that is scheduled, or else from the active one.

    Raises NotYourService, DraftRevisionExists, ServiceClosed, CapabilityUnknown.
    """
    service = await queries.the_service(session, service_id)
    require_ownership(service, principal)
    service_domain.require_open(service.state)
    number = domain.next_number(await queries.numbered_states(session, service_id))
    scheduled = await queries.scheduled_revisions(session, service_id)
    before: dict[str, Any] = dict(scheduled[-1].content) if scheduled else {}
    values = body.model_dump(mode="json")
    values["summary"] = values["summary"] or f"Revision {number}"
    revision = Revision(
        **values | {"content": said(before | said(values["content"]))},
        service_id=service_id,
        number=number,
        state=RevisionState.DRAFT,
        based_on=scheduled[-1].number if scheduled else service.active_revision,
    )
    await _require_content(session, body.content)
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
    if_match: IfMatch,
) -> Revision:
    """Raises NotYourService, RevisionImmutable, CapabilityUnknown. Null in the content: as the service says again."""
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    domain.require_editable(revision.state)
    changes = body.model_dump(mode="json", exclude_unset=True)
    if "content" in changes:
        await _require_content(session, body.content)
        changes["content"] = said(revision.content | changes["content"])
    for name, value in changes.items():
        setattr(revision, name, value)
    if changes:
        touch(revision)
    return revision


async def schedule_revision(
    session: AsyncSession,
    service_id: UUID,
    number: int,
    live_at: datetime,
    *,
    principal: Principal,
    if_match: IfMatch,
    now: datetime,
) -> Revision:
    """Let it go live by itself. Raises what `domain.schedule` raises, and ServiceTransitionRefused for a service that
    could not be published then: it must be under evaluation or published now, and can then only leave, which
    unschedules.
    """
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    service_domain.publish(service.state)
    others = _slots(await queries.scheduled_revisions(session, service_id))
    revision.state = domain.schedule(
        revision.state, number, live_at, others=others, active=service.active_revision, now=now
    )
    revision.live_at = live_at
    touch(revision)
    touch(service)
    set_timer(session, revision, by=principal.person_id)
    return revision


def set_timer(session: AsyncSession, revision: Revision, *, by: str | None) -> None:
    """A timer wakes at `live_at`; it does nothing where the revision is no longer scheduled for that instant."""
    assert revision.live_at is not None
    payload = {"revision_id": str(revision.id), "live_at": revision.live_at.isoformat(), "by": by}
    timers.set(session, GO_LIVE, due_at=revision.live_at, payload=payload)


async def unschedule_revision(
    session: AsyncSession, service_id: UUID, number: int, *, principal: Principal, if_match: IfMatch
) -> Revision:
    """Back to draft. Raises RevisionTransitionRefused unless it is scheduled."""
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    revision.state, revision.live_at = domain.move(revision.state, RevisionState.DRAFT), None
    touch(revision)
    touch(service)
    return revision


async def publish_revision(
    session: AsyncSession, service_id: UUID, number: int, *, principal: Principal, if_match: IfMatch, now: datetime
) -> Revision:
    """Take a revision live and archive the one before; the first one publishes the service.

    Raises NotYourService, RevisionOvertaken, RevisionWindowOverlaps, ServiceTransitionRefused, CapabilityUnknown.
    """
    service = await queries.the_service(session, service_id)
    revision = await queries.the_revision(session, service_id, number)
    check_version(revision, if_match)
    require_ownership(service, principal)
    others = _slots(await queries.scheduled_revisions(session, service_id))
    domain.go_live(revision.state, number, others=others, active=service.active_revision)
    await _require_content(session, RevisionContent.model_validate(said(revision.content)))
    revision.live_at = None  # not by itself, whatever was planned
    await _go_live(session, service, revision, now=now)
    return revision


@timers.handler(GO_LIVE)
async def go_live_at_its_instant(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """Every scheduled revision of the service whose instant has come goes live, in the order of the numbers.

    All of them, since after a stop several timers are due at once and may fire in any order. A timer that fires
    twice, or whose revision was unscheduled or scheduled anew meanwhile, finds nothing to do.
    """
    revision = await session.get(Revision, UUID(payload["revision_id"]))
    if revision is None or revision.state is not RevisionState.SCHEDULED:
        return
    if revision.live_at != datetime.fromisoformat(payload["live_at"]) or now < revision.live_at:
        return
    context.current().actor_id = payload.get("by")  # who scheduled it is who took it live
    service = await queries.the_service(session, revision.service_id)
    for due in await queries.scheduled_revisions(session, service.id):
        if due.live_at is not None and due.live_at <= now:
            await _go_live(session, service, due, now=now, gone_capabilities=True)
            await session.flush()


async def _go_live(
    session: AsyncSession, service: Service, revision: Revision, *, now: datetime, gone_capabilities: bool = False
) -> None:
    before, service.state = service.state, service_domain.publish(service.state)
    revision.state = domain.move(revision.state, RevisionState.ACTIVE)
    revision.published_at = now
    touch(revision)
    if service.active_revision is not None:
        previous = await queries.the_revision(session, service.id, service.active_revision)
        previous.state = domain.move(previous.state, RevisionState.ARCHIVED)
        previous.archived_at = now
        touch(previous)
    put = said(revision.content)
    if gone_capabilities and "capability_ids" in put:
        there = await queries.capabilities_there(session, (UUID(one) for one in put["capability_ids"]))
        put["capability_ids"] = sorted(map(str, there))
    changed = put.keys() & {name for name, value in promised(service).items() if value != put.get(name, value)}
    for name in changed - {"capability_ids"}:
        setattr(service, name, put[name])
    if "capability_ids" in changed:
        provide(service, [UUID(one) for one in put["capability_ids"]])
    revision.content = promised(service)
    service.active_revision = revision.number
    # A service outlives many value loops; what is told of it here belongs to the one that this revision came from.
    thread = revision.correlation_id
    if service.state is not before:
        note_transition(session, service, before, reason=f"revision {revision.number} went live", now=now)
    if service.state is not before or changed:
        record(session, service, ServiceChanged, thread=thread)
    record(session, service, revision_published(service, revision), thread=thread)


def promised(service: Service) -> dict[str, Any]:
    """All that the service promises now, as a revision's content holds it."""
    content: dict[str, Any] = to_jsonable_python(
        {name: getattr(service, name) for name in RevisionContent.model_fields}
    )
    return content


def promises_of(service: Service, revision: Revision) -> dict[str, Any]:
    """What the service says once the revision is live; of one that has been live, what it said then."""
    if revision.state in domain.OPEN:
        return promised(service) | said(revision.content)
    return revision.content


def document_of(service: Service, revision: Revision, offered: dict[str, str]) -> dict[str, Any]:
    """A revision as it is compared with another one."""
    parts = {name: getattr(revision, name) for name in ("summary", "changes", *REASONS)}
    return parts | {"content": promises_of(service, revision), "offerings": offered}


def said(content: dict[str, Any]) -> dict[str, Any]:
    """The parts of a content that say something; capabilities in their one order."""
    parts = {name: value for name, value in content.items() if value is not None}
    if "capability_ids" in parts:
        parts["capability_ids"] = sorted({str(one) for one in parts["capability_ids"]})
    return parts


async def _require_content(session: AsyncSession, content: RevisionContent) -> None:
    if content.capability_ids:
        await queries.require_capabilities(session, content.capability_ids, pointer="/content/capability_ids")


def _slots(revisions: Sequence[Revision]) -> list[Scheduled]:
    return [Scheduled(each.number, each.live_at) for each in revisions if each.live_at is not None]
