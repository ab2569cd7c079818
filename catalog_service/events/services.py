"""What the catalogue publishes of services and their revisions."""

from datetime import date, datetime
from uuid import UUID

from catalog_service.events.part import SERVICE, ExternalIdData, Part
from services.events import EventData, event_type


class SupportContactData(Part):
    team: str
    channel: str


class ServiceData(EventData):
    """The full public state of a service."""

    id: UUID
    name: str
    description: str
    owner_id: str | None
    state: str
    unit_of_measure: str
    external_ids: list[ExternalIdData]
    features: list[str]
    support_contact: SupportContactData | None
    taxonomy_node_id: UUID | None
    capability_ids: list[UUID]
    active_revision: int | None
    retirement_planned_for: date | None


_SERVICE_EXAMPLE = {
    "id": SERVICE,
    "name": "Virtual servers",
    "description": "Servers on the university's own virtualisation cluster.",
    "owner_id": None,
    "state": "draft",
    "unit_of_measure": "server",
    "external_ids": [{"system": "sample", "id": "virtual-servers"}],
    "features": ["Ready within a day"],
    "support_contact": {"team": "Server operations", "channel": "#servers"},
    "taxonomy_node_id": "0192f0c1-7b00-7000-8000-000000000004",
    "capability_ids": ["0192f0c1-7b00-7000-8000-000000000005"],
    "active_revision": None,
    "retirement_planned_for": None,
}


@event_type("itaas.catalog.service.created.v1", summary="A service entered the portfolio", example=_SERVICE_EXAMPLE)
class ServiceCreated(ServiceData): ...


@event_type(
    "itaas.catalog.service.changed.v1",
    summary="A service was described anew or moved to another state",
    example=_SERVICE_EXAMPLE | {"state": "under_evaluation"},
)
class ServiceChanged(ServiceData): ...


@event_type(
    "itaas.catalog.service.owner-changed.v1",
    summary="A service was handed over, or its owner was taken back",
    example=_SERVICE_EXAMPLE | {"owner_id": "7c1f3c1e-5b1a-4a53-9d3f-2f5d1f6f0a11"},
)
class ServiceOwnerChanged(ServiceData): ...


class RevisionData(Part):
    number: int
    summary: str
    changes: list[str]
    improvement_ids: list[UUID]
    demand_ids: list[UUID]
    theme_ids: list[UUID]
    published_at: datetime


@event_type(
    "itaas.catalog.service.revision-published.v1",
    summary="A revision of a service went live",
    example=_SERVICE_EXAMPLE
    | {
        "state": "published",
        "active_revision": 2,
        "revision": {
            "number": 2,
            "summary": "Servers are ready within a day",
            "changes": ["Images are built in advance"],
            "improvement_ids": ["0192f0c1-7b00-7000-8000-000000000003"],
            "demand_ids": [],
            "theme_ids": ["0192f0c1-7b00-7000-8000-000000000006"],
            "published_at": "2026-11-02T09:00:00Z",
        },
    },
)
class ServiceRevisionPublished(ServiceData):
    """Its subject is the service: its full state, as the revision made it, and the revision."""

    revision: RevisionData


def revision_published(service: object, revision: object) -> ServiceRevisionPublished:
    """What is told once `revision` of `service` is live."""
    return ServiceRevisionPublished(
        **ServiceData.of(service).model_dump(), revision=RevisionData.model_validate(revision)
    )
