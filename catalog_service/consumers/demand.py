"""What the catalogue keeps of demand's facts: subscriptions and demands."""

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
    offering_id: UUID | None = None
    title: str = ""  # a campaign is measured also by demands that say nothing of themselves
    state: str


@consumers.projection("itaas.demand.demand.*", KnownDemand)
async def know_demand(session: AsyncSession, event: Delivery[DemandSeen], now: datetime) -> None:
    """A demand is told of first when it is handed in: the earliest event says when, in whatever order they come."""
    known = await session.get(KnownDemand, event.subject, populate_existing=True, with_for_update=True)
    raised_at = event.time if known is None else min(known.raised_at, event.time)
    if not await project(session, KnownDemand, event, event.data.model_dump() | {"raised_at": raised_at}):
        assert known is not None
        known.raised_at = raised_at
