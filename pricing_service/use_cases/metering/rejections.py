"""Usage of the topic that was refused for good: its producer hears of it, beside the dead letter."""

import re

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.usage import MAX_KEY, SubscriptionUnknown, UsageRejected
from pricing_service.events import UsageRejectedTold
from pricing_service.tables import UsageRejection
from services.errors import Refusal
from services.events import NotYet, Refused, record


async def reject(session: AsyncSession, refused: Refused) -> None:
    """Keep the refusal by its name and the place of the fault: never what stood there."""
    rejection = UsageRejection(
        source=refused.source[:MAX_KEY],
        event_id=refused.id[:MAX_KEY],
        event_type=refused.type[:MAX_KEY],
        reason=_reason(refused.error),
        pointer=_pointer(refused.error),
    )
    session.add(rejection)
    record(session, rejection, UsageRejectedTold)


def refusal_name(kind: type[Exception]) -> str:
    """As the problems of HTTP name it: negative-usage."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def _reason(error: Exception) -> str:
    match error:
        case NotYet():
            return refusal_name(SubscriptionUnknown)
        case Refusal():
            return refusal_name(type(error))
        case ValidationError():
            return "data-not-readable"
        case _:
            return "not-processable"


def _pointer(error: Exception) -> str:
    match error:
        case NotYet():
            return "/subject"
        case UsageRejected():
            return error.pointer
        case _:
            return ""
