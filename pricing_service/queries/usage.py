"""Reads of usage: what counts of it, by day and by window, as each meter aggregates."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.meters import ADDITIVE, Aggregation
from pricing_service.tables import Meter, UsageEvent
from services.db import exact_sum

Attributes = tuple[tuple[str, str], ...]  # sorted pairs; empty where the meter keeps none


def in_days(start: date, end: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return UsageEvent.day >= start, UsageEvent.day < end


def counted_at(cut: int) -> ColumnElement[bool]:
    """What counted when `cut` was the latest arrival: what rating sums, then and whenever it is explained."""
    withdrawn = UsageEvent.withdrawn_arrival
    counts = or_(withdrawn > cut, and_(withdrawn.is_(None), UsageEvent.counts))
    return and_(UsageEvent.arrival <= cut, counts)


async def aggregations(session: AsyncSession) -> dict[str, Aggregation]:
    """How each declared meter aggregates; a meter that nobody declared sums."""
    rows = await session.execute(select(Meter.key, Meter.aggregation).distinct())
    return {key: Aggregation(aggregation) for key, aggregation in rows}


async def metered_quantities(
    session: AsyncSession,
    of: ColumnElement[bool],
    window: tuple[date, date],
    aggregated: Mapping[str, Aggregation],
    *,
    meters: Collection[str] | None = None,
    by_attributes: bool = False,
) -> dict[tuple[UUID, str], dict[Attributes, Decimal]]:
    """Per (subscription, meter) the quantity of a half-open window of days, split by attributes if asked for.

    `of` says which events: `counted_at(cut)` for rating, `UsageEvent.counts` for all that counts, with whatever
    narrows the subscriptions. `aggregated` is `aggregations(session)`. A split by attributes is exact per group;
    of unique_count, max and latest the groups do not add up to the whole.
    """
    by_kind: dict[Aggregation, list[str]] = {}
    for key, aggregation in aggregated.items():
        if aggregation not in ADDITIVE and (meters is None or key in meters):
            by_kind.setdefault(aggregation, []).append(key)
    others = [key for keys in by_kind.values() for key in keys]
    conditions = [of, *in_days(*window)]
    additive = [*conditions, UsageEvent.meter.not_in(others)] if others else conditions
    if meters is not None:
        additive = [*additive, UsageEvent.meter.in_(meters)]
    found: dict[tuple[UUID, str], dict[Attributes, Decimal]] = {}
    keys: list[Any] = [UsageEvent.subscription_id, UsageEvent.meter]
    if by_attributes:
        keys.append(UsageEvent.attributes)
    await _collect(session, found, keys, exact_sum(UsageEvent.quantity), additive)
    for kind, named in by_kind.items():
        wanted = [*conditions, UsageEvent.meter.in_(named)]
        match kind:
            case Aggregation.UNIQUE_COUNT:
                await _collect(session, found, keys, func.count(UsageEvent.value.distinct()), wanted)
            case Aggregation.MAX:
                await _collect(session, found, keys, func.max(UsageEvent.quantity), wanted)
            case Aggregation.LATEST:
                newest = (UsageEvent.time.desc(), UsageEvent.event_id.desc(), UsageEvent.source.desc())
                place = func.row_number().over(partition_by=keys, order_by=newest).label("place")
                ranked = select(*keys, UsageEvent.quantity, place).where(*wanted).subquery()
                for row in await session.execute(select(ranked).where(ranked.c.place == 1)):
                    _put(found, row, by_attributes)
    return found


async def _collect(
    session: AsyncSession,
    found: dict[tuple[UUID, str], dict[Attributes, Decimal]],
    keys: list[Any],
    quantity: Any,
    wanted: list[ColumnElement[bool]],
) -> None:
    for row in await session.execute(select(*keys, quantity).where(*wanted).group_by(*keys)):
        _put(found, row, len(keys) > 2)


def _put(found: dict[tuple[UUID, str], dict[Attributes, Decimal]], row: Any, by_attributes: bool) -> None:
    attributes: Attributes = tuple(sorted((row[2] or {}).items())) if by_attributes else ()
    quantity = row[3 if by_attributes else 2]
    found.setdefault((row[0], row[1]), {})[attributes] = Decimal(quantity)
