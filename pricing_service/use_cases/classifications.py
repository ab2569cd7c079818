"""A service's place in FOCUS's list."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.focus_export import classification
from pricing_service.schemas.insights import ClassificationPut
from pricing_service.tables import ServiceClassification
from services.db import touch


async def classify(session: AsyncSession, service_id: UUID, body: ClassificationPut) -> ServiceClassification:
    """Raises CategoryUnknown."""
    place = classification(body.category, body.subcategory)
    stored = await session.get(ServiceClassification, service_id)
    if stored is None:
        stored = ServiceClassification(id=service_id, version=1, category=place.category, subcategory=place.subcategory)
        session.add(stored)
    elif (stored.category, stored.subcategory) != (place.category, place.subcategory):
        stored.category, stored.subcategory = place.category, place.subcategory
        touch(stored)
    await session.flush()
    return stored
