"""Side by side: which of several offerings is best in one respect, where that can be said at all.

A best one is marked only among values that can be compared (numbers of the same unit, or yes and no), of which there
are at least two and not all alike; a tie marks all that are level. Durations are compared as what they are:
5 days are 120 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.tier import Better, is_number
from services.errors import Fault, Invalid

MOST = 6
FEWEST = 2

DIRECTIONS = {
    CommitmentKind.AVAILABILITY: Better.HIGHER,
    CommitmentKind.SUPPORT_HOURS: Better.HIGHER,
    CommitmentKind.LEAD_TIME: Better.LOWER,
    CommitmentKind.RESPONSE_TIME: Better.LOWER,
    CommitmentKind.RTO: Better.LOWER,
    CommitmentKind.RPO: Better.LOWER,
}
_MINUTES = {"minutes": Decimal(1), "hours": Decimal(60), "days": Decimal(24 * 60)}


class ComparisonInvalid(Invalid): ...


@dataclass(frozen=True, slots=True)
class Value:
    """What one offering says of an attribute."""

    value: str | bool
    unit: str | None
    better: Better | None


@dataclass(frozen=True, slots=True)
class Promise:
    target: Decimal
    unit: str


def check_ids(ids: Sequence[object]) -> None:
    """Raises ComparisonInvalid, naming the places, unless there are two to six different ones."""
    if not FEWEST <= len(ids) <= MOST:
        message = f"name {FEWEST} to {MOST} offerings, not {len(ids)}"
        place = "offering_id" if len(ids) < FEWEST else f"offering_id.{MOST}"
        raise ComparisonInvalid(message, faults=[Fault(place, message)])
    faults = [
        Fault(f"offering_id.{place}", f"is the same as offering_id.{ids.index(id_)}")
        for place, id_ in enumerate(ids)
        if ids.index(id_) != place
    ]
    if faults:
        raise ComparisonInvalid("an offering is compared with others, not with itself", faults=faults)


def best_values(values: Sequence[Value | None]) -> list[int]:
    """The places of the best of an attribute; none where the offerings mean different things by it."""
    given = [value for value in values if value is not None]
    directions = {value.better for value in given}
    if len(directions) != 1 or None in directions or len({value.unit for value in given}) != 1:
        return []
    if not (all(isinstance(value.value, bool) for value in given) or all(is_number(value.value) for value in given)):
        return []
    numbers = [None if value is None else Decimal(value.value) for value in values]
    return _best(numbers, directions.pop() is Better.HIGHER)


def best_promises(kind: CommitmentKind, promises: Sequence[Promise | None]) -> list[int]:
    """The places of the strongest promises."""
    numbers = [None if promise is None else promise.target * _MINUTES.get(promise.unit, 1) for promise in promises]
    return _best(numbers, DIRECTIONS[kind] is Better.HIGHER)


def _best(numbers: Sequence[Decimal | None], highest: bool) -> list[int]:
    given = {number for number in numbers if number is not None}
    if len(given) < 2:
        return []
    best = max(given) if highest else min(given)
    return [place for place, number in enumerate(numbers) if number == best]
