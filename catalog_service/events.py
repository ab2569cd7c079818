"""What the catalogue publishes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.events import EventData, event_type

_SERVICE = "0192f0c1-7b00-7000-8000-000000000001"
_OFFERING = "0192f0c1-7b00-7000-8000-000000000002"


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ExternalIdData(_Part):
    system: str
    id: str


class ServiceData(EventData):
    """The full public state of a service."""

    id: UUID
    name: str
    description: str
    owner_id: str | None
    state: str
    unit_of_measure: str
    external_ids: list[ExternalIdData]


_SERVICE_EXAMPLE = {
    "id": _SERVICE,
    "name": "Virtual servers",
    "description": "Servers on the university's own virtualisation cluster.",
    "owner_id": None,
    "state": "draft",
    "unit_of_measure": "server",
    "external_ids": [{"system": "sample", "id": "virtual-servers"}],
}


@event_type("itaas.catalog.service.created.v1", summary="A service entered the portfolio", example=_SERVICE_EXAMPLE)
class ServiceCreated(ServiceData): ...


@event_type(
    "itaas.catalog.service.changed.v1",
    summary="A service was described anew or moved to another state",
    example=_SERVICE_EXAMPLE | {"state": "under_evaluation"},
)
class ServiceChanged(ServiceData): ...


class RevisionData(_Part):
    number: int
    summary: str
    changes: list[str]
    improvement_ids: list[UUID]
    demand_ids: list[UUID]
    published_at: datetime


@event_type(
    "itaas.catalog.service.revision-published.v1",
    summary="A revision of a service went live",
    example={
        "id": _SERVICE,
        "name": "Virtual servers",
        "owner_id": None,
        "unit_of_measure": "server",
        "revision": {
            "number": 2,
            "summary": "Servers are ready within a day",
            "changes": ["Images are built in advance"],
            "improvement_ids": ["0192f0c1-7b00-7000-8000-000000000003"],
            "demand_ids": [],
            "published_at": "2026-11-02T09:00:00Z",
        },
    },
)
class ServiceRevisionPublished(EventData):
    """Its subject is the service."""

    id: UUID
    name: str
    owner_id: str | None
    unit_of_measure: str
    revision: RevisionData


class TierData(_Part):
    name: str
    rank: int
    attributes: dict[str, Any]


class CommitmentData(_Part):
    kind: str
    target: str
    unit: str


class TaskData(_Part):
    key: str
    name: str
    depends_on: list[str]
    role: str


class OfferingData(EventData):
    """The full public state of an offering that has been published."""

    id: UUID
    service_id: UUID
    service_name: str
    name: str
    description: str
    tier: TierData
    unit_of_measure: str
    commitments: list[CommitmentData]
    request_form: dict[str, Any]
    fulfilment: list[TaskData]
    state: str
    external_ids: list[ExternalIdData]


_OFFERING_EXAMPLE = {
    "id": _OFFERING,
    "service_id": _SERVICE,
    "service_name": "Virtual servers",
    "name": "Virtual server, tier 1",
    "description": "A small server for a website, a licence service or a test.",
    "tier": {"name": "Tier 1", "rank": 1, "attributes": {"vcpu": 1, "ram_gb": 1}},
    "unit_of_measure": "server",
    "commitments": [{"kind": "availability", "target": "99.5", "unit": "percent"}],
    "request_form": {"type": "object", "required": ["purpose"], "properties": {"purpose": {"type": "string"}}},
    "fulfilment": [{"key": "build", "name": "Build the server", "depends_on": [], "role": "server-operations"}],
    "state": "published",
    "external_ids": [{"system": "sample", "id": "virtual-server-1"}],
}


@event_type("itaas.catalog.offering.published.v1", summary="An offering can be asked for", example=_OFFERING_EXAMPLE)
class OfferingPublished(OfferingData): ...


@event_type(
    "itaas.catalog.offering.retired.v1",
    summary="An offering can no longer be asked for",
    example=_OFFERING_EXAMPLE | {"state": "retired"},
)
class OfferingRetired(OfferingData): ...


PUBLISHED: list[type[EventData]] = [
    ServiceCreated,
    ServiceChanged,
    ServiceRevisionPublished,
    OfferingPublished,
    OfferingRetired,
]
