"""What pricing does when a meter reports usage, and when it reports it wrongly."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.use_cases.metering import ingest, rejections
from services.events import Delivery, EventSeen, Refused


class UsageSeen(EventSeen):
    """Whatever stands in the data: the meters say what of it is read, and the use case what is wrong with it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, Any]


@consumers.reaction("itaas.usage.*")
async def keep_usage(session: AsyncSession, event: Delivery[UsageSeen], now: datetime) -> None:
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": str(event.subject),
        "data": dict(event.data.__pydantic_extra__),
    }
    await ingest.ingest_from_topic(session, attributes, now=now)


@consumers.refusal("itaas.usage.*")
async def tell_the_producer(session: AsyncSession, refused: Refused, now: datetime) -> None:
    await rejections.reject(session, refused)
