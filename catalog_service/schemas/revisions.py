"""Bodies of a service's revisions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from catalog_service.domain.revision import RevisionState
from catalog_service.schemas.parts import Sentence, unchanged
from services.http import Body, Read


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
