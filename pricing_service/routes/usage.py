"""Usage comes in as CloudEvents, one at a time or in batches."""

from typing import Annotated, Any

from fastapi import Request

from pricing_service.domain.usage import USAGE_TYPE
from pricing_service.schemas.statements import UsageOutcomes
from pricing_service.use_cases import usage
from services.http import Api, Now, WriteSession
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Usage"])

_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "subject", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "maxLength": 256, "description": "Unique within the source, for good"},
        "source": {"type": "string", "maxLength": 256},
        "type": {"const": USAGE_TYPE},
        "time": {"type": "string", "format": "date-time", "description": "Decides the billing period"},
        "subject": {"type": "string", "format": "uuid", "description": "The subscription"},
        "data": {
            "type": "object",
            "required": ["meter", "quantity"],
            "properties": {
                "meter": {"type": "string", "examples": ["vm-hours"]},
                "quantity": {"type": "string", "examples": ["12.5"]},
            },
        },
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            usage.SINGLE: {"schema": _EVENT},
            usage.BATCH: {"schema": {"type": "array", "items": _EVENT, "maxItems": usage.MAX_EVENTS}},
        },
    }
}


@router.post("/usage", summary="Report usage", openapi_extra=_BODY)
async def report_usage(
    request: Request, principal: Annotated[Principal, may(Role.INTEGRATION)], session: WriteSession, now: Now
) -> UsageOutcomes:
    """Each event is accepted, a duplicate (its source and id are known), or rejected with the reason."""
    events = usage.parsed_events(request.headers.get("content-type", ""), await request.body())
    return UsageOutcomes(items=await usage.ingest_usage(session, events, now=now))
