"""What the catalogue makes of the lead times that demand owns: the observed ones, and a measurement of each order."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import ObservedLeadTime
from catalog_service.use_cases.measurements import measure_order
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class LeadTimeSeen(EventSeen):
    p50_days: Decimal
    p85_days: Decimal
    n: int
    since: datetime


@consumers.projection("itaas.demand.lead-time.updated.v1", ObservedLeadTime)
async def know_lead_time(session: AsyncSession, event: Delivery[LeadTimeSeen], now: datetime) -> None:
    await project(session, ObservedLeadTime, event, event.data.model_dump())


class OrderFulfilledSeen(EventSeen):
    offering_id: UUID
    fulfilled_at: datetime
    lead_time_days: Decimal


@consumers.reaction("itaas.demand.order.fulfilled.v1")
async def measure_lead_time(session: AsyncSession, event: Delivery[OrderFulfilledSeen], now: datetime) -> None:
    await measure_order(
        session,
        source=event.source,
        order_id=event.subject,
        offering_id=event.data.offering_id,
        fulfilled_at=event.data.fulfilled_at,
        lead_time_days=event.data.lead_time_days,
        now=now,
    )
