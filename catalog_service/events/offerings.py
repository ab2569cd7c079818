"""What the catalogue publishes of offerings."""

from typing import Any
from uuid import UUID

from catalog_service.events.part import OFFERING, SERVICE, ExternalIdData, Part
from services.events import EventData, event_type


class TierData(Part):
    name: str
    rank: int
    attributes: dict[str, Any]


class CommitmentData(Part):
    kind: str
    target: str
    unit: str


class TaskData(Part):
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
    "id": OFFERING,
    "service_id": SERVICE,
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
