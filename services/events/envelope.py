"""The CloudEvents 1.0 envelope and its wire form: the one module that knows the `cloudevents` library.

On the wire an event is in Kafka's binary content mode: attributes as `ce_` headers, the data as JSON, the key
the aggregate's id. The embedded log carries the same headers and bytes.
Source: CloudEvents Kafka protocol binding 1.0.2, and the extensions `partitioning`, `sequence` and
`distributed tracing`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary_event
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.v1.event import CloudEvent

from services.errors import Invalid

# Wide enough for any fact of an organisation, narrow enough that no time zone leads out of the calendar.
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200


class MalformedEvent(Invalid): ...


@dataclass(frozen=True, slots=True)
class Message:
    """What a topic takes: a key, headers and bytes."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent's attributes and its data, parsed and checked."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    data: dict[str, Any]
    correlation_id: str
    causation_id: str | None
    sequence: int
    business_unit_id: str | None
    actor_id: str | None
    traceparent: str | None
    partition_key: str


def to_message(envelope: Envelope, topic: str) -> Message:
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "partitionkey": envelope.partition_key,
        "correlationid": envelope.correlation_id,
        "causationid": envelope.causation_id,
        "sequence": str(envelope.sequence),
        "businessunitid": envelope.business_unit_id,
        "actorid": envelope.actor_id,
        "traceparent": envelope.traceparent,
    }
    event = CloudEvent({name: value for name, value in attributes.items() if value is not None}, envelope.data)
    wire = to_binary_event(event)
    return Message(
        topic=topic,
        key=envelope.partition_key,
        headers={name: value.decode() for name, value in wire.headers.items()},
        value=wire.value,
    )


def from_message(key: str, headers: dict[str, str], value: bytes) -> Envelope:
    """Read binary or structured content mode. Raises MalformedEvent, naming what is wrong."""
    try:
        event = from_kafka_event(
            KafkaMessage(headers={name: text.encode() for name, text in headers.items()}, key=key, value=value)
        )
    except (CloudEventValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        # AttributeError: what the library makes of structured JSON that is no object, such as a bare number.
        raise MalformedEvent(f"not a CloudEvent: {error}") from error
    attributes = event.get_attributes()
    data = event.get_data()
    if not isinstance(data, dict):
        raise MalformedEvent("the data is not a JSON object")
    try:
        sequence = int(attributes.get("sequence", 0))
    except ValueError as error:
        raise MalformedEvent(f"sequence {attributes['sequence']!r} is not a number") from error
    time = attributes.get("time")
    if not isinstance(time, datetime):
        raise MalformedEvent("time is missing")
    if not EARLIEST_YEAR <= time.year <= LATEST_YEAR:
        raise MalformedEvent(f"time {time.isoformat()} is not of this age")
    for name in ("id", "source", "type", "subject", "correlationid", "causationid", "businessunitid", "actorid"):
        text = attributes.get(name)
        if isinstance(text, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
            raise MalformedEvent(f"{name} holds NUL or half a character, which nothing can store")
    return Envelope(
        id=event.get_id(),
        source=event.get_source(),
        type=event.get_type(),
        subject=event.get_subject(),
        time=time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC),
        data=data,
        correlation_id=attributes.get("correlationid") or event.get_id(),
        causation_id=attributes.get("causationid"),
        sequence=sequence,
        business_unit_id=attributes.get("businessunitid"),
        actor_id=attributes.get("actorid"),
        traceparent=attributes.get("traceparent"),
        partition_key=key,
    )
