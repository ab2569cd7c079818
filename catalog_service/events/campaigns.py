"""What the catalogue publishes of campaigns: for the desk that makes opportunities of them, and for mailers.

`seen` has the view for its subject: views of one campaign by many people at once must not wait for each other.
"""

from datetime import datetime
from uuid import UUID

from catalog_service.events.part import OFFERING, SERVICE, Part
from services.events import EventData, event_type

_CAMPAIGN = "0192f0c1-7b00-7000-8000-00000000000c"
_UNIT = "0192f0c1-7b00-7000-8000-00000000000d"
_VIEW = "0192f0c1-7b00-5000-8000-00000000000e"


class MessageData(Part):
    title: str
    text: str
    call_to_action: str


class BroughtData(Part):
    """An offering of the campaign."""

    id: UUID
    service_id: UUID
    name: str


class CampaignData(EventData):
    """The full state of a campaign that has started. `business_unit_ids` is whom it addressed at its start."""

    id: UUID
    name: str
    state: str
    offerings: list[BroughtData]
    message: MessageData
    channels: list[str]
    roles: list[str]
    starts_at: datetime
    ends_at: datetime
    started_at: datetime
    ended_at: datetime | None
    attribution_days: int
    business_unit_ids: list[UUID]


_RUNNING = {
    "id": _CAMPAIGN,
    "name": "Servers for the autumn term",
    "state": "running",
    "offerings": [{"id": OFFERING, "service_id": SERVICE, "name": "Virtual server, tier 1"}],
    "message": {
        "title": "A server of your own within a day",
        "text": "Your term starts in October; your server can be there before it.",
        "call_to_action": "Ask for a server",
    },
    "channels": ["portal", "desk"],
    "roles": [],
    "starts_at": "2026-09-01T06:00:00Z",
    "ends_at": "2026-10-01T06:00:00Z",
    "started_at": "2026-09-01T06:00:00Z",
    "ended_at": None,
    "attribution_days": 30,
    "business_unit_ids": [_UNIT],
}


@event_type("itaas.catalog.campaign.started.v1", summary="A campaign runs from now on", example=_RUNNING)
class CampaignStarted(CampaignData): ...


@event_type(
    "itaas.catalog.campaign.changed.v1",
    summary="A running campaign was paused or resumed, or its end was moved",
    example=_RUNNING | {"state": "paused"},
)
class CampaignChanged(CampaignData): ...


@event_type(
    "itaas.catalog.campaign.ended.v1",
    summary="A campaign has ended; what comes of it is counted for its attribution window still",
    example=_RUNNING | {"state": "ended", "ended_at": "2026-10-01T06:00:00Z"},
)
class CampaignEnded(CampaignData): ...


@event_type(
    "itaas.catalog.campaign.seen.v1",
    summary="Somebody of a business unit was shown a campaign, for the first time that day; the subject is the view",
    example={
        "id": _VIEW,
        "campaign_id": _CAMPAIGN,
        "business_unit_id": _UNIT,
        "person_id": "7c1f3c1e-5b1a-4a53-9d3f-2f5d1f6f0a11",
        "channel": "portal",
        "seen_at": "2026-09-01T09:00:00Z",
    },
)
class CampaignSeen(EventData):
    id: UUID
    campaign_id: UUID
    business_unit_id: UUID
    person_id: str | None
    channel: str
    seen_at: datetime
