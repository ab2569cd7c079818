"""Named reads of the catalogue, a module per room."""

from catalog_service.queries.external_ids import ExternalIdNotReadable, split_external_id, taken_external_id
from catalog_service.queries.known import active_subscriptions, scores
from catalog_service.queries.offerings import SEEN_OFFERINGS, offerings, published_offerings, the_offering
from catalog_service.queries.services import SEEN_SERVICES, numbered_states, services, the_revision, the_service

__all__ = [
    "SEEN_OFFERINGS",
    "SEEN_SERVICES",
    "ExternalIdNotReadable",
    "active_subscriptions",
    "numbered_states",
    "offerings",
    "published_offerings",
    "scores",
    "services",
    "split_external_id",
    "taken_external_id",
    "the_offering",
    "the_revision",
    "the_service",
]
