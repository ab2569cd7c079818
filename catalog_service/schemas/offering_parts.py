"""What an offering's bodies are made of: tier, audience, commitments, fulfilment."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.tier import MAX_ATTRIBUTES, Better
from catalog_service.schemas.parts import LINE, Key, Name, Unit
from services.http import Body, DecimalInput, Read
from services.identity import Role


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
    {"key": "vcpu", "name": "Processors", "value": "2", "unit": None, "better": "higher"},
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
