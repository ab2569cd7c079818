"""Services: create, describe, hand over, and move through the portfolio.

What a service says of itself is put in force here at once (a correction, or before its first revision); what a
revision changes is put in force when the revision goes live (`use_cases.revisions`).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import impact
from catalog_service.domain import service as domain
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.events import ServiceChanged, ServiceCreated, ServiceOwnerChanged
from catalog_service.schemas import ServiceChange, ServiceCreate
from catalog_service.tables import Service, ServiceCapability, ServiceTransition
from catalog_service.use_cases.dependencies import hold_graph
from catalog_service.use_cases.external_ids import (
    SERVICES,
    Key,
    add_keys,
    keys_of,
    known_as,
    nothing_to_match,
    require_free,
)
from catalog_service.use_cases.ownership import require_ownership
from services import context
from services.db import touch
from services.events import current_thread, record
from services.http import check_version
from services.identity import Principal
from services.ids import uuid7

_OWN_RULES = {"external_ids", "capability_ids"}


async def create_service(
    session: AsyncSession, body: ServiceCreate, *, now: datetime, first: Key | None = None
) -> Service:
    """Raises TaxonomyNodeUnknown, CapabilityUnknown, and ExternalIdTaken if an external id names another service."""
    keys = keys_of(body.external_ids, first=first)
    await require_free(session, SERVICES, keys)
    await queries.require_taxonomy_node(session, body.taxonomy_node_id)
    await queries.require_capabilities(session, body.capability_ids)
    service = Service(
        **body.model_dump(exclude=_OWN_RULES),
        features=[],
        state=ServiceState.DRAFT,
        active_revision=None,
        retirement_planned_for=None,
        external_ids=[SERVICES.row(key) for key in keys],
        capabilities=[],
    )
    session.add(service)
    await session.flush()
    provide(service, body.capability_ids)
    note_transition(session, service, None, reason="created", now=now)
    record(session, service, ServiceCreated)
    return service


async def change_service(
    session: AsyncSession,
    service_id: UUID,
    body: ServiceChange,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
) -> Service:
    """Raises NotYourService, ServiceClosed, UnitOfMeasureFixed, TaxonomyNodeUnknown, CapabilityUnknown."""
    service = await queries.the_service(session, service_id)
    check_version(service, if_match)
    require_ownership(service, principal)
    domain.require_open(service.state)
    await _put(session, service, body.model_dump(exclude_unset=True))
    return service


async def upsert_service(
    session: AsyncSession,
    key: Key,
    body: ServiceCreate,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> tuple[Service, bool]:
    """The service that is known by `key`, and whether it is new. What `body` leaves out stays as it is."""
    service = await known_as(session, SERVICES, key)
    if service is None:
        nothing_to_match(SERVICES, key, if_match)
        return await create_service(session, body, now=now, first=key), True
    check_version(service, if_match)
    require_ownership(service, principal)
    named = await add_keys(session, SERVICES, service, keys_of(body.external_ids))
    values = body.model_dump(exclude={"external_ids"}, exclude_unset=True)
    if named or _differences(service, values):
        domain.require_open(service.state)
        await _put(session, service, values, named=named)
    return service, False


async def _put(session: AsyncSession, service: Service, values: Mapping[str, Any], *, named: bool = False) -> None:
    changes = _differences(service, values)
    if "unit_of_measure" in changes:
        domain.require_never_live(service.state)
    if "taxonomy_node_id" in changes:
        await queries.require_taxonomy_node(session, changes["taxonomy_node_id"])
    if "capability_ids" in changes:
        await queries.require_capabilities(session, values["capability_ids"])
    for name, value in changes.items():
        if name == "capability_ids":
            provide(service, value)
        else:
            setattr(service, name, value)
    # Each event tells the whole state: whoever listens to owners alone need not hear the rest twice.
    if named or changes.keys() - {"owner_id"}:
        record(session, service, ServiceChanged, thread=current_thread())
    if "owner_id" in changes:
        record(session, service, ServiceOwnerChanged, thread=current_thread())


def _differences(service: Service, values: Mapping[str, Any]) -> dict[str, Any]:
    wanted = dict(values)
    if "capability_ids" in wanted:
        wanted["capability_ids"] = sorted(set(wanted["capability_ids"]))
    return {name: value for name, value in wanted.items() if getattr(service, name) != value}


def provide(service: Service, capability_ids: list[UUID]) -> None:
    """Let the service provide these capabilities and no others."""
    wanted = sorted(set(capability_ids))
    kept = {one.capability_id: one for one in service.capabilities}
    service.capabilities = [
        kept.get(each) or ServiceCapability(service_id=service.id, capability_id=each) for each in wanted
    ]


async def move_service(
    session: AsyncSession,
    service_id: UUID,
    to: ServiceState,
    *,
    reason: str,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
    acknowledge_impact: bool = False,
    planned_for: date | None = None,
) -> Service:
    """To under_evaluation, cancelled, pending_retirement or retired; publishing a revision is what publishes.

    On its way out a service takes its scheduled revisions back to draft: none of them may go live any more.
    """
    service = await queries.the_service(session, service_id)
    check_version(service, if_match)
    require_ownership(service, principal)
    before = service.state
    if to is ServiceState.RETIRED:
        service.state = domain.retire(
            before, published_offerings=await queries.published_offerings(session, service_id)
        )
    else:
        service.state = domain.move(before, to)
    if to is ServiceState.PENDING_RETIREMENT:
        impact.require_acknowledged(*await queries.who_needs(session, service_id), acknowledged=acknowledge_impact)
        service.retirement_planned_for = domain.planned_retirement(planned_for, today=now.date())
    if to is ServiceState.RETIRED:
        await hold_graph(session)  # nobody may come to require it meanwhile
        impact.require_unneeded(*await queries.who_needs(session, service_id))
    if to not in domain.OPEN:
        for revision in await queries.scheduled_revisions(session, service_id):
            revision.state, revision.live_at = RevisionState.DRAFT, None
            touch(revision)
    note_transition(session, service, before, reason=reason, now=now)
    record(session, service, ServiceChanged, thread=current_thread())
    return service


def note_transition(
    session: AsyncSession, service: Service, before: ServiceState | None, *, reason: str, now: datetime
) -> None:
    session.add(
        ServiceTransition(
            id=uuid7(),
            service_id=service.id,
            from_state=before,
            to_state=service.state,
            at=now,
            actor_id=context.current().actor_id,
            reason=reason,
        )
    )
