"""What the catalogue publishes of offerings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from catalog_service.events.part import OFFERING, SERVICE, ExternalIdData, Part
from services.events import EventData, event_type
from services.http import DecimalString


class AttributeData(Part):
    """A number is a decimal string."""

    key: str
    name: str
    value: bool | str
    unit: str | None
    better: str | None


class TierData(Part):
    name: str
    rank: int
    attributes: list[AttributeData]


class AudienceData(Part):
    """Everyone, or those in the business units (and below them) who hold one of the roles; an empty list names all."""

    everyone: bool
    business_unit_ids: list[UUID]
    roles: list[str]


class CommitmentData(Part):
    kind: str
    target: str
    unit: str
    percentile: int | None = Field(None, exclude_if=lambda percentile: percentile is None)


class TaskData(Part):
    key: str
    name: str
    depends_on: list[str]
    role: str


class OptionData(Part):
    """`kind`: choice, flag, quantity or add_on. Not chosen, it means its default."""

    key: str
    name: str
    kind: str
    choices: list[str]
    minimum: DecimalString | None
    maximum: DecimalString | None
    default: bool | str | None
    required: bool
    unit: str | None
    offering_id: UUID | None
    charge_key: str | None


class MemberData(Part):
    offering_id: UUID
    quantity: DecimalString


class RelationData(Part):
    """`kind`: requires, excludes or upgrades_to."""

    kind: str
    other_id: UUID


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
    taxonomy_node_id: UUID | None
    audience: AudienceData | None
    valid_from: datetime | None
    valid_until: datetime | None
    series_id: UUID
    number: int
    options: list[OptionData]
    bundle: list[MemberData]
    relations: list[RelationData]
    capability_ids: list[UUID]
    external_ids: list[ExternalIdData]


_OFFERING_EXAMPLE: dict[str, Any] = {
    "id": OFFERING,
    "service_id": SERVICE,
    "service_name": "Virtual servers",
    "name": "Virtual server, tier 1",
    "description": "A small server for a website, a licence service or a test.",
    "tier": {
        "name": "Tier 1",
        "rank": 1,
        "attributes": [{"key": "ram", "name": "Memory", "value": "1", "unit": "GB", "better": "higher"}],
    },
    "unit_of_measure": "server",
    "commitments": [{"kind": "availability", "target": "99.5", "unit": "percent"}],
    "request_form": {"type": "object", "required": ["purpose"], "properties": {"purpose": {"type": "string"}}},
    "fulfilment": [{"key": "build", "name": "Build the server", "depends_on": [], "role": "server-operations"}],
    "state": "published",
    "taxonomy_node_id": None,
    "audience": {"everyone": True, "business_unit_ids": [], "roles": []},
    "valid_from": None,
    "valid_until": "2027-12-31T23:00:00Z",
    "series_id": OFFERING,
    "number": 1,
    "options": [
        {
            "key": "disk",
            "name": "Disk",
            "kind": "quantity",
            "choices": [],
            "minimum": "20",
            "maximum": "500",
            "default": "20",
            "required": False,
            "unit": "GB",
            "offering_id": None,
            "charge_key": "disk-gb",
        }
    ],
    "bundle": [],
    "relations": [{"kind": "upgrades_to", "other_id": "0192f0c1-7b00-7000-8000-000000000004"}],
    "capability_ids": [],
    "external_ids": [{"system": "sample", "id": "virtual-server-1"}],
}


@event_type("itaas.catalog.offering.published.v1", summary="An offering can be asked for", example=_OFFERING_EXAMPLE)
class OfferingPublished(OfferingData): ...


@event_type(
    "itaas.catalog.offering.changed.v1",
    summary="An offering that is on offer is for others, until another time, hangs elsewhere or is related anew",
    example=_OFFERING_EXAMPLE,
)
class OfferingChanged(OfferingData): ...


@event_type(
    "itaas.catalog.offering.retired.v1",
    summary="An offering can no longer be asked for",
    example=_OFFERING_EXAMPLE | {"state": "retired"},
)
class OfferingRetired(OfferingData): ...
