"""Named reads of what surrounds a revision: why it was made, and what was offered while it was live."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.queries.entitlement import Sight, entitled
from catalog_service.tables import Capability, Offering


async def known_reasons(session: AsyncSession, table: Any, ids: Iterable[Any]) -> dict[UUID, Any]:
    """What the catalogue knows of these (`table`: KnownDemand, KnownImprovement or KnownTheme), by their ids."""
    wanted = [UUID(str(one)) for one in ids]
    if not wanted:
        return {}
    return {row.id: row for row in await session.scalars(select(table).where(table.id.in_(wanted)))}


async def offered_at(session: AsyncSession, service_id: UUID, at: datetime, sight: Sight) -> dict[str, str]:
    """The offerings of a service, in the caller's sight, that could be asked for at `at`: names by id.

    Exact for any instant: when an offering was published and retired is kept for good, and its name is fixed then.
    """
    query = select(Offering.id, Offering.name).where(
        Offering.service_id == service_id,
        Offering.published_at <= at,
        or_(Offering.retired_at.is_(None), Offering.retired_at > at),
        entitled(sight, lapsed=True),
    )
    return {str(row.id): row.name for row in await session.execute(query.order_by(Offering.id))}


async def capabilities_there(session: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the capabilities that are there, and stay there until this transaction ends."""
    query = select(Capability.id).where(Capability.id.in_(list(ids))).with_for_update(read=True, key_share=True)
    return set(await session.scalars(query))
