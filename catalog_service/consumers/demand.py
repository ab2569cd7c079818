"""What the catalogue keeps of demand's facts: subscriptions."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownDemand, KnownSubscription
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class SubscriptionSeen(EventSeen):
    offering_id: UUID
    business_unit_id: UUID
    quantity: Decimal
    state: str
    demand_id: UUID | None = None
    activated_at: datetime | None = None


# Each of them carries the whole subscription: whatever has happened to it, this is how it stands now.
@consumers.projection("itaas.demand.subscription.*", KnownSubscription)
async def know_subscription(session: AsyncSession, event: Delivery[SubscriptionSeen], now: datetime) -> None:
    await project(session, KnownSubscription, event, event.data.model_dump())


class DemandSeen(EventSeen):
    business_unit_id: UUID
    title: str = ""  # a campaign is measured also by demands that say nothing of themselves
    state: str


@consumers.projection("itaas.demand.demand.*", KnownDemand)
async def know_demand(session: AsyncSession, event: Delivery[DemandSeen], now: datetime) -> None:
    """For the rationale of revisions; what campaigns keep of demands is their own."""
    await project(session, KnownDemand, event, event.data.model_dump())
