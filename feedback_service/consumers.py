"""What feedback does when others tell of something: it keeps what threads may be about, asks, and ships."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain.survey import Trigger
from feedback_service.tables import KnownOffering, KnownService
from feedback_service.use_cases.improvements import take_up_revision
from feedback_service.use_cases.invitations import Occasion, send_surveys
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class ServiceSeen(EventSeen):
    name: str
    owner_id: str | None = None


@consumers.projection("itaas.catalog.service.created.v1", KnownService)
@consumers.projection("itaas.catalog.service.owner-changed.v1", KnownService)
@consumers.projection("itaas.catalog.service.revision-published.v1", KnownService)
async def know_service(session: AsyncSession, event: Delivery[ServiceSeen], now: datetime) -> None:
    await project(session, KnownService, event, {"name": event.data.name, "owner_id": event.data.owner_id})


class OfferingSeen(EventSeen):
    name: str
    service_id: UUID


@consumers.projection("itaas.catalog.offering.published.v1", KnownOffering)
@consumers.projection("itaas.catalog.offering.changed.v1", KnownOffering)
@consumers.projection("itaas.catalog.offering.retired.v1", KnownOffering)
async def know_offering(session: AsyncSession, event: Delivery[OfferingSeen], now: datetime) -> None:
    """A retired offering can still be talked about by those who hold it."""
    await project(session, KnownOffering, event, {"name": event.data.name, "service_id": event.data.service_id})


class SubscriptionSeen(EventSeen):
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    requested_by: str | None = None


@consumers.reaction("itaas.demand.subscription.activated.v1")
async def ask_how_it_went(session: AsyncSession, event: Delivery[SubscriptionSeen], now: datetime) -> None:
    occasion = Occasion(
        subscription_id=event.subject,
        business_unit_id=event.data.business_unit_id,
        offering_id=event.data.offering_id,
        service_id=event.data.service_id,
        person_id=event.data.requested_by,
    )
    await send_surveys(session, Trigger.SUBSCRIPTION_ACTIVATED, occasion, now=now)


class RevisionSeen(EventSeen):
    number: int
    improvement_ids: Sequence[UUID] = ()


class RevisionPublishedSeen(EventSeen):
    revision: RevisionSeen


@consumers.reaction("itaas.catalog.service.revision-published.v1")
async def ship_improvements(session: AsyncSession, event: Delivery[RevisionPublishedSeen], now: datetime) -> None:
    revision = event.data.revision
    await take_up_revision(session, event.subject, revision.number, revision.improvement_ids, now=now)
