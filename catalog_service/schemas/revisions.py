"""Bodies of a service's revisions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from catalog_service.domain.revision import RevisionState
from catalog_service.schemas.parts import Instant, Name, Sentence, Text, unchanged
from catalog_service.schemas.services import CapabilityIds, SupportContact
from services.http import Body, Read

Changes = Annotated[list[Sentence], Field(max_length=100)]
Improvements = Annotated[list[UUID], Field(max_length=200, description="Improvements that it ships")]
Demands = Annotated[list[UUID], Field(max_length=200, description="Demands that it answers")]
Themes = Annotated[list[UUID], Field(max_length=200, description="Themes of feedback that it addresses")]


class RevisionContent(Body):
    """What the service promises from this revision on. null, or left out: as the service says."""

    name: Name | None = None
    description: Text | None = Field(None, examples=["Servers on our own cluster, ready within a day."])
    features: Annotated[list[Sentence], Field(max_length=100)] | None = Field(None, examples=[["Ready within a day"]])
    support_contact: SupportContact | None = None
    capability_ids: CapabilityIds | None = None


_REVISION: dict[str, JsonValue] = {
    "summary": "Ready within a day",
    "changes": ["Servers are built in advance"],
    "content": {
        "description": "Servers on our own cluster, ready within a day.",
        "features": ["Built in advance", "Four tiers"],
    },
    "improvement_ids": ["0192f0c1-7b00-7000-8000-000000000021"],
    "demand_ids": ["0192f0c1-7b00-7000-8000-000000000022"],
    "theme_ids": ["0192f0c1-7b00-7000-8000-000000000023"],
}


class RevisionCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_REVISION]})

    summary: Sentence = Field(examples=["Backup every six hours"])
    changes: Changes = Field(default_factory=list)
    content: RevisionContent = Field(default_factory=RevisionContent)
    improvement_ids: Improvements = Field(default_factory=list)
    demand_ids: Demands = Field(default_factory=list)
    theme_ids: Themes = Field(default_factory=list)


class RevisionNext(RevisionCreate):
    summary: Sentence | None = Field(None, examples=["Backup every six hours"])  # type: ignore[assignment]


class RevisionChange(Body):
    """What is left out stays as it is; of the content too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"summary": "Ready within a day", "content": {"features": ["Built in advance"]}}]
        }
    )

    summary: Sentence = unchanged()
    changes: Changes = unchanged()
    content: RevisionContent = unchanged()
    improvement_ids: Improvements = unchanged()
    demand_ids: Demands = unchanged()
    theme_ids: Themes = unchanged()


class RevisionSchedule(Body):
    live_at: Instant = Field(description="When it goes live by itself")


class RevisionRead(Read):
    id: UUID
    service_id: UUID
    number: int
    state: RevisionState
    summary: str
    changes: list[str]
    content: RevisionContent = Field(description="What it changes; once it has been live, all that it promised")
    based_on: int | None = Field(description="The revision that it was opened from")
    improvement_ids: list[UUID]
    demand_ids: list[UUID]
    theme_ids: list[UUID]
    live_at: datetime | None
    published_at: datetime | None
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ReasonRead(Read):
    id: UUID
    title: str | None = Field(description="null: not known here, or not yours to see")
    state: str | None = None


class Rationale(Read):
    improvements: list[ReasonRead]
    demands: list[ReasonRead]
    themes: list[ReasonRead]


class RevisionDetail(RevisionRead):
    promises: RevisionContent = Field(description="What the service says once this is live; of one that was, for good")
    rationale: Rationale = Field(description="Why it was made")


class DifferenceRead(Read):
    op: Literal["added", "removed", "changed"]
    pointer: str = Field(
        examples=["/content/description"],
        description="Into the newer document; of what was removed, into the older one",
    )
    old: Any = None
    new: Any = None


class RevisionDifference(Read):
    from_number: int
    to_number: int
    differences: list[DifferenceRead]
