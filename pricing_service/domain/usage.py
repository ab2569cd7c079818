"""A usage event (CloudEvents 1.0) becomes readings, or is rejected by name.

`time` says which period it belongs to, `subject` which subscription, `type` and `data` what was measured:

| type | data | is |
|---|---|---|
| itaas.usage.v1 | {"meter", "quantity"}, more where the meter is declared | a reading |
| a declared meter's event type | what the meters' paths point into | a reading per meter of that type |
| itaas.usage.voided.v1 | {"original": {"source", "id"}} | a void: the original no longer counts |
| itaas.usage.replaced.v1 | {"original": …} and what a reading has, or its {"type", "data"} | a reading instead |

Numbers are decimal strings; a JSON number is taken digit by digit where the reader kept its digits (a float did not).

UsageRejected
├── EventNotReadable      an attribute is missing or has the wrong form
├── QuantityUnreadable    no exact number
├── NegativeUsage         below zero, of a meter that does not allow it
├── ValueMissing          nothing at the path of a meter
├── MeterUnknown          neither declared nor priced for the subscription
├── SubscriptionUnknown   (on the topic it is waited for first)
├── OutsideSubscription   before its first day, or after its end
├── UsageTooLate, UsageInFuture
└── CorrectionNotReadable the original is not named, or is the event itself
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pricing_service.domain.calendar import UTC_ZONE
from pricing_service.domain.exact import NumberUnreadable, exact_decimal
from pricing_service.domain.meters import Aggregation, Meter, Step, at_path, plain_text
from services.errors import Fault, Invalid

USAGE_TYPE, VOIDED_TYPE, REPLACED_TYPE = "itaas.usage.v1", "itaas.usage.voided.v1", "itaas.usage.replaced.v1"
MAX_KEY = 256
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_SIMPLE = frozenset({"meter", "quantity"})
_ONE = Decimal(1)


class UsageRejected(Invalid):
    """`faults` hold one JSON pointer into the event; the text quotes nothing of it but what names things."""

    @property
    def pointer(self) -> str:
        return self.faults[0].pointer if self.faults else ""


class EventNotReadable(UsageRejected): ...


class QuantityUnreadable(UsageRejected): ...


class NegativeUsage(UsageRejected): ...


class ValueMissing(UsageRejected): ...


class MeterUnknown(UsageRejected): ...


class SubscriptionUnknown(UsageRejected): ...


class OutsideSubscription(UsageRejected): ...


class UsageTooLate(UsageRejected): ...


class UsageInFuture(UsageRejected): ...


class CorrectionNotReadable(UsageRejected): ...


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CORRECTED = "corrected"
    REJECTED = "rejected"


class Kind(StrEnum):
    READING = "reading"
    VOIDED = "voided"
    REPLACED = "replaced"


class Ref(NamedTuple):
    """What names an event for good."""

    source: str
    id: str


class Reading(NamedTuple):
    """What one meter reads of an event. `attributes` are sorted pairs; `version` 0 is an undeclared meter."""

    meter: str
    version: int
    quantity: Decimal
    value: str | None = None
    attributes: tuple[tuple[str, str], ...] | None = None


class Taken(NamedTuple):
    """An event that may be kept. A void has no readings."""

    ref: Ref
    kind: Kind
    original: Ref | None
    time: datetime
    day: date
    subscription_id: UUID
    readings: tuple[Reading, ...]

    @property
    def content(self) -> tuple[Any, ...]:
        """What two events of one id have in common if they say the same."""
        said = tuple((each.meter, each.quantity, each.value, each.attributes or None) for each in self.readings)
        return self.kind, self.original, self.time, self.subscription_id, said


@dataclass(frozen=True, slots=True)
class Subscription:
    """As metering sees it: `priced` are the meters that any version of its plan prices."""

    id: UUID
    first_day: date
    ended_at: datetime | None
    priced: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What events are held against. `subscriptions` maps the subjects of the batch, as written; None: not known."""

    oldest: datetime
    newest: datetime
    subscriptions: Mapping[str, Subscription | None]
    meters: Mapping[str, Meter] = field(default_factory=dict)  # the newest version of each, by key
    by_type: Mapping[str, Sequence[Meter]] = field(default_factory=dict)  # the same, of other types than itaas.usage.v1
    zone: ZoneInfo = UTC_ZONE


def subject_of(event: object) -> str | None:
    """The subject as written, if it can be the id of a subscription."""
    subject = event.get("subject") if isinstance(event, Mapping) else None
    return subject if isinstance(subject, str) and len(subject) == 36 else None


def subscription_id(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None


def take(event: object, rules: Rules) -> Taken:
    """The event as it is kept. Raises a UsageRejected that says which attribute is wrong and why."""
    if not isinstance(event, Mapping):
        raise _no(EventNotReadable, "", "the event is not a JSON object")
    if event.get("specversion") != "1.0":
        raise _no(EventNotReadable, "/specversion", "specversion must be 1.0")
    ref = Ref(_text(event, "source"), _text(event, "id"))
    kind, original, of_type, data = _said(event, ref, rules)
    time = _time(event.get("time"))
    subscription = _subscription(event, rules)
    day = time.date() if rules.zone is UTC_ZONE else time.astimezone(rules.zone).date()
    if time > rules.newest:
        raise _no(UsageInFuture, "/time", f"time lies in the future: it may be {_instant(rules.newest)} at the latest")
    if kind is Kind.VOIDED:
        return Taken(ref, kind, original, time, day, subscription.id, ())
    if time < rules.oldest:
        raise _no(UsageTooLate, "/time", f"the usage comes too late: it may be from {_instant(rules.oldest)} on")
    if day < subscription.first_day:
        raise _no(
            OutsideSubscription, "/time", f"time lies before {subscription.first_day}, the subscription's first day"
        )
    if subscription.ended_at is not None and time > subscription.ended_at:
        raise _no(
            OutsideSubscription, "/time", f"time lies after the subscription's end at {_instant(subscription.ended_at)}"
        )
    return Taken(ref, kind, original, time, day, subscription.id, _readings(of_type, data, kind, subscription, rules))


def _said(event: Mapping[str, Any], ref: Ref, rules: Rules) -> tuple[Kind, Ref | None, str, Mapping[str, Any]]:
    """What kind of event it is, what it corrects, and the type and data of its reading."""
    kind, data = event.get("type"), event.get("data")
    if kind == USAGE_TYPE:
        return Kind.READING, None, USAGE_TYPE, _object(data, "data must be an object with meter and quantity")
    if not isinstance(kind, str) or (kind not in rules.by_type and kind not in (VOIDED_TYPE, REPLACED_TYPE)):
        raise _no(EventNotReadable, "/type", f"type must be {USAGE_TYPE}, a correction, or a declared meter's")
    if kind not in (VOIDED_TYPE, REPLACED_TYPE):
        return Kind.READING, None, kind, {} if data is None else _object(data, "data must be an object")
    data = _object(data, "data must be an object that names the original")
    original = _original(data.get("original"), ref)
    if kind == VOIDED_TYPE:
        _only(data, {"original"})
        return Kind.VOIDED, original, USAGE_TYPE, {}
    rest = {name: value for name, value in data.items() if name != "original"}
    if set(rest) == {"type", "data"}:
        inner = rest["type"]
        if inner != USAGE_TYPE and inner not in rules.by_type:
            raise _no(EventNotReadable, "/data/type", f"data/type must be {USAGE_TYPE} or a declared meter's")
        return Kind.REPLACED, original, inner, _object(rest["data"], "data/data must be an object")
    return Kind.REPLACED, original, USAGE_TYPE, rest


def _original(named: Any, ref: Ref) -> Ref:
    if not isinstance(named, Mapping) or set(named) != {"source", "id"}:
        raise _no(CorrectionNotReadable, "/data/original", "data/original must be an object with source and id")
    original = Ref(_text(named, "source", "data/original/"), _text(named, "id", "data/original/"))
    if original == ref:
        raise _no(CorrectionNotReadable, "/data/original", "the event names itself as its original")
    return original


def _readings(
    of_type: str, data: Mapping[str, Any], kind: Kind, subscription: Subscription, rules: Rules
) -> tuple[Reading, ...]:
    if of_type != USAGE_TYPE:
        return tuple(_measured(meter, data, kind) for meter in rules.by_type[of_type])
    key = _text(data, "meter", "data/")
    meter = rules.meters.get(key)
    if meter is not None:
        if meter.event_type != USAGE_TYPE:
            raise _no(MeterUnknown, "/data/meter", f"meter {key!r} reads events of another type")
        return (_measured(meter, data, kind),)
    if not _SIMPLE.issuperset(data):
        _only(data, _SIMPLE)
    if key not in subscription.priced:
        raise _no(MeterUnknown, "/data/meter", f"meter {key!r} has no price in the offering's plan")
    return (Reading(key, 0, _number(data.get("quantity"), "data/quantity", negative=False)),)


def _measured(meter: Meter, data: Mapping[str, Any], kind: Kind) -> Reading:
    attributes: tuple[tuple[str, str], ...] | None = None
    if meter.group_by:
        kept = ((name, plain_text(at_path(data, steps))) for name, steps in meter.group_by.items())
        attributes = tuple(sorted((name, text) for name, text in kept if text is not None and _storable(text))) or None
    if meter.aggregation is Aggregation.COUNT or meter.value is None:
        return Reading(meter.key, meter.version, _ONE, None, attributes)
    at, value = _shown(meter.value), at_path(data, meter.value)
    if value is None:
        raise _no(ValueMissing, "/" + at, f"{at}, which meter {meter.key!r} reads, is not there")
    if meter.aggregation is Aggregation.UNIQUE_COUNT:
        text = plain_text(value)
        if text is None or not _storable(text):
            raise _no(EventNotReadable, "/" + at, f"{at} must be a single value of at most {MAX_KEY} characters")
        return Reading(meter.key, meter.version, _ONE, text, attributes)
    number = _number(value, at, negative=meter.allows_negative)
    return Reading(meter.key, meter.version, number, None, attributes)


def _subscription(event: Mapping[str, Any], rules: Rules) -> Subscription:
    subject = event.get("subject")
    found = rules.subscriptions.get(subject) if isinstance(subject, str) else None
    if found is None:
        if not isinstance(subject, str) or len(subject) != 36 or subscription_id(subject) is None:
            raise _no(EventNotReadable, "/subject", "subject must be the id of a subscription")
        raise _no(SubscriptionUnknown, "/subject", f"subscription {subject} is not known")
    return found


def _text(holder: Mapping[str, Any], name: str, at: str = "") -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_KEY or not _storable(value):
        raise _no(EventNotReadable, f"/{at}{name}", f"{at}{name} must be a text of 1 to {MAX_KEY} characters")
    return value


def _storable(text: str) -> bool:
    """Neither NUL nor half a character, which no database takes for text."""
    if text.isascii():
        return "\0" not in text
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def showable(text: str) -> str:
    """The text with U+FFFD in place of half a character, so that whoever is answered can read it."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _time(value: object) -> datetime:
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _no(EventNotReadable, "/time", "time must be an RFC 3339 instant with a zone")


def _number(value: object, at: str, *, negative: bool) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise _no(QuantityUnreadable, "/" + at, f"{at} must be a decimal string")
    try:
        number = exact_decimal(value if isinstance(value, str) else str(value))
    except NumberUnreadable as refusal:
        raise _no(QuantityUnreadable, "/" + at, f"{at}: {refusal.detail}") from refusal
    if number < 0 and not negative:
        raise _no(NegativeUsage, "/" + at, f"{at} must not be negative")
    return number


def _object(data: object, wanted: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _no(EventNotReadable, "/data", wanted)
    return data


def _only(data: Mapping[str, Any], known: frozenset[str] | set[str]) -> None:
    unknown = set(data) - known
    if unknown:
        raise _no(EventNotReadable, "/data", f"data/{min(unknown)[:40]} is not known")


def _shown(steps: Sequence[Step]) -> str:
    return "/".join(["data", *map(str, steps)])


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _no(kind: type[UsageRejected], pointer: str, detail: str) -> UsageRejected:
    return kind(detail, faults=[Fault(pointer, detail)])
