"""Bodies of offerings."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.schemas.parts import LINE, Attribute, ExternalIds, Key, Name, Text, Unit, unchanged
from services.http import Body, DecimalInput, DecimalString, ExternalId, Read


class Tier(Body):
    """What sets an offering apart from its siblings, as attributes that can be compared."""

    name: Name = Field(examples=["Tier 1"])
    rank: Annotated[int, Field(strict=True, ge=1, le=1_000, description="Higher is better")]
    attributes: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], Attribute],
        Field(max_length=50, description="Units stand in the names", examples=[{"vcpu": 1, "ram_gb": 1}]),
    ] = Field(default_factory=dict)


class Commitment(Body):
    kind: CommitmentKind
    target: DecimalInput = Field(examples=["99.5"])
    unit: Annotated[
        str,
        Field(
            max_length=40,
            pattern=LINE,
            description="percent, minutes, hours, days or hours_per_week",
            examples=["percent"],
        ),
    ]


class FulfilmentTask(Body):
    key: Key
    name: Name = Field(examples=["Build and harden the server"])
    depends_on: Annotated[list[Key], Field(max_length=100)] = Field(default_factory=list)
    role: Name = Field(description="Who does it", examples=["server-operations"])


_FORM_EXAMPLE = {"type": "object", "required": ["purpose"], "properties": {"purpose": {"type": "string"}}}
RequestForm = Annotated[
    dict[str, Any], Field(description="JSON Schema 2020-12 of what a request must fill in", examples=[_FORM_EXAMPLE])
]
Commitments = Annotated[list[Commitment], Field(max_length=20)]
Fulfilment = Annotated[list[FulfilmentTask], Field(max_length=100)]


class OfferingCreate(Body):
    """A draft may be saved with gaps; publishing it lists what is missing."""

    service_id: UUID
    name: Name = Field(examples=["Virtual server, tier 1"])
    description: Text = ""
    unit_of_measure: Unit | None = Field(None, description="The service's own, if left out")
    tier: Tier | None = None
    commitments: Commitments = Field(default_factory=list)
    request_form: RequestForm | None = None
    fulfilment: Fulfilment = Field(default_factory=list)
    external_ids: ExternalIds = Field(default_factory=list)


class OfferingChange(Body):
    """What is left out stays as it is; tier and request form can be taken back with null."""

    name: Name = unchanged()
    description: Text = unchanged()
    unit_of_measure: Unit = unchanged()
    tier: Tier | None = None
    commitments: Commitments = unchanged()
    request_form: RequestForm | None = None
    fulfilment: Fulfilment = unchanged()


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
    tier: Tier | None
    commitments: list[Commitment]
    state: OfferingState
    external_ids: list[ExternalId]
    score: ScoreRead | None = Field(default=None, description="What its users say; null until they have said anything")


class OfferingRead(OfferingItem):
    request_form: dict[str, Any] | None
    fulfilment: list[FulfilmentTask]
    published_at: datetime | None
    retired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OfferingDetail(OfferingRead):
    active_subscriptions: int | None = Field(default=None, description="For service owners and finance")
