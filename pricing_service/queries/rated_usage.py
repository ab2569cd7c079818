"""Usage as a rating run reads it: added up where it lies, in one statement for many business units."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import case, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.queries.usage import counted_at, in_days
from pricing_service.tables import KnownSubscription, LateUsage, UsageEvent
from services.db import exact_sum

StretchSums = dict[UUID, dict[tuple[str, date], Decimal]]  # by subscription, by meter and first day of the stretch


async def metered_by_stretch(
    session: AsyncSession, subscription_ids: Sequence[UUID], edges: Sequence[date], cut: int
) -> StretchSums:
    """What the meters summed up to between each of `edges` (ascending) and the next, as counted at `cut`."""
    stretch: Any = literal(0)
    if len(edges) > 2:
        inner = edges[1:-1]
        stretch = case(*((UsageEvent.day < edge, index) for index, edge in enumerate(inner)), else_=len(inner))
    keys = (UsageEvent.subscription_id, UsageEvent.meter, stretch.label("stretch"))
    query = (
        select(*keys, exact_sum(UsageEvent.quantity))
        .where(UsageEvent.subscription_id.in_(subscription_ids), *in_days(edges[0], edges[-1]), counted_at(cut))
        .group_by(UsageEvent.subscription_id, UsageEvent.meter, "stretch")
    )
    metered: StretchSums = {}
    for subscription_id, meter, index, quantity in await session.execute(query):
        metered.setdefault(subscription_id, {})[meter, edges[index]] = quantity
    return metered


async def metered_days(
    session: AsyncSession, subscription_id: UUID, meter: str, days: tuple[date, date], cut: int
) -> list[date]:
    """The days of a half-open stretch on which the subscription was metered."""
    of = (UsageEvent.subscription_id == subscription_id, UsageEvent.meter == meter, *in_days(*days), counted_at(cut))
    return list(await session.scalars(select(UsageEvent.day).where(*of).distinct().order_by(UsageEvent.day)))


async def late_subscriptions(
    session: AsyncSession, units: Sequence[UUID], closed_through: str
) -> dict[str, list[KnownSubscription]]:
    """By closed period, in the order of time, the units' subscriptions with usage that came late for it."""
    query = (
        select(LateUsage.period, KnownSubscription)
        .join(KnownSubscription, KnownSubscription.id == LateUsage.subscription_id)
        .where(KnownSubscription.business_unit_id.in_(units), LateUsage.period <= closed_through)
        .order_by(LateUsage.period, KnownSubscription.id)
    )
    late: dict[str, list[KnownSubscription]] = {}
    for period, subscription in await session.execute(query):
        late.setdefault(period, []).append(subscription)
    return late
