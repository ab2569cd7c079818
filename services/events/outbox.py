"""The outbox: an event is written in the transaction of the change that it tells of, or not at all.

`record` also raises the aggregate's version, which becomes the event's `sequence`: so two changes of one
aggregate can never be told in the wrong order (the second writer's row needs the first one's commit).
"""

from sqlalchemy.ext.asyncio import AsyncSession

from services import context
from services.clock import utc_now
from services.db.aggregate import Aggregate, touch
from services.db.chassis_tables import OutboxRow
from services.errors import TooLarge
from services.events.envelope import Envelope, Message, to_message
from services.events.log import MAX_MESSAGE_BYTES, PARTITIONS, partition_of
from services.events.registry import EventData
from services.ids import uuid7


class EventTooLarge(TooLarge): ...


def record(
    session: AsyncSession, aggregate: Aggregate, event: type[EventData] | EventData, *, thread: str | None = None
) -> str:
    """Record what happened to `aggregate`, as it is now: call it after the change. Returns the event's id.

    Given a payload class, the payload is read from the aggregate's attributes. `thread` is the correlation id of
    the value loop that the event belongs to; by default the aggregate's own, which is wrong for one that outlives
    loops (a service, a budget): there it is that of the cause (`quote.correlation_id`), or `current_thread()`.
    """
    touch(aggregate)
    data = event if isinstance(event, EventData) else event.of(aggregate)
    declared = data.event
    work = context.current()
    unit = getattr(aggregate, "business_unit_id", None)
    envelope = Envelope(
        id=str(uuid7()),
        source=f"/itaas/{declared.service}",
        type=declared.name,
        subject=str(aggregate.id),
        time=utc_now(),
        data=data.model_dump(mode="json"),
        correlation_id=thread or aggregate.correlation_id,
        causation_id=work.causation_id,
        sequence=aggregate.version,
        business_unit_id=None if unit is None else str(unit),
        actor_id=work.actor_id,
        traceparent=work.traceparent,
        partition_key=str(aggregate.id),
    )
    enqueue(session, to_message(envelope, declared.topic))
    return envelope.id


def current_thread() -> str:
    """The correlation id of the request, message, job or timer at hand."""
    return context.current().correlation_id


def enqueue(session: AsyncSession, message: Message) -> None:
    """Put a message in wire form into the outbox of this transaction.

    Raises EventTooLarge for one that the event log would refuse: it would hold up its shard for ever.
    """
    if len(message.value) > MAX_MESSAGE_BYTES:
        raise EventTooLarge(f"an event of {len(message.value)} bytes; at most {MAX_MESSAGE_BYTES} can be published")
    session.add(
        OutboxRow(
            shard=partition_of(message.key, PARTITIONS),
            topic=message.topic,
            key=message.key,
            headers=message.headers,
            value=message.value,
            recorded_at=utc_now(),
        )
    )
