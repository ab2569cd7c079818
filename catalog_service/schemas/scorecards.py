"""Bodies of scorecards, and of how services stand on them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from catalog_service.domain.facts import FactKind
from catalog_service.domain.predicate import Outcome
from catalog_service.schemas.parts import Key, Name, Text, unchanged
from services.http import Body, Page, Read

_CHECK: dict[str, JsonValue] = {"fact": "availability_target", "op": ">=", "value": "99.5"}
Check = Annotated[
    dict[str, Any],
    Field(
        description="A check over the service's facts (`GET /v1/scorecard-facts`): `{fact, op, value}`, "
        "`{fact, op: known}`, `{all: […]}`, `{any: […]}` or `{not: …}`",
        examples=[_CHECK, {"all": [{"fact": "has_owner", "op": "==", "value": True}, {"not": _CHECK}]}],
    ),
]


class ScorecardLevel(Body):
    key: Key = Field(examples=["bronze"])
    name: Name = Field(examples=["Bronze"])


class ScorecardRule(Body):
    key: Key = Field(examples=["owner"])
    level: Key = Field(description="The lowest level that needs it", examples=["bronze"])
    title: Name = Field(examples=["Somebody owns it"])
    description: Text = ""
    check: Check


Levels = Annotated[list[ScorecardLevel], Field(min_length=1, max_length=10, description="The lowest first")]
Rules = Annotated[list[ScorecardRule], Field(min_length=1, max_length=100)]


_LEVELS: list[JsonValue] = [{"key": "bronze", "name": "Bronze"}, {"key": "silver", "name": "Silver"}]
_RULES: list[JsonValue] = [
    {
        "key": "owner",
        "level": "bronze",
        "title": "Somebody owns it",
        "check": {"fact": "has_owner", "op": "==", "value": True},
    },
    {"key": "available", "level": "silver", "title": "Promises to be there", "check": _CHECK},
]


class ScorecardCreate(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"key": "production-ready", "name": "Ready for production", "levels": _LEVELS, "rules": _RULES}
            ]
        }
    )

    key: Key = Field(examples=["production-ready"])
    name: Name = Field(examples=["Ready for production"])
    description: Text = ""
    levels: Levels
    rules: Rules
    applies_to: Check | None = Field(None, description="Only services that pass this are rated; all, if left out")


class ScorecardChange(Body):
    """What is left out stays as it is; `applies_to` can be taken back with null."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"levels": _LEVELS, "rules": _RULES}]})

    name: Name = unchanged()
    description: Text = unchanged()
    levels: Levels = unchanged()
    rules: Rules = unchanged()
    applies_to: Check | None = None


class ScorecardRead(Read):
    id: UUID
    key: str
    name: str
    description: str
    owner_id: str | None = Field(description="Who made it: they and admins may change it")
    levels: list[ScorecardLevel]
    rules: list[ScorecardRule]
    applies_to: dict[str, Any] | None
    version: int = Field(description="What `scorecard_version` of a result is to be held against")
    created_at: datetime
    updated_at: datetime


class RuleOutcome(Read):
    key: str
    outcome: Outcome
    facts: dict[str, bool | str | list[str] | None] = Field(
        description="What the rule looked at, as it was; null where nobody knows it", examples=[{"nps": "12.5"}]
    )


class ScorecardResultRead(Read):
    scorecard_key: str
    service_id: UUID
    service_name: str
    applies: bool
    level: str | None = Field(description="null: not even the lowest")
    passed: int
    failed: int
    unknown: int = Field(description="Rules that a fact is missing for")
    rules: list[RuleOutcome]
    evaluated_at: datetime
    scorecard_version: int


class LevelCount(Read):
    level: str | None
    services: int


class ScorecardResults(Page[ScorecardResultRead]):
    counts: list[LevelCount] = Field(description="Of all services that the card applies to, the highest level first")
    not_applicable: int


class LevelChangeRead(Read):
    from_level: str | None
    to_level: str | None
    at: datetime
    scorecard_version: int


class FactRead(Read):
    name: str
    kind: FactKind
    meaning: str
    operators: list[str]
