"""What the catalogue keeps of pricing's facts: unit costs."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import ServiceUnitCost
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class UnitCostSeen(EventSeen):
    service_id: UUID
    period: str
    unit_cost: Decimal | None
    unit_of_measure: str
    currency: str
    allocation_run_id: UUID


@consumers.projection("itaas.pricing.unit-cost.published.v1", ServiceUnitCost)
async def know_unit_cost(session: AsyncSession, event: Delivery[UnitCostSeen], now: datetime) -> None:
    row = replace(event, subject=event.data.service_id)
    await project(session, ServiceUnitCost, row, event.data.model_dump(exclude={"service_id"}))
