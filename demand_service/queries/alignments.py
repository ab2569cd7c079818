"""Who is aligned with which business units."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.alignment import in_force
from demand_service.tables import Alignment
from services.identity import Units


async def aligned_units(session: AsyncSession, person_id: str, now: datetime) -> frozenset[UUID] | None:
    """The business units that the leader is aligned with today, without those below; None if they never were."""
    rows = (await session.scalars(select(Alignment).where(Alignment.person_id == person_id))).all()
    if not rows:
        return None
    today = now.date()
    return frozenset(row.business_unit_id for row in rows if in_force(row.starts_on, row.ends_on, today=today))


def alignments_of_leaders(units: Units, *, business_unit_id: UUID | None, person_id: str | None) -> Select[Any]:
    query = select(Alignment)
    if units.visible is not None:
        query = query.where(Alignment.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Alignment.business_unit_id == business_unit_id)
    if person_id is not None:
        query = query.where(Alignment.person_id == person_id)
    return query
