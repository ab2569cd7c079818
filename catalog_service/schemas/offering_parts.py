"""What an offering's bodies are made of: tier, audience, commitments, fulfilment, options, bundle, relations."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.options import MAX_OPTIONS, OptionKind
from catalog_service.domain.relation import RelationKind
from catalog_service.domain.tier import MAX_ATTRIBUTES, Better
from catalog_service.schemas.parts import LINE, Key, Name, Unit
from services.http import Body, DecimalInput, DecimalString, Read
from services.identity import Role

MOST_OF_A_MEMBER = 10**6


def _value(value: Any) -> Any:
    """A whole number is taken for its decimal string."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53:
        return str(value)
    if isinstance(value, bool) or (isinstance(value, str) and 0 < len(value) <= 200 and "\0" not in value):
        return value
    raise ValueError("must be text of 1 to 200 characters, a decimal as a string, a whole number, or true or false")


AttributeKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$", examples=["ram"])]
AttributeValue = Annotated[bool | str, BeforeValidator(_value)]


class TierAttribute(Body):
    key: AttributeKey
    name: Name = Field(examples=["Memory"])
    value: AttributeValue = Field(examples=["16"], description="A decimal as a string, true or false, or text")
    unit: Unit | None = Field(None, examples=["GB"])
    better: Better | None = Field(None, description="Which direction is an improvement")


def _form(value: Any) -> str:
    return "by_key" if isinstance(value, dict) else "list"


def _as_list(attributes: list[TierAttribute] | dict[str, str | bool]) -> list[TierAttribute]:
    if isinstance(attributes, list):
        return attributes
    return [TierAttribute(key=key, name=key, value=value, unit=None, better=None) for key, value in attributes.items()]


_ATTRIBUTES_EXAMPLE = [
    {"key": "vcpu", "name": "Processors", "value": "2", "unit": "cores", "better": "higher"},
    {"key": "ram", "name": "Memory", "value": "16", "unit": "GB", "better": "higher"},
]
Attributes = Annotated[
    Annotated[list[TierAttribute], Field(max_length=MAX_ATTRIBUTES), Tag("list")]
    | Annotated[dict[AttributeKey, AttributeValue], Field(max_length=MAX_ATTRIBUTES), Tag("by_key")],
    Discriminator(_form),
    AfterValidator(_as_list),
    Field(
        description="Numbers are decimal strings; keys are unique. A map of key to value is taken as well.",
        examples=[_ATTRIBUTES_EXAMPLE],
    ),
]


class Tier(Body):
    """What sets an offering apart from its siblings, as attributes that can be compared."""

    name: Name = Field(examples=["Tier 1"])
    rank: Annotated[int, Field(strict=True, ge=1, le=1_000, description="Higher is better")]
    attributes: Attributes = Field(default_factory=list)

    @property
    def listed(self) -> list[TierAttribute]:
        """The attributes; whichever form they came in, they are a list by now."""
        return [attribute for attribute in self.attributes if isinstance(attribute, TierAttribute)]


class TierAttributeRead(Read):
    key: str
    name: str
    value: bool | str
    unit: str | None
    better: Better | None


class TierRead(Read):
    name: str
    rank: int
    attributes: list[TierAttributeRead] = Field(examples=[_ATTRIBUTES_EXAMPLE])


class Audience(Body):
    """Who may ask for it: everyone, or who is in one of the business units (or above or below it) and, where roles
    are named, holds one of them."""

    everyone: bool = False
    business_unit_ids: Annotated[list[UUID], Field(max_length=500)] = Field(default_factory=list)
    roles: Annotated[list[Role], Field(max_length=len(Role))] = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        lines = [*self.business_unit_ids, *self.roles]
        if self.everyone and lines:
            raise ValueError("everyone leaves no business units or roles to name")
        if not self.everyone and not lines:
            raise ValueError("name a business unit or a role, or say everyone; an audience of nobody is null")
        if len(set(lines)) < len(lines):
            raise ValueError("names a business unit or a role twice")
        return self


class AudienceRead(Read):
    everyone: bool
    business_unit_ids: list[UUID]
    roles: list[str]


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
    percentile: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=100,
            exclude_if=lambda percentile: percentile is None,
            description="Of a hundred deliveries, responses or recoveries so many must meet the target. Left out: "
            "85 of lead_time and response_time, 100 of rto and rpo; availability and support_hours have none",
        ),
    ] = None


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


class Option(Body):
    """What whoever asks may choose."""

    key: AttributeKey = Field(examples=["disk"])
    name: Name = Field(examples=["Disk"])
    kind: OptionKind
    choices: Annotated[list[Name], Field(max_length=100, description="Of a choice")] = Field(default_factory=list)
    minimum: DecimalInput | None = Field(None, description="Of a quantity or an add-on; null: 0")
    maximum: DecimalInput | None = Field(None, description="null: no end")
    default: Annotated[bool | str, BeforeValidator(_value)] | None = Field(None, description="What not choosing means")
    required: bool = False
    unit: Unit | None = Field(None, examples=["GB"])
    offering_id: UUID | None = Field(None, description="Of an add-on that is an offering of its own")
    charge_key: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = (
        Field(None, description="The charge of the price plan that it is billed by", examples=["disk-gb"])
    )


class BundleMember(Body):
    offering_id: UUID
    quantity: DecimalInput = Field(Decimal(1), description="Of the member for each of the bundle")

    @field_validator("quantity")
    @classmethod
    def _some(cls, quantity: Decimal) -> Decimal:
        if not 0 < quantity <= MOST_OF_A_MEMBER:
            raise ValueError(f"must be above 0 and at most {MOST_OF_A_MEMBER}")
        return quantity


class Relation(Body):
    kind: RelationKind
    other_id: UUID = Field(description="The other offering")


class OptionRead(Read):
    key: str
    name: str
    kind: OptionKind
    choices: list[str]
    minimum: DecimalString | None
    maximum: DecimalString | None
    default: bool | str | None
    required: bool
    unit: str | None
    offering_id: UUID | None
    charge_key: str | None


class BundleMemberRead(Read):
    offering_id: UUID
    quantity: DecimalString


class RelationRead(Read):
    kind: RelationKind
    other_id: UUID


class Direction(StrEnum):
    TO = "to"
    FROM = "from"


class RelatedRead(Read):
    """A relation as it looks from here: `to` another offering, or `from` one that is so related to this."""

    kind: RelationKind
    direction: Direction
    other_id: UUID
    other_name: str
    other_state: OfferingState


Options = Annotated[list[Option], Field(max_length=MAX_OPTIONS)]
Bundle = Annotated[list[BundleMember], Field(max_length=100)]
Relations = Annotated[list[Relation], Field(max_length=200)]
