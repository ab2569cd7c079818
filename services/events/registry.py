"""Event types: what a service publishes, each a Pydantic model with its type, summary and example.

The same models are validated before they are recorded, documented in AsyncAPI, and fed to every consumer's own
model by a contract test.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

_TYPE = re.compile(r"itaas\.(?P<service>[a-z]+)\.(?P<aggregate>[a-z-]+)\.(?P<fact>[a-z-]+)\.v(?P<version>[1-9][0-9]*)")

D = TypeVar("D", bound="EventData")


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    summary: str
    example: dict[str, Any]

    @property
    def service(self) -> str:
        return self.name.split(".")[1]

    @property
    def topic(self) -> str:
        return f"itaas.{self.service}"


class EventData(BaseModel):
    """The payload of a published event: the aggregate's full public state."""

    model_config = ConfigDict(from_attributes=True, extra="ignore", ser_json_timedelta="iso8601")
    event: ClassVar[EventType]

    @classmethod
    def of(cls, aggregate: object) -> Self:
        return cls.model_validate(aggregate)


class EventSeen(BaseModel):
    """What a consumer reads of somebody else's event; whatever it does not know, it ignores."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def event_type(name: str, *, summary: str, example: dict[str, Any]) -> Callable[[type[D]], type[D]]:
    """Declare a payload model to be the event `name` (itaas.<service>.<aggregate>.<past tense>.v<N>)."""
    if not _TYPE.fullmatch(name):
        raise ValueError(f"{name!r} is not itaas.<service>.<aggregate>.<past tense>.v<N>")

    def declare(model: type[D]) -> type[D]:
        model.event = EventType(name, summary, example)
        model.model_validate(example)
        return model

    return declare
