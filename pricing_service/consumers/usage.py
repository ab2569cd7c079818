"""What pricing does when a meter reports usage."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.use_cases import usage
from services.events import Delivery, EventSeen


class UsageSeen(EventSeen):
    meter: str
    quantity: str | int


@consumers.reaction("itaas.usage.v1")
async def keep_usage(session: AsyncSession, event: Delivery[UsageSeen], now: datetime) -> None:
    attributes = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": str(event.subject),
        "data": event.data.model_dump(),
    }
    await usage.ingest_from_topic(session, attributes, now=now)
