"""Named reads of services and their revisions."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.queries.entitlement import Sight, entitled_service
from catalog_service.queries.external_ids import split_external_id
from catalog_service.tables import Revision, Service, ServiceCapability, ServiceExternalId
from services.errors import NotFound


async def the_service(session: AsyncSession, service_id: UUID) -> Service:
    """For whoever may see it or not (see `the_service_for`). Raises NotFound."""
    service = await session.get(Service, service_id)
    if service is None:
        raise NotFound(f"no service {service_id}")
    return service


async def the_revision(session: AsyncSession, service_id: UUID, number: int) -> Revision:
    revision: Revision | None = await session.scalar(
        select(Revision).where(Revision.service_id == service_id, Revision.number == number)
    )
    if revision is None:
        raise NotFound(f"service {service_id} has no revision {number}")
    return revision


def services(
    *,
    state: ServiceState | None,
    external_id: str | None,
    sight: Sight,
    below_node: Any = None,
    below_capability: Any = None,
) -> Select[Service]:
    """`below_node` and `below_capability`: ids as `queries.below` selects them."""
    query = select(Service).where(entitled_service(sight))
    if below_node is not None:
        query = query.where(Service.taxonomy_node_id.in_(below_node))
    if below_capability is not None:
        query = query.where(Service.capabilities.any(ServiceCapability.capability_id.in_(below_capability)))
    if state is not None:
        query = query.where(Service.state == state)
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(
            Service.external_ids.any((ServiceExternalId.system == system) & (ServiceExternalId.id == identifier))
        )
    return query


async def numbered_states(session: AsyncSession, service_id: UUID) -> list[tuple[int, Any]]:
    rows = await session.execute(select(Revision.number, Revision.state).where(Revision.service_id == service_id))
    return [(number, state) for number, state in rows]


async def scheduled_revisions(session: AsyncSession, service_id: UUID) -> list[Revision]:
    """In the order in which they go live, which is that of their numbers."""
    query = select(Revision).where(Revision.service_id == service_id, Revision.state == RevisionState.SCHEDULED)
    return list(await session.scalars(query.order_by(Revision.number)))
