"""Bodies of taxonomy nodes and business capabilities."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from catalog_service.domain.service import ServiceState
from catalog_service.schemas.parts import ExternalIds, Name, Text, unchanged
from services.http import Body, ExternalId, Read

_NODE: dict[str, JsonValue] = {
    "name": "Servers and storage",
    "description": "What applications run on",
    "parent_id": "0192f0c1-7b00-7000-8000-000000000004",
    "external_ids": [{"system": "cmdb", "id": "N-2"}],
}


class NodeCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_NODE]})

    name: Name = Field(examples=["Servers and storage"], description="No sibling has the same")
    description: Text = ""
    parent_id: UUID | None = Field(None, description="null: at the top")
    external_ids: ExternalIds = Field(default_factory=list)


class NodeChange(Body):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "What applications run on"}]})

    name: Name = unchanged()
    description: Text = unchanged()


class NodeMove(Body):
    parent_id: UUID | None = Field(description="null: to the top", examples=["0192f0c1-7b00-7000-8000-000000000004"])


class StepRead(Read):
    id: UUID
    name: str = Field(examples=["Servers and storage"])


class NodeRead(Read):
    id: UUID
    name: str
    description: str
    parent_id: UUID | None
    external_ids: list[ExternalId]
    created_at: datetime
    updated_at: datetime
    path: list[StepRead] = Field(default_factory=list, description="From the top down to itself")


class ProviderRead(Read):
    id: UUID
    name: str
    state: ServiceState


class CapabilityDetail(NodeRead):
    services: list[ProviderRead] = Field(
        default_factory=list, description="That provide it, at most 200; all: `GET /v1/services?capability_id=`"
    )
    service_count: int = 0
