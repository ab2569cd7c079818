"""Bodies of offerings."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from catalog_service.domain.offering import OfferingState
from catalog_service.schemas.attainments import AttainmentRead, LeadTimeRead
from catalog_service.schemas.offering_parts import (
    Audience,
    AudienceRead,
    Bundle,
    BundleMemberRead,
    Commitment,
    Commitments,
    Fulfilment,
    FulfilmentTask,
    OptionRead,
    Options,
    RelatedRead,
    RelationRead,
    Relations,
    RequestForm,
    Tier,
    TierRead,
)
from catalog_service.schemas.parts import ExternalIds, Instant, Name, Text, Unit, unchanged
from catalog_service.schemas.prices import PriceRead, ServiceCostRead
from services.http import Body, DecimalInput, DecimalString, ExternalId, Read

_OFFERING: dict[str, JsonValue] = {
    "service_id": "0192f0c1-7b00-7000-8000-000000000001",
    "name": "Virtual server, tier 1",
    "description": "A small server for a website or a test.",
    "tier": {
        "name": "Tier 1",
        "rank": 1,
        "attributes": [{"key": "ram", "name": "Memory", "value": "4", "unit": "GB", "better": "higher"}],
    },
    "commitments": [
        {"kind": "availability", "target": "99.5", "unit": "percent"},
        {"kind": "lead_time", "target": "3", "unit": "days"},
    ],
    "request_form": {
        "type": "object",
        "required": ["purpose"],
        "properties": {"purpose": {"type": "string", "maxLength": 500}},
    },
    "fulfilment": [{"key": "build", "name": "Build and harden the server", "role": "server-operations"}],
    "audience": {"business_unit_ids": ["0192f0c1-7b00-7000-8000-00000000000d"], "roles": ["consumer"]},
    "valid_from": "2026-12-01T00:00:00Z",
    "valid_until": "2028-01-01T00:00:00Z",
    "options": [{"key": "disk", "name": "Disk", "kind": "choice", "choices": ["hdd", "ssd"], "default": "hdd"}],
    "relations": [{"kind": "upgrades_to", "other_id": "0192f0c1-7b00-7000-8000-000000000003"}],
    "external_ids": [{"system": "cmdb", "id": "OFF-1"}],
}


class OfferingCreate(Body):
    """A draft may be saved with gaps; publishing it lists what is missing."""

    model_config = ConfigDict(json_schema_extra={"examples": [_OFFERING]})

    service_id: UUID
    name: Name = Field(examples=["Virtual server, tier 1"])
    description: Text = ""
    unit_of_measure: Unit | None = Field(None, description="The service's own, if left out")
    tier: Tier | None = None
    commitments: Commitments = Field(default_factory=list)
    request_form: RequestForm | None = None
    fulfilment: Fulfilment = Field(default_factory=list)
    taxonomy_node_id: UUID | None = Field(None, description="Its place in the portfolio")
    audience: Audience | None = Field(None, description="null: nobody yet")
    valid_from: Instant | None = Field(None, description="Can be asked for from here on; null: from its publication")
    valid_until: Instant | None = Field(None, description="Can be asked for until before this; null: no end is known")
    options: Options = Field(default_factory=list)
    bundle: Bundle = Field(default_factory=list)
    relations: Relations = Field(default_factory=list)
    external_ids: ExternalIds = Field(default_factory=list)


class OfferingChange(Body):
    """What is left out stays as it is; what can be missing in a draft is taken back with null."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"audience": {"everyone": True}, "valid_until": "2028-01-01T00:00:00Z"}]}
    )

    name: Name = unchanged()
    description: Text = unchanged()
    unit_of_measure: Unit = unchanged()
    tier: Tier | None = None
    commitments: Commitments = unchanged()
    request_form: RequestForm | None = None
    fulfilment: Fulfilment = unchanged()
    taxonomy_node_id: UUID | None = None
    audience: Audience | None = None
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    options: Options = unchanged()
    bundle: Bundle = unchanged()
    relations: Relations = unchanged()


class ScoreRead(Read):
    kind: str = Field(examples=["nps"])
    score: DecimalString | None = Field(description="null while it is withheld")
    n: int
    low: DecimalString | None
    high: DecimalString | None
    withheld: bool


class OfferingItem(Read):
    id: UUID
    name: str
    description: str
    service_id: UUID
    service_name: str
    unit_of_measure: str
    tier: TierRead | None
    commitments: list[Commitment]
    state: OfferingState
    taxonomy_node_id: UUID | None
    audience: AudienceRead | None = Field(description="null: nobody yet")
    valid_from: datetime | None
    valid_until: datetime | None
    series_id: UUID = Field(description="Shared by all versions of the offering")
    number: int = Field(description="Of the version, counted from 1")
    external_ids: list[ExternalId]
    score: ScoreRead | None = Field(default=None, description="What its users say; null until they have said anything")
    observed_lead_time: LeadTimeRead | None = Field(
        default=None, description="What its orders took lately; null until one was fulfilled"
    )


class MatchRead(Read):
    word: str = Field(description="As it was asked for, without case and accents", examples=["server"])
    field: Literal["name", "description", "around"] = Field(
        description="`around`: the names of its service, capabilities, taxonomy nodes and tier"
    )
    how: Literal["exact", "prefix", "typo"]


class FoundOffering(OfferingItem):
    match: list[MatchRead] | None = Field(
        default=None, description="How each word of `q` was found, at its best; null without `q`"
    )


class OfferingRead(OfferingItem):
    request_form: dict[str, Any] | None
    fulfilment: list[FulfilmentTask]
    options: list[OptionRead]
    bundle: list[BundleMemberRead]
    relations: list[RelationRead]
    published_at: datetime | None
    retired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OfferingDetail(OfferingRead):
    attainment: list[AttainmentRead] = Field(
        default_factory=list, description="Of each commitment that was measured, what became of it last"
    )
    price: PriceRead | None = Field(default=None, description="Of the caller's business unit, or that for all")
    unit_cost: ServiceCostRead | None = Field(default=None, description="Of its service; for owners and finance")
    related: list[RelatedRead] = Field(default_factory=list, description="Its relations in both directions")
    active_subscriptions: int | None = Field(default=None, description="For service owners and finance")


class VersionRead(Read):
    """A version of an offering, the oldest first."""

    id: UUID
    number: int
    name: str
    state: OfferingState
    valid_from: datetime | None
    valid_until: datetime | None
    published_at: datetime | None
    retired_at: datetime | None


class FormAnswers(Body):
    """What a request would say; nothing is kept of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"form": {"purpose": "A licence service"}, "options": {"disk": "ssd"}, "quantity": "2"}]
        }
    )

    form: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    quantity: DecimalInput | None = Field(None, examples=["2"])


class AnswerFault(Read):
    pointer: str = Field(examples=["/form/purpose"])
    message: str = Field(examples=["is needed"])


class FormVerdict(Read):
    valid: bool
    errors: list[AnswerFault]
