"""What pricing publishes of usage."""

from uuid import UUID

from pricing_service.events.examples import LINE
from services.events import EventData, event_type


@event_type(
    "itaas.pricing.usage.rejected.v1",
    summary="An event of the usage topic was refused for good; the subject is the rejection, the data names the event",
    example={
        "id": LINE,
        "source": "/meters/esx",
        "event_id": "0192f0c1-7b00-7000-8000-0000000000aa",
        "event_type": "itaas.usage.v1",
        "reason": "negative-usage",
        "pointer": "/data/quantity",
    },
)
class UsageRejectedTold(EventData):
    """`reason` is the refusal's name, `pointer` where in the event the fault is; neither quotes the event."""

    id: UUID
    source: str
    event_id: str
    event_type: str
    reason: str
    pointer: str


PUBLISHED: list[type[EventData]] = [UsageRejectedTold]
