"""Which value loop's thread an event belongs to, for aggregates that outlive any one of them.

An event carries its aggregate's correlation id. A quote belongs to one thread for good; a budget, an offering's
price or a service's unit cost belongs, each time, to the thread of what changes it.
"""

from typing import TypeVar

from services.db import Aggregate

A = TypeVar("A", bound=Aggregate)


def joined(aggregate: A, cause: Aggregate) -> A:
    """Move the aggregate into the thread of the quote, statement, run or plan that changes it."""
    aggregate.correlation_id = cause.correlation_id
    return aggregate
