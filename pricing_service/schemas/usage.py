"""Usage: what became of reported events, meters, and what they measured."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from pricing_service.domain.meters import Aggregation
from pricing_service.domain.usage import USAGE_TYPE, Kind, Outcome
from pricing_service.schemas.numbers import Key, Name
from services.http import Body, DecimalString, Read

EventType = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]*$")]
PathText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Into the event's `data`: an RFC 9535 singular query such as $.tokens or $.request['region']",
        examples=["$.tokens"],
    ),
]


class UsageOutcome(Read):
    """What became of one event. `note`, `refusal` and `pointer` are left out where they do not apply."""

    index: int = Field(description="Its place in the request, from 0")
    id: str | None = None
    source: str | None = None
    outcome: Outcome
    note: str | None = Field(None, description="Of one that was kept: what is special about it")
    reason: str | None = Field(None, description="Why it was rejected, for a person")
    refusal: str | None = Field(None, description="The same for a program", examples=["negative-usage"])
    pointer: str | None = Field(None, description="JSON pointer into the event", examples=["/data/quantity"])


class UsageOutcomes(Read):
    """One outcome per event, in the order of the request, and how many there are of each."""

    items: list[UsageOutcome]
    accepted: int
    corrected: int
    duplicate: int
    rejected: int


class MeterDeclare(Body):
    key: Key
    name: Name
    unit: Annotated[Name, Field(examples=["hours"])]
    event_type: EventType = Field(
        USAGE_TYPE, description=f"Which events it reads; those of {USAGE_TYPE} name their meter in data.meter"
    )
    aggregation: Aggregation = Field(description="Fixed for good: another aggregation is another meter")
    value_path: PathText | None = Field(
        None, description="What it measures; of `count` nothing. Default for itaas.usage.v1: $.quantity"
    )
    group_by: Annotated[dict[Key, PathText], Field(max_length=16)] = Field(
        default_factory=dict,
        description="Attributes that are kept with each reading, by name",
        examples=[{"region": "$.region"}],
    )
    allows_negative: bool = Field(False, description="Whether values below zero are readings, or refused by name")


class MeterRead(Read):
    id: UUID
    key: str
    meter_version: int
    name: str
    unit: str
    event_type: str
    aggregation: Aggregation
    value_path: str | None
    group_by: dict[str, str]
    allows_negative: bool
    created_at: datetime


class UsagePolicyBody(Body):
    max_late_days: int = Field(366, ge=1, le=36_500, description="Usage older than this is refused as usage-too-late")
    max_ahead_seconds: int = Field(
        300, ge=0, le=2_000_000_000, description="How far producers' clocks may be ahead: beyond it usage-in-future"
    )


class UsagePolicyRead(Read):
    max_late_days: int
    max_ahead_seconds: int


class MeteredGroup(Read):
    window_start: datetime
    window_end: datetime
    period: str | None = Field(None, description="Where the window is a billing period")
    group: dict[str, str | None] = Field(description="The value of each `group_by`; null where the event had none")
    quantity: DecimalString
    events: int


class MeteredUsage(Read):
    """What a meter measured, exactly, window by window; windows and groups without an event are left out."""

    meter: str
    unit: str | None
    aggregation: Aggregation
    items: list[MeteredGroup]


class EventRef(Read):
    source: str
    id: str


class UsageReading(Read):
    meter: str
    meter_version: int = Field(description="0: a meter that nobody declared")
    quantity: DecimalString
    value: str | None
    attributes: dict[str, str] | None


class UsageEventRead(Read):
    source: str
    id: str
    kind: Kind
    time: datetime
    subscription_id: UUID
    readings: list[UsageReading]
    counts: bool = Field(description="Whether it is summed: not voided, not replaced, no correction without effect")
    original: EventRef | None = Field(description="Of a correction: what it voids or replaces")
    received_at: datetime


class UsageEventChain(UsageEventRead):
    """An event with all that it corrects and that corrects it, the originals first."""

    chain: list[UsageEventRead]


class UsageRejectionRead(Read):
    id: UUID
    source: str
    event_id: str
    event_type: str
    reason: str
    pointer: str
    created_at: datetime
