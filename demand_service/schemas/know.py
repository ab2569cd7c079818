"""Bodies of the unit tree, profiles, alignments, meetings and promises, people."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator

from demand_service.domain.engagement import PromiseKind, PromiseState
from demand_service.domain.goal import GoalStatus
from demand_service.domain.profile import Criticality, FactKind
from demand_service.domain.unit_moves import MoveState
from demand_service.schemas.core import GoalRead, Line, PersonId, Sentence, Text, given
from services.http import Body, DecimalInput, DecimalString, ExternalId, Read

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 12, 31))]
Instant = Annotated[AwareDatetime, Field(ge=datetime.fromisoformat("1900-01-01T00:00:00Z"))]
Person = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$", description="Opaque id")]
Priority = Annotated[int, Field(ge=1, le=5, description="1 is the most urgent")]
ReviewDays = Annotated[int, Field(ge=1, le=3650, description="Stale once it was not confirmed for so many days")]


# ---- the tree


class Move(Body):
    parent_id: UUID | None = Field(description="null: to the top")
    effective_on: Day | None = Field(None, description="Today if left out; a later day is kept until it comes")
    reason: Sentence


class PlacementRead(Read):
    id: UUID
    parent_id: UUID | None
    effective_on: date
    until: date | None = Field(description="The first day on which it was no longer there")
    state: MoveState
    reason: str | None
    refusal: str | None
    person_id: PersonId | None
    recorded_at: datetime


class UnitUpsert(Body):
    """What is left out stays as it is."""

    name: Line | None = Field(None, description="Needed for a new business unit")
    parent_id: UUID | None = None
    cost_centre: Line | None = None
    headcount: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    external_ids: list[ExternalId] = Field([], max_length=20, description="Are added to those that there are")


# ---- profiles


class HeadcountDetails(Body):
    value: Annotated[int, Field(ge=0, le=10_000_000)]


class SiteDetails(Body):
    location: Line | None = None
    headcount: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class SystemDetails(Body):
    purpose: Line | None = None
    vendor: Line | None = None
    criticality: Criticality = Criticality.MEDIUM


class ProcessDetails(Body):
    criticality: Criticality
    volume: DecimalInput | None = None
    volume_unit: Line | None = Field(None, description="As in 'analyses a month'")
    pain: Text = ""
    capabilities: list[Line] = Field([], max_length=50, description="The catalogue's capabilities, by id or name")


class _Fact(Body):
    name: Line
    source: Line = Field(description="Where it is known from", examples=["interview with the unit's head"])
    confirmed_on: Day | None = Field(None, description="Today if left out")
    review_every_days: ReviewDays = 90


class HeadcountFact(_Fact):
    kind: Literal[FactKind.HEADCOUNT]
    name: Line = "Headcount"
    details: HeadcountDetails


class SiteFact(_Fact):
    kind: Literal[FactKind.SITE]
    details: SiteDetails = SiteDetails()


class SystemFact(_Fact):
    kind: Literal[FactKind.SYSTEM]
    details: SystemDetails = SystemDetails()


class ProcessFact(_Fact):
    kind: Literal[FactKind.PROCESS]
    details: ProcessDetails


FactBody = Annotated[HeadcountFact | SiteFact | SystemFact | ProcessFact, Field(discriminator="kind")]


class Confirmation(Body):
    source: Line | None = Field(None, description="If it is another one than before")
    confirmed_on: Day | None = Field(None, description="Today if left out")
    review_every_days: ReviewDays | None = None


class FactRead(Read):
    id: UUID
    version: int
    business_unit_id: UUID
    kind: FactKind
    name: str
    goal_id: UUID | None
    details: dict[str, Any]
    source: str
    confirmed_on: date
    confirmed_by: PersonId | None
    review_every_days: int
    stale_on: date = Field(description="The first day on which it is stale")


class MeasurementBody(Body):
    measured_on: Day | None = Field(None, description="Today if left out; a second one of a day replaces the first")
    value: DecimalInput
    source: Line


class MeasurementRead(Read):
    measured_on: date
    value: DecimalString
    source: str
    person_id: PersonId | None


class GoalProgress(GoalRead):
    status: GoalStatus
    measurements: list[MeasurementRead]


class ProfileRead(Read):
    business_unit_id: UUID
    facts: list[FactRead]
    goals: list[GoalProgress]
    stale: int = Field(description="How many of the facts are stale today")


# ---- alignments and people


class AlignmentCreate(Body):
    person_id: Person
    business_unit_id: UUID
    starts_on: Day | None = Field(None, description="Today if left out")
    ends_on: Day | None = None


class AlignmentPatch(Body):
    ends_on: Day | None = Field(description="Its last day; null: without an end")


class AlignmentRead(Read):
    id: UUID
    version: int
    person_id: PersonId
    business_unit_id: UUID
    starts_on: date
    ends_on: date | None


class PersonRead(Read):
    id: UUID
    version: int
    person_id: PersonId
    business_unit_id: UUID
    role: str | None
    starts_on: date
    ends_on: date | None
    external_ids: list[ExternalId]


# ---- meetings and promises


class MeetingCreate(Body):
    business_unit_id: UUID
    held_at: Instant
    subject: Line
    notes: Text = ""
    attendees: list[Person] = Field([], max_length=100)


class MeetingRead(Read):
    id: UUID
    version: int
    business_unit_id: UUID
    held_at: datetime
    subject: str
    notes: str
    attendees: list[PersonId]


class PromiseCreate(Body):
    business_unit_id: UUID
    meeting_id: UUID | None = None
    kind: PromiseKind = PromiseKind.PROMISE
    text: Sentence
    owner_id: Person
    due_on: Day


class PromisePatch(Body):
    text: Sentence | None = None
    owner_id: Person | None = None
    due_on: Day | None = None

    _kept = field_validator("text", "owner_id", "due_on", mode="before")(given)


class PromiseRead(Read):
    id: UUID
    version: int
    business_unit_id: UUID
    meeting_id: UUID | None
    kind: PromiseKind
    text: str
    owner_id: PersonId
    due_on: date
    state: PromiseState
    overdue: bool
    settled_at: datetime | None
    settled_note: str | None
