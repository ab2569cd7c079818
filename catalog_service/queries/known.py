"""Named reads of what others own."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownSubscription, ServiceScore


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
