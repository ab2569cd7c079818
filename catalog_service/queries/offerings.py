"""Named reads of offerings."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.offering import OfferingState
from catalog_service.queries.entitlement import Sight, entitled
from catalog_service.tables import Offering
from services.errors import NotFound


async def the_offering(session: AsyncSession, offering_id: UUID) -> Offering:
    """For whoever may see it or not (see `the_offering_for`). Raises NotFound."""
    offering = await session.get(Offering, offering_id)
    if offering is None:
        raise NotFound(f"no offering {offering_id}")
    return offering


async def published_offerings(session: AsyncSession, service_id: UUID) -> int:
    count = select(func.count()).where(Offering.service_id == service_id, Offering.state == OfferingState.PUBLISHED)
    return await session.scalar(count) or 0


def versions(series_id: UUID, sight: Sight) -> Select[Offering]:
    return select(Offering).where(Offering.series_id == series_id, entitled(sight, lapsed=True))
