"""Entries of a catalogue document, version 1: the bodies of the API, and what a thing is known by.

References stand where the API has ids. `SECTIONS` says what a document consists of.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.schemas.campaigns import CampaignCreate, CampaignRead
from catalog_service.schemas.dependencies import Dependency
from catalog_service.schemas.offerings import OfferingCreate, OfferingRead
from catalog_service.schemas.parts import Instant, Key, PersonId, Sentence
from catalog_service.schemas.portfolio import NodeCreate, NodeRead
from catalog_service.schemas.revisions import RevisionCreate, RevisionRead
from catalog_service.schemas.scorecards import ScorecardCreate, ScorecardRead
from catalog_service.schemas.services import ServiceCreate, ServiceRead

VERSION = 1
Reference = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300),
    Field(description="An id, `<system>:<id>` of an external id, or the `key` of an entry", examples=["hr:BU-0042"]),
]
KnownId = Annotated[
    UUID | None,
    Field(description="Of the thing; kept where it is new, so that what other apps know of it stays right"),
]
KnownKey = Annotated[Key | None, Field(description='Short for an external id of the system "key"')]
_WHEN = "Of a new thing: kept as it is; the instant of the import, if it is left out"


class TaxonomyEntry(NodeCreate):
    id: KnownId = None
    key: KnownKey = None


class CapabilityEntry(NodeCreate):
    id: KnownId = None
    key: KnownKey = None


class ServiceEntry(ServiceCreate):
    id: KnownId = None
    key: KnownKey = None
    features: Annotated[list[Sentence], Field(max_length=200, description="What its active revision promises")] = Field(
        default_factory=list
    )
    dependencies: Annotated[list[Dependency], Field(max_length=200)] = Field(default_factory=list)
    retirement_planned_for: date | None = None
    state: ServiceState = Field(
        ServiceState.DRAFT, description="Whatever is not draft or under_evaluation needs an admin"
    )


class ServiceShown(ServiceRead):
    dependencies: list[Dependency] = Field(default_factory=list)


class RevisionEntry(RevisionCreate):
    """Known by its number within its service."""

    number: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
    state: RevisionState = RevisionState.DRAFT
    based_on: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        None, description="The revision that it was opened from"
    )
    live_at: Instant | None = Field(None, description="Of one that is scheduled: when it goes live by itself")
    published_at: Instant | None = Field(None, description=_WHEN)
    archived_at: Instant | None = Field(None, description=_WHEN)


class OfferingEntry(OfferingCreate):
    id: KnownId = None
    key: KnownKey = None
    state: OfferingState = Field(OfferingState.DRAFT, description="Whatever is not draft needs an admin")
    series_id: UUID | None = Field(None, description="Shared by the versions of one offering")
    number: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    published_at: Instant | None = Field(None, description=_WHEN)
    retired_at: Instant | None = Field(None, description=_WHEN)


class ScorecardEntry(ScorecardCreate):
    """Known by its key as well."""

    id: KnownId = None
    owner_id: PersonId | None = Field(None, description="Who may change it; whoever imports it, if left out")


class CampaignEntry(CampaignCreate):
    """One that has not started."""

    id: KnownId = None
    key: KnownKey = None
    state: CampaignState = Field(CampaignState.DRAFT, description="draft or scheduled; an admin's alone")


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of thing: its body, and where in it the ids of other things stand (`*` is any item of a list)."""

    name: str
    singular: str
    body: type[BaseModel]
    read: type[BaseModel]
    references: Mapping[tuple[str, ...], str]
    within: str | None = None
    # The field that says which thing it is in; the document says so by nesting.
    parent: str | None = None

    @property
    def fields(self) -> list[str]:
        """What an export says of a thing, in this order, beside its id."""
        left_out = {"id", self.parent, *(["key"] if "external_ids" in self.body.model_fields else [])}
        return [name for name in self.body.model_fields if name not in left_out and name in self.read.model_fields]

    def shown(self, row: Any) -> dict[str, Any]:
        """A thing as entries have it, with ids where a document has references."""
        read = self.read.model_validate(row, from_attributes=True).model_dump(mode="json")
        return in_order({name: read[name] for name in self.fields})


# Lists whose order says nothing.
_SETS = (
    ("external_ids",),
    ("capability_ids",),
    ("content", "capability_ids"),
    ("dependencies",),
    ("audience", "business_unit_ids"),
    ("audience", "roles"),
    ("relations",),
)


def in_order(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with sets in their one order, so that equal things look equal."""
    for *path, last in _SETS:
        holder: Any = fields
        for part in path:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(last), list):
            holder[last] = sorted(holder[last], key=lambda item: json.dumps(item, sort_keys=True))
    return fields


ALL = {
    section.name: section
    for section in (
        Section("taxonomy", "taxonomy node", TaxonomyEntry, NodeRead, {("parent_id",): "taxonomy"}),
        Section("capabilities", "capability", CapabilityEntry, NodeRead, {("parent_id",): "capabilities"}),
        Section(
            "services",
            "service",
            ServiceEntry,
            ServiceShown,
            {
                ("taxonomy_node_id",): "taxonomy",
                ("capability_ids", "*"): "capabilities",
                ("dependencies", "*", "on_id"): "services",
            },
        ),
        Section(
            "revisions",
            "revision",
            RevisionEntry,
            RevisionRead,
            {("content", "capability_ids", "*"): "capabilities"},
            within="services",
        ),
        Section(
            "offerings",
            "offering",
            OfferingEntry,
            OfferingRead,
            {
                ("taxonomy_node_id",): "taxonomy",
                ("bundle", "*", "offering_id"): "offerings",
                ("options", "*", "offering_id"): "offerings",
                ("relations", "*", "other_id"): "offerings",
            },
            within="services",
            parent="service_id",
        ),
        Section("scorecards", "scorecard", ScorecardEntry, ScorecardRead, {}),
        Section(
            "campaigns",
            "campaign",
            CampaignEntry,
            CampaignRead,
            {("offering_ids", "*"): "offerings", ("audience", "capability_ids", "*"): "capabilities"},
        ),
    )
}
# The sections of a document in their order, and the lists of other things within each of their entries.
SECTIONS: Mapping[str, tuple[str, ...]] = {
    section.name: tuple(inner.name for inner in ALL.values() if inner.within == section.name)
    for section in ALL.values()
    if section.within is None
}
# What only the past of a thing knows; of one that is there already it is not compared.
PAST = frozenset({"published_at", "archived_at", "retired_at"})
NAMES = frozenset({"id", "key", "external_ids"})


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a whole document, made from the bodies; references stand where they have ids."""
    definitions: dict[str, Any] = {}
    entries: dict[str, dict[str, Any]] = {}
    for section in ALL.values():
        made = section.body.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= made.pop("$defs", {})
        entries[section.name] = made
        if section.parent is not None:
            made["properties"].pop(section.parent)
            made["required"] = [name for name in made.get("required", ()) if name != section.parent]
    for section in ALL.values():
        for path in section.references:
            _refer(entries[section.name], path, definitions)
        if section.within is not None:
            entries[section.within]["properties"][section.name] = {
                "type": "array",
                "items": {"$ref": f"#/$defs/{section.body.__name__}"},
            }
    for name, made in entries.items():
        definitions[ALL[name].body.__name__] = made
    lists = {
        name: {"type": "array", "items": {"$ref": f"#/$defs/{ALL[name].body.__name__}"}, "default": []}
        for name in SECTIONS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ITaaS catalogue",
        "type": "object",
        "required": ["itaas_catalogue"],
        "additionalProperties": False,
        "properties": {"itaas_catalogue": {"const": VERSION}, **lists},
        "$defs": definitions,
    }


def _refer(schema: dict[str, Any], path: tuple[str, ...], definitions: dict[str, Any]) -> None:
    """Put references in the place of UUIDs at `path`."""
    for part in path:
        schema = _resolved(schema, definitions)
        below = schema.get("items") if part == "*" else schema.get("properties", {}).get(part)
        if below is None:
            return
        schema = below
    for each in (schema, *schema.get("anyOf", ())):
        if each.get("format") == "uuid":
            del each["format"]
            each |= {"minLength": 1, "maxLength": 300, "description": "An id, <system>:<id>, or the key of an entry"}


def _resolved(schema: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    each: dict[str, Any]
    for each in (schema, *schema.get("anyOf", ())):
        if "$ref" in each:
            return definitions[each["$ref"].rpartition("/")[2]]
        if "items" in each or "properties" in each:
            return each
    return schema
