"""Events: recorded with the change, relayed to the log, consumed once."""

from services.events.handlers import Consumers, Delivery, NotYet, Refused, project
from services.events.outbox import current_thread, record
from services.events.registry import EventData, EventSeen, EventType, event_type

__all__ = [
    "Consumers",
    "Delivery",
    "EventData",
    "EventSeen",
    "EventType",
    "NotYet",
    "Refused",
    "current_thread",
    "event_type",
    "project",
    "record",
]
