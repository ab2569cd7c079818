"""Named reads of the catalogue, a module per room."""

from catalog_service.queries.entitlement import (
    SEEN_OFFERINGS,
    SEEN_SERVICES,
    BusinessUnitNotYours,
    Sight,
    entitled,
    entitled_service,
    sees_drafts,
    sight_of,
    the_offering_for,
    the_service_for,
)
from catalog_service.queries.external_ids import ExternalIdNotReadable, split_external_id, taken_external_id
from catalog_service.queries.known import active_subscriptions, scores
from catalog_service.queries.offerings import offerings, published_offerings, the_offering
from catalog_service.queries.prices import planned_unit_cost, price_plans, prices_of, prices_to_come, unit_path
from catalog_service.queries.services import numbered_states, services, the_revision, the_service

__all__ = [
    "SEEN_OFFERINGS",
    "SEEN_SERVICES",
    "BusinessUnitNotYours",
    "ExternalIdNotReadable",
    "Sight",
    "active_subscriptions",
    "entitled",
    "entitled_service",
    "numbered_states",
    "offerings",
    "planned_unit_cost",
    "price_plans",
    "prices_of",
    "prices_to_come",
    "published_offerings",
    "scores",
    "sees_drafts",
    "services",
    "sight_of",
    "split_external_id",
    "taken_external_id",
    "the_offering",
    "the_offering_for",
    "the_revision",
    "the_service",
    "the_service_for",
    "unit_path",
]
