"""Named reads of the catalogue."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import (
    KnownSubscription,
    Offering,
    OfferingExternalId,
    Revision,
    Service,
    ServiceExternalId,
    ServiceScore,
)
from services.errors import Fault, Invalid, NotFound

# What those see who only use the catalogue: nothing that is still being designed, everything that has been live.
SEEN_SERVICES = (ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT, ServiceState.RETIRED)
SEEN_OFFERINGS = (OfferingState.PUBLISHED, OfferingState.RETIRED)


class ExternalIdNotReadable(Invalid): ...


def split_external_id(text: str) -> tuple[str, str]:
    """From `system:id`. Raises ExternalIdNotReadable."""
    system, colon, identifier = text.partition(":")
    if not (system and colon and identifier):
        raise ExternalIdNotReadable(
            f"{text[:60]!r} is not an external id", faults=[Fault("external_id", "must be <system>:<id>")]
        )
    return system, identifier


async def the_service(session: AsyncSession, service_id: UUID, *, drafts: bool = True) -> Service:
    """Raises NotFound; so too, without `drafts`, for one that has never been live."""
    service = await session.get(Service, service_id)
    if service is None or not (drafts or service.state in SEEN_SERVICES):
        raise NotFound(f"no service {service_id}")
    return service


async def the_revision(session: AsyncSession, service_id: UUID, number: int) -> Revision:
    revision: Revision | None = await session.scalar(
        select(Revision).where(Revision.service_id == service_id, Revision.number == number)
    )
    if revision is None:
        raise NotFound(f"service {service_id} has no revision {number}")
    return revision


async def the_offering(session: AsyncSession, offering_id: UUID, *, drafts: bool = True) -> Offering:
    """Raises NotFound; so too, without `drafts`, for one that has never been live."""
    offering = await session.get(Offering, offering_id)
    if offering is None or not (drafts or offering.state in SEEN_OFFERINGS):
        raise NotFound(f"no offering {offering_id}")
    return offering


def services(*, state: ServiceState | None, external_id: str | None, drafts: bool) -> Select[Service]:
    query = select(Service)
    if state is not None:
        query = query.where(Service.state == state)
    if not drafts:
        query = query.where(Service.state.in_(SEEN_SERVICES))
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(
            Service.external_ids.any((ServiceExternalId.system == system) & (ServiceExternalId.id == identifier))
        )
    return query


def offerings(
    *,
    words: str | None,
    service_id: UUID | None,
    state: OfferingState | None,
    external_id: str | None,
    drafts: bool,
) -> Select[Offering]:
    """Offerings whose name or description has all of `words` in it, whatever their case."""
    query = select(Offering)
    for word in (words or "").split():
        query = query.where(
            or_(Offering.name.icontains(word, autoescape=True), Offering.description.icontains(word, autoescape=True))
        )
    if service_id is not None:
        query = query.where(Offering.service_id == service_id)
    if state is not None:
        query = query.where(Offering.state == state)
    if not drafts:
        query = query.where(Offering.state.in_(SEEN_OFFERINGS))
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(
            Offering.external_ids.any((OfferingExternalId.system == system) & (OfferingExternalId.id == identifier))
        )
    return query


async def taken_external_id(
    session: AsyncSession,
    table: type[ServiceExternalId] | type[OfferingExternalId],
    wanted: Iterable[tuple[str, str]],
) -> tuple[str, str] | None:
    """The first of `wanted` (system, id) that something in `table` holds already."""
    for key in wanted:
        if await session.get(table, key) is not None:
            return key
    return None


async def numbered_states(session: AsyncSession, service_id: UUID) -> list[tuple[int, Any]]:
    rows = await session.execute(select(Revision.number, Revision.state).where(Revision.service_id == service_id))
    return [(number, state) for number, state in rows]


async def published_offerings(session: AsyncSession, service_id: UUID) -> int:
    count = select(func.count()).where(Offering.service_id == service_id, Offering.state == OfferingState.PUBLISHED)
    return await session.scalar(count) or 0


async def active_subscriptions(session: AsyncSession, offering_id: UUID) -> int:
    count = select(func.count()).where(
        KnownSubscription.offering_id == offering_id, KnownSubscription.state == "active"
    )
    return await session.scalar(count) or 0


async def scores(session: AsyncSession, service_ids: Iterable[UUID]) -> dict[UUID, ServiceScore]:
    """One score per service that has any: the NPS before the other kinds."""
    rows = await session.scalars(select(ServiceScore).where(ServiceScore.service_id.in_(set(service_ids))))
    best: dict[UUID, ServiceScore] = {}
    for row in sorted(rows, key=lambda row: (row.kind == "nps", row.kind)):
        best[row.service_id] = row
    return best
