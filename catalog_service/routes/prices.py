"""Prices and unit costs, shown beside offerings to whom they concern."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.schemas.prices import PriceRead, ServiceCostRead
from catalog_service.tables import ServiceUnitCost
from services.identity import Principal


def whose_price(principal: Principal, business_unit_id: UUID | None) -> UUID | None:
    """The unit that was asked for (whether it is the caller's has been checked), or the only one of the caller's."""
    if business_unit_id is not None:
        return business_unit_id
    return next(iter(principal.business_units)) if len(principal.business_units) == 1 else None


async def price_reads(
    session: AsyncSession, offering_ids: Collection[UUID], business_unit_id: UUID | None, now: datetime
) -> dict[UUID, PriceRead]:
    """By offering, of the audience that is closest to the unit; without a unit, the prices that are for all."""
    path = [] if business_unit_id is None else await queries.unit_path(session, business_unit_id)
    return {
        offering_id: PriceRead(
            plan_version=price.plan_version,
            currency=price.currency,
            effective_from=price.effective_from,
            charges=price.charges,
            discounts=price.discounts,
            business_unit_ids=[UUID(unit) for unit in price.audience],
        )
        for offering_id, price in (await queries.prices_of(session, offering_ids, path, now)).items()
    }


async def service_costs(
    session: AsyncSession, service_ids: Collection[UUID], now: datetime
) -> dict[UUID, ServiceCostRead]:
    """By service: what pricing published last, beside what it planned."""
    actual = {
        row.id: row for row in await session.scalars(select(ServiceUnitCost).where(ServiceUnitCost.id.in_(service_ids)))
    }
    shown = {}
    for service_id in service_ids:
        spent = actual.get(service_id)
        planned = await queries.planned_unit_cost(session, service_id, now)
        if (either := spent or planned) is not None:
            shown[service_id] = ServiceCostRead(
                currency=either.currency,
                unit_of_measure=either.unit_of_measure,
                actual=None if spent is None else spent.unit_cost,
                actual_period=None if spent is None else spent.period,
                planned=None if planned is None else planned.planned_rate,
                planned_period=None if planned is None else planned.period,
            )
    return shown
