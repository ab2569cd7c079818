"""What the gateway's own API answers with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from services.http import Read


class EventRead(Read):
    """An archived event. Who caused it (`actorid`) stays in the archive."""

    stream_id: int = Field(description="Its place in the archive; later events are higher")
    id: str
    type: str = Field(examples=["itaas.pricing.quote.accepted.v1"])
    source: str = Field(examples=["/itaas/pricing"])
    subject: UUID = Field(description="The aggregate that it is about")
    sequence: int = Field(description="The aggregate's version")
    time: datetime
    business_unit_id: UUID | None
    correlation_id: str
    causation_id: str | None = Field(description="The event or request that led to it")
    data: dict[str, Any] = Field(description="The aggregate's public state")


class TracedEvent(EventRead):
    depth: int = Field(description="How many events of this thread led to it, one after the other")
    links: dict[str, str] = Field(
        description="`resource`: where to read what the event is about",
        examples=[{"resource": "/pricing/v1/quotes/0190d3a2-7e4c-7bbb-8a3e-0123456789ab"}],
    )


class Trace(Read):
    """One value loop's thread: each event is followed by what it led to, and what led to nothing goes by time."""

    correlation_id: str
    events: list[TracedEvent]
    truncated: bool = Field(description="Whether the thread is longer than what is shown")
