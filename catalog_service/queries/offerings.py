"""Named reads of offerings."""

from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.offering import OfferingState
from catalog_service.queries.entitlement import Sight, entitled
from catalog_service.queries.external_ids import split_external_id
from catalog_service.tables import Offering, OfferingExternalId
from services.errors import NotFound


async def the_offering(session: AsyncSession, offering_id: UUID) -> Offering:
    """For whoever may see it or not (see `the_offering_for`). Raises NotFound."""
    offering = await session.get(Offering, offering_id)
    if offering is None:
        raise NotFound(f"no offering {offering_id}")
    return offering


def offerings(
    *,
    words: str | None,
    service_id: UUID | None,
    state: OfferingState | None,
    external_id: str | None,
    sight: Sight,
) -> Select[Offering]:
    """Offerings that `sight` shows, and whose name or description has all of `words` in it, whatever their case."""
    query = select(Offering).where(entitled(sight))
    for word in (words or "").split():
        query = query.where(
            or_(Offering.name.icontains(word, autoescape=True), Offering.description.icontains(word, autoescape=True))
        )
    if service_id is not None:
        query = query.where(Offering.service_id == service_id)
    if state is not None:
        query = query.where(Offering.state == state)
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(
            Offering.external_ids.any((OfferingExternalId.system == system) & (OfferingExternalId.id == identifier))
        )
    return query


async def published_offerings(session: AsyncSession, service_id: UUID) -> int:
    count = select(func.count()).where(Offering.service_id == service_id, Offering.state == OfferingState.PUBLISHED)
    return await session.scalar(count) or 0
