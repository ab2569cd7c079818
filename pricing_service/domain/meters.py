"""Meters: what of an event is measured, and how a window's readings become one quantity.

| aggregation | a reading keeps | a window's quantity |
|---|---|---|
| sum | the number at the path | their sum |
| count | 1 | how many events there were |
| unique_count | the value at the path | how many different ones |
| max | the number at the path | the largest |
| latest | the number at the path | that of the latest `time` (of two at one instant the later id) |

Paths are RFC 9535 singular queries into the event's data: `$`, `.name`, `['name']`, `[0]` and nothing that could
find two values, or none at a cost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from services.errors import Conflict, Fault, Invalid

MAX_PATH, MAX_STEPS = 200, 16
MAX_TEXT = 256
_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_\u0080-\U0010FFFF][A-Za-z0-9_\u0080-\U0010FFFF]*)"""
    r"""|\[(?:'(?P<single>[^'\\\x00-\x1f]+)'|"(?P<double>[^"\\\x00-\x1f]+)"|(?P<index>0|[1-9][0-9]{0,5}))\]""",
    re.ASCII,
)
Step = str | int


class Aggregation(StrEnum):
    SUM = "sum"
    COUNT = "count"
    UNIQUE_COUNT = "unique_count"
    MAX = "max"
    LATEST = "latest"


# Of these a window's quantity is the sum of its days' quantities, so they can be added up in any order and cut.
ADDITIVE = frozenset({Aggregation.SUM, Aggregation.COUNT})


class PathNotReadable(Invalid): ...


class AggregationIsFixed(Conflict): ...


class ValuePathMissing(Invalid): ...


@dataclass(frozen=True, slots=True)
class Meter:
    """A version of a declared meter. `value` is None where the events themselves are counted."""

    key: str
    version: int
    event_type: str
    aggregation: Aggregation
    value: tuple[Step, ...] | None
    group_by: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    allows_negative: bool = False


def path(text: str, *, pointer: str = "") -> tuple[Step, ...]:
    """The steps of an RFC 9535 singular query. Raises PathNotReadable."""
    steps: list[Step] = []
    at = 1
    while len(text) <= MAX_PATH and text.startswith("$") and at < len(text) and (found := _STEP.match(text, at)):
        index = found["index"]
        steps.append(int(index) if index is not None else found["name"] or found["single"] or found["double"])
        at = found.end()
    if not text.startswith("$") or at != len(text) or len(steps) > MAX_STEPS:
        raise PathNotReadable(
            f"{text[:60]!r} is no path into the data",
            faults=[Fault(pointer, f"must be like $.a['b'][0], of at most {MAX_STEPS} steps")],
        )
    return tuple(steps)


def at_path(data: Any, steps: tuple[Step, ...]) -> Any:
    """The value there; None where there is nothing (JSON's null counts as nothing)."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(data, Mapping):
                return None
            data = data.get(step)
        else:
            if not isinstance(data, list) or step >= len(data):
                return None
            data = data[step]
    return data


def check_version(aggregation: Aggregation, value_path: str | None, *, before: Aggregation | None) -> None:
    """Raise unless this may be the next version of a meter whose aggregation is `before` (None: it is the first)."""
    if before is not None and aggregation is not before:
        raise AggregationIsFixed(
            f"the meter is a {before}: quantities of two kinds do not add up; declare another meter",
            faults=[Fault("/aggregation", f"must be {before}, as its readings have been so far")],
        )
    if aggregation is not Aggregation.COUNT and value_path is None:
        raise ValuePathMissing(
            f"a {aggregation} needs the path of its value", faults=[Fault("/value_path", "is missing")]
        )


def plain_text(value: Any) -> str | None:
    """What a unique count or an attribute keeps of a value: texts as they are, numbers and truths as JSON writes them.

    None for nothing, for what is no single value, and for a text that is too long.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value if len(value) <= MAX_TEXT else None
        case int() | Decimal():
            text = format(Decimal(value).normalize(), "f") if value else "0"
            return text if len(text) <= MAX_TEXT else None
        case _:
            return None
