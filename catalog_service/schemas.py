"""Request and response bodies of the catalogue."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from services.http import Body, DecimalInput, DecimalString, ExternalId, Read

# One line with something in it; text without NUL, which PostgreSQL cannot store.
_LINE = r"^[^\x00-\x1f]*[^\x00-\x20][^\x00-\x1f]*$"
_SAID = r"^[^\x00]*[^\x00\s][^\x00]*$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
Sentence = Annotated[str, Field(min_length=1, max_length=2_000, pattern=_SAID)]
Unit = Annotated[str, Field(min_length=1, max_length=40, pattern=_LINE, examples=["server", "GB"])]
PersonId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="An opaque person_id")]
Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", examples=["build"])]
ExternalIds = Annotated[list[ExternalId], Field(max_length=20)]


def _attribute(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= 2**53:
        return value
    if isinstance(value, str) and len(value) <= 200 and "\0" not in value:
        return value
    raise ValueError("must be a string of up to 200 characters, a whole number up to 2^53, or true or false")


Attribute = Annotated[bool | int | str, BeforeValidator(_attribute)]


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def unchanged() -> Any:
    """The default of a field that a PATCH may leave out, but not set to null."""
    return Field(default=None, json_schema_extra=_no_default)


class ServiceCreate(Body):
    name: Name = Field(examples=["Virtual servers"])
    description: Text = ""
    unit_of_measure: Unit = Field(description="What its cost and volume are counted in")
    owner_id: PersonId | None = None
    external_ids: ExternalIds = Field(default_factory=list)


class ServiceChange(Body):
    """What is left out stays as it is."""

    name: Name = unchanged()
    description: Text = unchanged()
    owner_id: PersonId | None = None


class Reason(Body):
    reason: Sentence = Field(examples=["The design is complete."])


class UnitCostRead(Read):
    period: str = Field(examples=["2026-10"])
    unit_cost: DecimalString | None
    unit_of_measure: str
    currency: str
    allocation_run_id: UUID


class ServiceRead(Read):
    id: UUID
    name: str
    description: str
    owner_id: str | None
    state: ServiceState
    unit_of_measure: str
    active_revision: int | None
    external_ids: list[ExternalId]
    created_at: datetime
    updated_at: datetime


class ServiceDetail(ServiceRead):
    unit_cost: UnitCostRead | None = Field(
        default=None, description="As pricing published it last; for service owners and finance"
    )


class TransitionRead(Read):
    from_state: ServiceState | None
    to_state: ServiceState
    at: datetime
    actor_id: str | None
    reason: str


class RevisionCreate(Body):
    summary: Sentence = Field(examples=["Backup every six hours"])
    changes: Annotated[list[Sentence], Field(max_length=100)] = Field(default_factory=list)
    improvement_ids: Annotated[list[UUID], Field(max_length=200, description="Improvements that it ships")] = Field(
        default_factory=list
    )
    demand_ids: Annotated[list[UUID], Field(max_length=200, description="Demands that it answers")] = Field(
        default_factory=list
    )


class RevisionChange(Body):
    """What is left out stays as it is."""

    summary: Sentence = unchanged()
    changes: Annotated[list[Sentence], Field(max_length=100)] = unchanged()
    improvement_ids: Annotated[list[UUID], Field(max_length=200)] = unchanged()
    demand_ids: Annotated[list[UUID], Field(max_length=200)] = unchanged()


class RevisionRead(Read):
    id: UUID
    service_id: UUID
    number: int
    state: RevisionState
    summary: str
    changes: list[str]
    improvement_ids: list[UUID]
    demand_ids: list[UUID]
    published_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


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
            pattern=_LINE,
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
