"""A usage event (CloudEvents 1.0, type itaas.usage.v1) becomes a reading, or is rejected with a reason.

`time` says which period it belongs to, `subject` which subscription, `data` which meter and how much.
Quantities are decimal strings; a JSON number is taken digit by digit where the reader kept its digits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pricing_service.domain.exact import NumberUnreadable, exact_decimal
from services.errors import Invalid

USAGE_TYPE = "itaas.usage.v1"
MAX_KEY = 256
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class UsageRejected(Invalid): ...


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Reading:
    id: str
    source: str
    time: datetime
    subscription_id: UUID
    meter: str
    quantity: Decimal


def reading(event: object) -> Reading:
    """The reading of one event as parsed from JSON. Raises UsageRejected naming the attribute and the reason."""
    if not isinstance(event, Mapping):
        raise UsageRejected("the event is not a JSON object")
    if event.get("specversion") != "1.0":
        raise UsageRejected("specversion must be 1.0")
    if event.get("type") != USAGE_TYPE:
        raise UsageRejected(f"type must be {USAGE_TYPE}")
    data = event.get("data")
    if not isinstance(data, Mapping):
        raise UsageRejected("data must be an object with meter and quantity")
    unknown = set(data) - {"meter", "quantity"}
    if unknown:
        raise UsageRejected(f"data/{min(unknown)[:40]} is not known")
    return Reading(
        id=_text(event, "id"),
        source=_text(event, "source"),
        time=_time(event.get("time")),
        subscription_id=_subject(event.get("subject")),
        meter=_text(data, "meter", "data/"),
        quantity=_quantity(data.get("quantity")),
    )


def _text(holder: Mapping[str, object], name: str, at: str = "") -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_KEY or "\0" in value:
        raise UsageRejected(f"{at}{name} must be a text of 1 to {MAX_KEY} characters")
    return value


def _time(value: object) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise UsageRejected("time must be an RFC 3339 instant with a zone")


def _subject(value: object) -> UUID:
    try:
        return UUID(value) if isinstance(value, str) else UUID("")
    except ValueError:
        raise UsageRejected("subject must be the id of a subscription") from None


def _quantity(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise UsageRejected("data/quantity must be a decimal string")
    try:
        quantity = exact_decimal(str(value))
    except NumberUnreadable as refusal:
        raise UsageRejected(f"data/quantity: {refusal.detail}") from refusal
    if quantity < 0:
        raise UsageRejected("data/quantity must not be negative")
    return quantity
