"""Timers: something to do at an instant, kept as a row beside the fact that it belongs to.

A timer only *wakes* a rule; the rule compares `now` itself, so that a late timer never makes a lapsed thing valid.
The handler's effect, its events and the row's removal are one transaction.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services import context
from services.db.chassis_tables import Timer
from services.ids import uuid7

Handle = Callable[[AsyncSession, dict[str, Any], datetime], Awaitable[None]]


class Timers:
    """The kinds of timers of one service."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handle] = {}

    def handler(self, kind: str) -> Callable[[Handle], Handle]:
        def add(function: Handle) -> Handle:
            self.handlers[kind] = function
            return function

        return add

    def set(self, session: AsyncSession, kind: str, *, due_at: datetime, payload: dict[str, Any]) -> None:
        """Set a timer in this transaction."""
        if kind not in self.handlers:
            raise LookupError(f"no timer handler for {kind!r}")
        work = context.current()
        session.add(
            Timer(
                id=uuid7(),
                kind=kind,
                payload=payload,
                due_at=due_at,
                fence=0,
                attempts=0,
                correlation_id=work.correlation_id,
                causation_id=work.causation_id,
            )
        )
