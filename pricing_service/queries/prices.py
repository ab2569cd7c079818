"""Reads of prices: plans, whom they are for, and what services brought in."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.history import TagsStep, tags_before
from pricing_service.tables import KnownOffering, PricedOffering, PricePlan, UnitTagsStep
from services.db.chassis_tables import KnownBusinessUnit

_DEEPEST = 100
_IDS_A_QUERY = 1000


async def plans_of(session: AsyncSession, offering_id: UUID) -> list[PricePlan]:
    query = select(PricePlan).where(PricePlan.offering_id == offering_id).order_by(PricePlan.plan_version)
    return list(await session.scalars(query))


async def plans_of_all(session: AsyncSession, offering_ids: Collection[UUID]) -> dict[UUID, list[PricePlan]]:
    """The same for many offerings at once."""
    plans: dict[UUID, list[PricePlan]] = {id_: [] for id_ in offering_ids}
    ordered = sorted(plans)
    for start in range(0, len(ordered), _IDS_A_QUERY):
        wanted = PricePlan.offering_id.in_(ordered[start : start + _IDS_A_QUERY])
        for plan in await session.scalars(select(PricePlan).where(wanted).order_by(PricePlan.plan_version)):
            plans[plan.offering_id].append(plan)
    return plans


async def tags_of(session: AsyncSession, units: Collection[UUID], *, before: datetime) -> dict[UUID, Mapping[str, str]]:
    """The tags of the business units that are known, as they stood just before an instant."""
    steps: dict[UUID, list[TagsStep]] = {}
    ordered = sorted(units)
    for start in range(0, len(ordered), _IDS_A_QUERY):
        wanted = UnitTagsStep.id.in_(ordered[start : start + _IDS_A_QUERY])
        for row in await session.scalars(select(UnitTagsStep).where(wanted)):
            steps.setdefault(row.id, []).append(TagsStep(row.sequence, row.effective_at, row.tags))
    return {unit: tags_before(of_unit, before) for unit, of_unit in steps.items()}


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


def offerings_priced_at(at: datetime) -> Select[Any]:
    """Those that have a price by then and can be asked for; one that the catalogue has not told of counts too."""
    priced = select(PricePlan.offering_id).where(PricePlan.effective_from <= at)
    return (
        select(PricedOffering)
        .outerjoin(KnownOffering, KnownOffering.id == PricedOffering.id)
        .where(PricedOffering.id.in_(priced), or_(KnownOffering.id.is_(None), KnownOffering.state != "retired"))
    )
