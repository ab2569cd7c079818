"""What pricing does when demand and the catalogue say something, and when a meter reports usage."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.schemas.numbers import Number
from pricing_service.tables import KnownOffering, KnownService, KnownSubscription
from pricing_service.use_cases import quotes, usage
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class ServiceSeen(EventSeen):
    name: str
    unit_of_measure: str


@consumers.projection("itaas.catalog.service.*", KnownService)
async def know_service(session: AsyncSession, event: Delivery[ServiceSeen], now: datetime) -> None:
    await project(session, KnownService, event, dict(event.data))


class OfferingSeen(EventSeen):
    service_id: UUID
    name: str
    state: str
    unit_of_measure: str


@consumers.projection("itaas.catalog.offering.*", KnownOffering)
async def know_offering(session: AsyncSession, event: Delivery[OfferingSeen], now: datetime) -> None:
    await project(session, KnownOffering, event, dict(event.data))


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


class UsageSeen(EventSeen):
    meter: str
    quantity: str | int


@consumers.reaction("itaas.usage.v1")
async def keep_usage(session: AsyncSession, event: Delivery[UsageSeen], now: datetime) -> None:
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": str(event.subject),
        "data": event.data.model_dump(),
    }
    await usage.ingest_from_topic(session, attributes, now=now)
