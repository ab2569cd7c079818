"""Tier: what sets an offering apart from its siblings, as attributes that can be laid side by side.

A value is text, true or false, or a number, kept as an exact decimal string. `unit` is the organisation's own word
(there is no list of units to choose from: an attribute may count anything), `better` says which direction is an
improvement. What makes attributes comparable is that all offerings of a service mean the same by a key: the
publish gate holds each one against those that are on offer (`disagreements`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.errors import Fault, Invalid

MAX_ATTRIBUTES = 50
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class Better(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Attribute:
    key: str
    value: str | bool
    unit: str | None = None
    better: Better | None = None


class TierInvalid(Invalid): ...


def is_number(value: str | bool) -> bool:
    """Whether `value` is an exact decimal: at most 18 digits before and behind the point."""
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def check(attributes: Sequence[Attribute]) -> None:
    """Raises TierInvalid: a key twice, a unit of what is no number, a better direction of mere text."""
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for index, attribute in enumerate(attributes):
        at = f"/tier/attributes/{index}"
        if attribute.key in first:
            message = f"{attribute.key!r} is already said by attribute {first[attribute.key]}"
            faults.append(Fault(f"{at}/key", message))
        first.setdefault(attribute.key, index)
        if attribute.unit is not None and not is_number(attribute.value):
            faults.append(Fault(f"{at}/unit", "only a number has a unit"))
        if attribute.better is not None and isinstance(attribute.value, str) and not is_number(attribute.value):
            faults.append(Fault(f"{at}/better", "text has no better direction"))
    if faults:
        raise TierInvalid(faults[0].message, faults=faults)


def disagreements(attributes: Sequence[Attribute], others: Mapping[str, Iterable[Attribute]]) -> tuple[Fault, ...]:
    """Where an attribute means something else in another offering of the service: `others` are attributes by name."""
    known: dict[str, tuple[str, Attribute]] = {}
    for name, theirs in others.items():
        for attribute in theirs:
            if attribute.key not in known or known[attribute.key][1].better is None:
                known[attribute.key] = (name, attribute)
    faults = []
    for index, ours in enumerate(attributes):
        if ours.key not in known:
            continue
        name, other = known[ours.key]
        if ours.unit != other.unit:
            message = f"{ours.key!r} is in {other.unit or 'no unit'} in {name!r}, not in {ours.unit or 'no unit'}"
            faults.append(Fault(f"/tier/attributes/{index}/unit", message))
        # Where one of the two says nothing of the direction, they do not contradict each other.
        if ours.better is not None and other.better is not None and ours.better is not other.better:
            message = f"of {ours.key!r} {other.better} is better in {name!r}"
            faults.append(Fault(f"/tier/attributes/{index}/better", message))
    return tuple(faults)
