"""Whose work this is, and which thread it belongs to: ambient for one request, message, job or timer.

Set once at the edge (HTTP middleware, consumer, job runner) and read where an event, an audit row or a log
line is written, so that no use case has to pass these along.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class WorkContext:
    """`actor_id` is an opaque person_id (never a name); `causation_id` is the event or request that led here."""

    correlation_id: str
    causation_id: str
    request_id: str
    actor_id: str | None = None
    traceparent: str | None = None


_current: ContextVar[WorkContext | None] = ContextVar("itaas_work_context", default=None)


def current() -> WorkContext:
    """The context of this task. Raises LookupError outside of any request, message, job or timer."""
    context = _current.get()
    if context is None:
        raise LookupError("no work context: an edge (request, consumer, job, timer, command) has to enter one")
    return context


def current_or_none() -> WorkContext | None:
    return _current.get()


@contextmanager
def entered(context: WorkContext) -> Iterator[WorkContext]:
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
