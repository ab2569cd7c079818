"""Which value loop's thread an event belongs to: services and offerings outlive any one of them.

An event carries its aggregate's correlation id, so a change moves the aggregate into the thread that it is made in.
"""

from typing import TypeVar

from services import context
from services.db import Aggregate

A = TypeVar("A", bound=Aggregate)


def joined(aggregate: A) -> A:
    """Move the aggregate into the thread of the present request."""
    aggregate.correlation_id = context.current().correlation_id
    return aggregate
