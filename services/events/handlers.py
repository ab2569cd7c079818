"""What a service does when an event arrives: its handlers, and what they are given.

projection   upserts a copy of somebody else's fact, by higher sequence only; may be replayed (`itaas rebuild`)
reaction     acts once; never replayed
"""

import fnmatch
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.db.aggregate import Projection
from services.errors import Invalid

M = TypeVar("M", bound=BaseModel)


class NotYet(Invalid):
    """The event is right but what it depends on has not arrived from another topic."""


@dataclass(frozen=True, slots=True)
class Delivery(Generic[M]):
    """An event as a handler gets it. `subject` is the aggregate's id, `sequence` its version."""

    id: str
    type: str
    source: str
    subject: UUID
    sequence: int
    time: datetime
    correlation_id: str
    business_unit_id: UUID | None
    actor_id: str | None
    causation_id: str | None
    data: M


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was refused for good, as far as its envelope could be read, and what it was refused with."""

    id: str
    type: str
    source: str
    error: Exception


Handle = Callable[[AsyncSession, Any, datetime], Awaitable[None]]
HandleRefused = Callable[[AsyncSession, Refused, datetime], Awaitable[None]]
Kind = Literal["projection", "reaction"]


@dataclass(frozen=True, slots=True)
class Handler:
    pattern: str
    kind: Kind
    model: type[BaseModel]
    call: Handle
    tables: tuple[type[Projection], ...] = ()

    @property
    def topic(self) -> str:
        """itaas.demand.order.opened.v1 is on itaas.demand, itaas.usage.v1 on itaas.usage."""
        return ".".join(self.pattern.split(".")[:2])

    def takes(self, event_type: str) -> bool:
        return self.pattern == event_type or ("*" in self.pattern and fnmatch.fnmatchcase(event_type, self.pattern))


class Consumers:
    """The handlers of one service. A pattern is an event type, or holds `*` (the gateway archives them all)."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []
        self.refusals: list[tuple[str, HandleRefused]] = []

    def projection(self, pattern: str, *tables: type[Projection]) -> Callable[[Handle], Handle]:
        return self._add(pattern, "projection", tables)

    def reaction(self, pattern: str) -> Callable[[Handle], Handle]:
        return self._add(pattern, "reaction", ())

    def refusal(self, pattern: str) -> Callable[[HandleRefused], HandleRefused]:
        """What is done, in the transaction of the dead letter, where an event of such a type is refused for good."""

        def add(function: HandleRefused) -> HandleRefused:
            self.refusals.append((pattern, function))
            return function

        return add

    def when_refused(self, event_type: str) -> list[HandleRefused]:
        return [call for pattern, call in self.refusals if fnmatch.fnmatchcase(event_type, pattern)]

    def matching(self, event_type: str) -> list[Handler]:
        return [handler for handler in self.handlers if handler.takes(event_type)]

    def extend(self, others: "Consumers") -> None:
        self.handlers += others.handlers
        self.refusals += others.refusals

    def _add(self, pattern: str, kind: Kind, tables: tuple[type[Projection], ...]) -> Callable[[Handle], Handle]:
        def add(function: Handle) -> Handle:
            hint = typing.get_type_hints(function).get("event")
            arguments = typing.get_args(hint)
            if typing.get_origin(hint) is not Delivery or not issubclass(arguments[0], BaseModel):
                raise TypeError(f"{function.__name__} must declare `event: Delivery[<a Pydantic model>]`")
            self.handlers.append(Handler(pattern, kind, arguments[0], function, tables))
            return function

        return add


async def project(
    session: AsyncSession, table: type[Projection], event: Delivery[Any], values: Mapping[str, Any]
) -> bool:
    """Upsert the row `event.subject` of a projection; False if it already shows this sequence or a later one."""
    # Locked, since a rebuild or a replay may write beside the consumer; SQLite has one writer anyway.
    row = await session.get(table, event.subject, populate_existing=True, with_for_update=True)
    if row is None:
        session.add(table(id=event.subject, sequence=event.sequence, seen_at=event.time, **values))
        await session.flush()
        return True
    if row.sequence >= event.sequence:
        return False
    for name, value in values.items():
        setattr(row, name, value)
    row.sequence = event.sequence
    row.seen_at = event.time
    await session.flush()
    return True
