"""Bodies of campaigns: whom they bring what, and what came of it."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.campaign_audience import GoalStatus, LeftOutWhy, Match
from catalog_service.schemas.parts import ExternalIds, Name, PersonId, Sentence, unchanged
from services.http import Body, DecimalString, ExternalId, Read
from services.identity import Role


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must say its time zone")
    # The year first: at the ends of the calendar another zone would lie outside it.
    if not 2000 <= moment.year <= 2200:
        raise ValueError("must lie between 2000 and 2200")
    return moment.astimezone(UTC)


CampaignInstant = Annotated[datetime, AfterValidator(_utc)]
Channel = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,29}$",
        description="`portal` is served by /v1/campaigns/mine; others (email, desk, webhook, …) act on the events",
        examples=["portal"],
    ),
]


class CampaignMessage(Body):
    title: Annotated[Name, Field(max_length=120, examples=["A server of your own within a day"])]
    text: Annotated[Sentence, Field(examples=["Your term starts in October; your server can be there before it."])]
    call_to_action: Annotated[Name, Field(max_length=60, examples=["Ask for a server"])]


class GoalLine(Body):
    """Business units with such a goal."""

    words: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="All of them in the goal's name or metric; none: any goal",
            examples=["first analysis"],
        ),
    ] = ""
    status: GoalStatus = Field(
        GoalStatus.UNMET, description="A goal whose current value demand has not told counts as unmet"
    )
    due_within_days: Annotated[int, Field(strict=True, ge=0, le=3_660)] | None = None


class CampaignAudience(Body):
    """Lines of one kind are alternatives; a business unit must fit all the kinds that are given, or any of them."""

    match: Match = Match.ALL
    everyone: bool = False
    business_unit_ids: Annotated[list[UUID], Field(max_length=500, description="And all below them")] = Field(
        default_factory=list
    )
    capability_ids: Annotated[list[UUID], Field(max_length=50)] = Field(default_factory=list)
    goals: Annotated[list[GoalLine], Field(max_length=20)] = Field(default_factory=list)
    roles: Annotated[
        list[Role], Field(max_length=7, description="Who of the addressed units is shown it; none: everybody")
    ] = Field(default_factory=list)


_CREATE: dict[str, Any] = {
    "name": "Servers for the autumn term",
    "offering_ids": ["0192f0c1-7b00-7000-8000-000000000002"],
    "message": {
        "title": "A server of your own within a day",
        "text": "Your term starts in October; your server can be there before it.",
        "call_to_action": "Ask for a server",
    },
    "channels": ["portal", "desk"],
    "starts_at": "2026-09-01T06:00:00Z",
    "ends_at": "2026-10-01T06:00:00Z",
    "audience": {"match": "all", "goals": [{"words": "first analysis", "status": "unmet", "due_within_days": 365}]},
}
OfferingIds = Annotated[list[UUID], Field(min_length=1, max_length=20)]
Channels = Annotated[list[Channel], Field(min_length=1, max_length=10)]
AttributionDays = Annotated[
    int,
    Field(strict=True, ge=0, le=365, description="How long after its end a demand is counted as the campaign's"),
]


class CampaignCreate(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [_CREATE]})

    name: Name
    offering_ids: OfferingIds
    message: CampaignMessage
    channels: Channels = Field(default_factory=lambda: ["portal"])
    starts_at: CampaignInstant = Field(description="If it has passed when it is scheduled, it starts at once")
    ends_at: CampaignInstant
    audience: CampaignAudience
    leave_out_subscribers: bool = Field(True, description="Of each unit, the offerings that it holds already")
    attribution_days: AttributionDays = 30
    external_ids: ExternalIds = Field(default_factory=list)


class CampaignChange(Body):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ends_at": "2026-11-01T06:00:00Z"}]})

    name: Name = unchanged()
    offering_ids: OfferingIds = unchanged()
    message: CampaignMessage = unchanged()
    channels: Channels = unchanged()
    starts_at: CampaignInstant = unchanged()
    ends_at: CampaignInstant = unchanged()
    audience: CampaignAudience = unchanged()
    leave_out_subscribers: bool = unchanged()
    attribution_days: AttributionDays = unchanged()


class CampaignEndMove(Body):
    ends_at: CampaignInstant = Field(examples=["2026-11-01T06:00:00Z"])
    reason: Sentence = Field(examples=["The term was put off."])


class ViewCreate(Body):
    """Sent by whatever showed it. Integrations say who saw it, as an opaque person_id, and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"business_unit_id": "0192f0c1-7b00-7000-8000-00000000000d", "channel": "portal"}]
        }
    )

    business_unit_id: UUID
    channel: Channel = "portal"
    person_id: PersonId | None = Field(None, description="For integrations; people stand for themselves")
    seen_at: CampaignInstant | None = Field(None, description="For integrations; now, if left out")


class CampaignRead(Read):
    id: UUID
    name: str
    state: CampaignState
    offering_ids: list[UUID]
    message: CampaignMessage
    channels: list[str]
    starts_at: datetime
    ends_at: datetime
    audience: CampaignAudience
    leave_out_subscribers: bool
    attribution_days: int
    started_at: datetime | None
    ended_at: datetime | None
    external_ids: list[ExternalId]
    created_at: datetime
    updated_at: datetime


class CampaignTransitionRead(Read):
    from_state: CampaignState | None
    to_state: CampaignState
    at: datetime
    actor_id: str | None
    reason: str


class CampaignReasonRead(Read):
    kind: str = Field(examples=["goal"])
    text: str = Field(examples=["goal 'Faster first results' (days from 12 to 3, due 2027-03-31) is unmet"])


class AddressedUnit(Read):
    business_unit_id: UUID
    name: str
    reasons: list[CampaignReasonRead]
    offering_ids: list[UUID]


class LeftOutUnit(Read):
    business_unit_id: UUID
    name: str
    why: LeftOutWhy


class CampaignAudienceRead(Read):
    """Before its start: whom it would address now. From its start on: whom it addressed."""

    frozen: bool
    addressed: int = Field(description="How many business units, also those that are not yours to see")
    left_out: dict[LeftOutWhy, int] = Field(description="Units that fit and are not addressed; empty once it is frozen")
    business_units: list[AddressedUnit] = Field(description="Those in your sight, the first 1,000, by name")
    left_out_business_units: list[LeftOutUnit] = Field(description="Those in your sight, the first 1,000, by name")


class BroughtOffering(Read):
    id: UUID
    name: str
    service_id: UUID


class MyCampaignUnit(Read):
    business_unit_id: UUID
    name: str | None
    reasons: list[CampaignReasonRead]


class MyCampaign(Read):
    id: UUID
    name: str
    message: CampaignMessage
    ends_at: datetime
    offerings: list[BroughtOffering]
    business_units: list[MyCampaignUnit]


class MyCampaigns(Read):
    items: list[MyCampaign]


class ViewRead(Read):
    id: UUID
    campaign_id: UUID
    business_unit_id: UUID
    channel: str
    seen_at: datetime = Field(description="When it was first shown that day")


class CampaignRateRead(Read):
    count: int
    of: int = Field(description="n; with 0 there is no rate")
    rate: DecimalString | None = Field(examples=["0.250000"])
    low: DecimalString | None = Field(description="95 % interval (Wilson)")
    high: DecimalString | None


class CampaignResultsRead(Read):
    """Business units at each step; each counts once. What was asked for without having seen it stands apart."""

    campaign_id: UUID
    state: CampaignState
    as_of: datetime
    counted_from: datetime | None
    counted_until: datetime | None = Field(description="null until it has ended")
    addressed: int
    seen: int
    demanded: int
    subscribed: int
    unseen_demanded: int
    unseen_subscribed: int
    taken_back: int = Field(description="Demands that were withdrawn, rejected or cancelled")
    reach: CampaignRateRead
    demand_conversion: CampaignRateRead
    subscription_conversion: CampaignRateRead


class UnitOutcomeRead(Read):
    business_unit_id: UUID
    name: str | None
    reasons: list[CampaignReasonRead]
    seen_at: datetime | None
    demanded_at: datetime | None
    subscribed_at: datetime | None
    unseen_demanded_at: datetime | None
    unseen_subscribed_at: datetime | None
    taken_back: int


class CampaignDayRead(Read):
    """How many business units came to each step on that day (UTC), for the first time."""

    day: date
    seen: int
    demanded: int
    subscribed: int


class CampaignDaysRead(Read):
    items: list[CampaignDayRead]
