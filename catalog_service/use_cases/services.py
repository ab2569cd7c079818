"""Services: create, describe, and move through the portfolio."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import impact
from catalog_service.domain import service as domain
from catalog_service.domain.service import ServiceState
from catalog_service.events import ServiceChanged, ServiceCreated
from catalog_service.schemas import ServiceChange, ServiceCreate
from catalog_service.tables import Service, ServiceExternalId, ServiceTransition
from catalog_service.use_cases.dependencies import hold_graph
from services import context
from services.errors import Conflict, Fault
from services.events import current_thread, record
from services.http import check_version
from services.ids import uuid7


class ExternalIdTaken(Conflict): ...


async def create_service(session: AsyncSession, body: ServiceCreate, *, now: datetime) -> Service:
    """Raises ExternalIdTaken if one of its external ids names another service."""
    keys = list(dict.fromkeys((key.system, key.id) for key in body.external_ids))
    if taken := await queries.taken_external_id(session, ServiceExternalId, keys):
        raise ExternalIdTaken(
            f"another service is known as {taken[0]}:{taken[1]}", faults=[Fault("/external_ids", "is taken")]
        )
    service = Service(
        **body.model_dump(exclude={"external_ids"}),
        state=ServiceState.DRAFT,
        active_revision=None,
        external_ids=[ServiceExternalId(system=system, id=identifier) for system, identifier in keys],
    )
    session.add(service)
    await session.flush()
    note_transition(session, service, None, reason="created", now=now)
    record(session, service, ServiceCreated)
    return service


async def change_service(
    session: AsyncSession, service_id: UUID, body: ServiceChange, *, if_match: frozenset[int] | None
) -> Service:
    service = await queries.the_service(session, service_id)
    check_version(service, if_match)
    domain.require_open(service.state)
    changes = {
        name: value for name, value in body.model_dump(exclude_unset=True).items() if getattr(service, name) != value
    }
    for name, value in changes.items():
        setattr(service, name, value)
    if changes:
        record(session, service, ServiceChanged, thread=current_thread())
    return service


async def move_service(
    session: AsyncSession,
    service_id: UUID,
    to: ServiceState,
    *,
    reason: str,
    if_match: frozenset[int] | None,
    now: datetime,
    acknowledge_impact: bool = False,
) -> Service:
    """To under_evaluation, cancelled, pending_retirement or retired; publishing a revision is what publishes."""
    service = await queries.the_service(session, service_id)
    check_version(service, if_match)
    before = service.state
    if to is ServiceState.RETIRED:
        service.state = domain.retire(
            before, published_offerings=await queries.published_offerings(session, service_id)
        )
    else:
        service.state = domain.move(before, to)
    if to is ServiceState.PENDING_RETIREMENT:
        impact.require_acknowledged(*await queries.who_needs(session, service_id), acknowledged=acknowledge_impact)
    if to is ServiceState.RETIRED:
        await hold_graph(session)  # nobody may come to require it meanwhile
        impact.require_unneeded(*await queries.who_needs(session, service_id))
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
