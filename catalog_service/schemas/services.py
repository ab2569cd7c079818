"""Bodies of services and of their way through the portfolio."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from catalog_service.domain.service import ServiceState
from catalog_service.schemas.parts import LINE, ExternalIds, Name, PersonId, Text, Unit, unchanged
from catalog_service.schemas.portfolio import StepRead
from services.http import Body, DecimalString, ExternalId, Read

CapabilityIds = Annotated[list[UUID], Field(max_length=200, description="Business capabilities that it provides")]


class SupportContact(Body):
    """A team and where it can be reached; never a person."""

    team: Name = Field(examples=["Server operations"])
    channel: Annotated[
        str,
        Field(min_length=1, max_length=200, pattern=LINE, examples=["#servers"], description="Queue, chat or page"),
    ]


_SERVICE: dict[str, JsonValue] = {
    "name": "Virtual servers",
    "description": "Servers on our own cluster, patched and monitored.",
    "unit_of_measure": "server",
    "owner_id": "3f6c0a52-8d1e-4a77-9a54-0d8f6f0c1b2e",
    "support_contact": {"team": "Server operations", "channel": "#servers"},
    "taxonomy_node_id": "0192f0c1-7b00-7000-8000-000000000004",
    "capability_ids": ["0192f0c1-7b00-7000-8000-000000000005"],
    "external_ids": [{"system": "cmdb", "id": "SVC-1"}],
}


class ServiceCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_SERVICE]})

    name: Name = Field(examples=["Virtual servers"])
    description: Text = ""
    unit_of_measure: Unit = Field(description="What its cost and volume are counted in")
    owner_id: PersonId | None = None
    support_contact: SupportContact | None = None
    taxonomy_node_id: UUID | None = None
    capability_ids: CapabilityIds = Field(default_factory=list)
    external_ids: ExternalIds = Field(default_factory=list)


class ServiceChange(Body):
    """What is left out stays as it is; owner, support contact and taxonomy node can be taken back with null."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"support_contact": {"team": "Server operations", "channel": "#servers"}}]}
    )

    name: Name = unchanged()
    description: Text = unchanged()
    unit_of_measure: Unit = unchanged()
    owner_id: PersonId | None = None
    support_contact: SupportContact | None = None
    taxonomy_node_id: UUID | None = None
    capability_ids: CapabilityIds = unchanged()


class UnitCostRead(Read):
    period: str = Field(examples=["2026-10"])
    unit_cost: DecimalString | None
    unit_of_measure: str
    currency: str
    allocation_run_id: UUID


class PlannedUnitCostRead(Read):
    period: str = Field(examples=["2026-11"])
    fiscal_year: int | None = Field(description="Of the year's plan that it is a part of")
    planned_rate: DecimalString = Field(description="Planned cost ÷ practical capacity")
    unit_of_measure: str | None
    currency: str


class ServiceRead(Read):
    id: UUID
    name: str
    description: str
    features: list[str] = Field(description="What its active revision promises")
    owner_id: str | None
    support_contact: SupportContact | None
    taxonomy_node_id: UUID | None
    capability_ids: list[UUID]
    state: ServiceState
    retirement_planned_for: date | None
    unit_of_measure: str
    active_revision: int | None
    external_ids: list[ExternalId]
    created_at: datetime
    updated_at: datetime


class ServiceDetail(ServiceRead):
    taxonomy_path: list[StepRead] = Field(default_factory=list, description="From the top down to its node")
    unit_cost: UnitCostRead | None = Field(
        default=None, description="As pricing published it last; for service owners and finance"
    )
    planned_unit_cost: PlannedUnitCostRead | None = Field(
        default=None,
        description="Of the period at hand, or the nearest one that is planned; for service owners and finance",
    )


class TransitionRead(Read):
    from_state: ServiceState | None
    to_state: ServiceState
    at: datetime
    actor_id: str | None
    reason: str
