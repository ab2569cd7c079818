"""What the catalogue publishes, a module per room."""

from catalog_service.events.offerings import OfferingPublished, OfferingRetired
from catalog_service.events.services import RevisionData, ServiceChanged, ServiceCreated, ServiceRevisionPublished
from services.events import EventData

__all__ = [
    "PUBLISHED",
    "OfferingPublished",
    "OfferingRetired",
    "RevisionData",
    "ServiceChanged",
    "ServiceCreated",
    "ServiceRevisionPublished",
]

PUBLISHED: list[type[EventData]] = [
    ServiceCreated,
    ServiceChanged,
    ServiceRevisionPublished,
    OfferingPublished,
    OfferingRetired,
]
