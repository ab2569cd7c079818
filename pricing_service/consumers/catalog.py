"""What pricing does when the catalogue says something."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.tables import KnownOffering, KnownService
from services.events import Delivery, EventSeen, project


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
