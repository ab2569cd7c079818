"""What the catalogue keeps of other services' facts: scores, unit costs, subscriptions."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownSubscription, ServiceScore, ServiceUnitCost
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class ScoreSeen(EventSeen):
    service_id: UUID
    kind: str
    score: Decimal | None
    n: int
    low: Decimal | None
    high: Decimal | None
    withheld: bool


@consumers.projection("itaas.feedback.score.updated.v1", ServiceScore)
async def know_score(session: AsyncSession, event: Delivery[ScoreSeen], now: datetime) -> None:
    # The subject is the service, whatever the kind of score: each kind has its row and its own sequence.
    row = replace(event, subject=uuid5(event.data.service_id, event.data.kind))
    await project(session, ServiceScore, row, event.data.model_dump())


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


class SubscriptionSeen(EventSeen):
    offering_id: UUID
    business_unit_id: UUID
    quantity: Decimal
    state: str


@consumers.projection("itaas.demand.subscription.activated.v1", KnownSubscription)
@consumers.projection("itaas.demand.subscription.ended.v1", KnownSubscription)
async def know_subscription(session: AsyncSession, event: Delivery[SubscriptionSeen], now: datetime) -> None:
    await project(session, KnownSubscription, event, event.data.model_dump())
