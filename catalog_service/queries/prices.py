"""Named reads of what pricing has told: prices in force and to come, unit costs planned and actual."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain import price
from catalog_service.tables import KnownPrice, KnownPriceChange, PlannedUnitCost
from services.db.chassis_tables import KnownBusinessUnit

_IDS_A_QUERY = 1_000  # well below the parameters that SQLite takes in one statement
_DEEPEST = 100


async def prices_of(
    session: AsyncSession, offering_ids: Collection[UUID], unit_path: Sequence[UUID], now: datetime
) -> dict[UUID, KnownPrice]:
    """The price in force of each offering that has one for the business unit at the end of `unit_path`.

    `unit_path` leads from the topmost unit down (see `unit_path`); an empty one finds the prices that are for all.
    """
    versions = await price_plans(session, offering_ids)
    found = {offering_id: price.in_force(of_it, unit_path, now) for offering_id, of_it in versions.items()}
    return {offering_id: chosen for offering_id, chosen in found.items() if chosen is not None}


async def price_plans(session: AsyncSession, offering_ids: Collection[UUID]) -> dict[UUID, list[KnownPrice]]:
    """All known versions of each offering that has any, the oldest first."""
    found: dict[UUID, list[KnownPrice]] = {}
    ordered = sorted(set(offering_ids))
    for start in range(0, len(ordered), _IDS_A_QUERY):
        wanted = KnownPrice.offering_id.in_(ordered[start : start + _IDS_A_QUERY])
        for version in await session.scalars(select(KnownPrice).where(wanted).order_by(KnownPrice.plan_version)):
            found.setdefault(version.offering_id, []).append(version)
    return found


async def prices_to_come(
    session: AsyncSession, offering_ids: Collection[UUID], now: datetime
) -> dict[UUID, list[KnownPriceChange]]:
    """Announced changes that do not count yet, of each offering that has any, the next one first."""
    found: dict[UUID, list[KnownPriceChange]] = {}
    ordered = sorted(set(offering_ids))
    for start in range(0, len(ordered), _IDS_A_QUERY):
        query = select(KnownPriceChange).where(
            KnownPriceChange.offering_id.in_(ordered[start : start + _IDS_A_QUERY]),
            KnownPriceChange.state == "announced",
            KnownPriceChange.effective_from > now,
        )
        for change in await session.scalars(query.order_by(KnownPriceChange.effective_from, KnownPriceChange.id)):
            found.setdefault(change.offering_id, []).append(change)
    return found


async def unit_path(session: AsyncSession, business_unit_id: UUID) -> list[UUID]:
    """The units from the topmost one that is known down to this one."""
    path: list[UUID] = []
    wanted = business_unit_id
    while wanted not in path and len(path) < _DEEPEST:
        path.append(wanted)
        unit = await session.get(KnownBusinessUnit, wanted)
        if unit is None or unit.parent_id is None:
            break
        wanted = unit.parent_id
    return path[::-1]


async def planned_unit_cost(session: AsyncSession, service_id: UUID, now: datetime) -> PlannedUnitCost | None:
    """Of the period that `now` lies in; else of the next one that is planned; else of the last."""
    of_service = select(PlannedUnitCost).where(PlannedUnitCost.service_id == service_id).limit(1)
    soonest = of_service.where(PlannedUnitCost.ends_at > now).order_by(PlannedUnitCost.starts_at)
    latest = of_service.order_by(PlannedUnitCost.ends_at.desc())
    planned: PlannedUnitCost | None = await session.scalar(soonest) or await session.scalar(latest)
    return planned
