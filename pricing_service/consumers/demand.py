"""What pricing does when demand says something."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.schemas.numbers import Number
from pricing_service.tables import KnownSubscription
from pricing_service.use_cases import quotes
from services.events import Delivery, EventSeen, project


class SubscriptionSeen(EventSeen):
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    demand_id: UUID | None = None
    quantity: Number
    state: str
    activated_at: datetime
    ended_at: datetime | None = None


@consumers.projection("itaas.demand.subscription.*", KnownSubscription)
async def know_subscription(session: AsyncSession, event: Delivery[SubscriptionSeen], now: datetime) -> None:
    await project(session, KnownSubscription, event, dict(event.data))


class SubscriptionEndedSeen(EventSeen):
    demand_id: UUID | None = None


@consumers.reaction("itaas.demand.subscription.ended.v1")
async def release_reservation(session: AsyncSession, event: Delivery[SubscriptionEndedSeen], now: datetime) -> None:
    if event.data.demand_id is not None:
        await quotes.release_ended(session, event.data.demand_id)


class DemandProposedSeen(EventSeen):
    business_unit_id: UUID
    offering_id: UUID | None = None
    quantity: Number | None = None


@consumers.reaction("itaas.demand.demand.proposed.v1")
async def issue_quote(session: AsyncSession, event: Delivery[DemandProposedSeen], now: datetime) -> None:
    proposal = quotes.Proposal(
        demand_id=event.subject,
        business_unit_id=event.data.business_unit_id,
        offering_id=event.data.offering_id,
        quantity=event.data.quantity,
    )
    await quotes.issue_quote(session, proposal, now=now)


class DemandSeen(EventSeen):
    state: str


@consumers.reaction("itaas.demand.demand.rejected.v1")
@consumers.reaction("itaas.demand.demand.withdrawn.v1")
@consumers.reaction("itaas.demand.demand.cancelled.v1")
async def close_quotes(session: AsyncSession, event: Delivery[DemandSeen], now: datetime) -> None:
    await quotes.close_quotes_of_demand(session, event.subject, f"the demand was {event.data.state}")
