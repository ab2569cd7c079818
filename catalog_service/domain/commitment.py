"""Commitments: the levels that an offering promises, each of one kind with its own units and a sane range.

Targets are exact decimals; a duration's unit is part of the promise ("5 days" stays days). One commitment per kind.
Of what is measured one by one (a response, a delivery, a recovery) the promise says how many of a hundred must meet
it: its percentile, or the kind's own where it names none. Recovery objectives (RTO, RPO) follow ISO 22301's meaning:
time to be back, and data that may be lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from services.errors import Fault, Invalid


class CommitmentKind(StrEnum):
    AVAILABILITY = "availability"
    LEAD_TIME = "lead_time"
    RESPONSE_TIME = "response_time"
    SUPPORT_HOURS = "support_hours"
    RTO = "rto"
    RPO = "rpo"


@dataclass(frozen=True, slots=True)
class Commitment:
    kind: CommitmentKind
    target: Decimal
    unit: str
    percentile: int | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Commitment":
        """As an offering holds it."""
        return cls(
            CommitmentKind(document["kind"]), Decimal(document["target"]), document["unit"], document.get("percentile")
        )


@dataclass(frozen=True, slots=True)
class Range:
    """What a target may be in one unit. `least` itself is allowed only where `from_least` says so."""

    least: Decimal
    most: Decimal
    from_least: bool = False

    def admits(self, target: Decimal) -> bool:
        above = target >= self.least if self.from_least else target > self.least
        return above and target <= self.most

    def __str__(self) -> str:
        return f"{'from' if self.from_least else 'above'} {self.least} to {self.most}"


HOURS_A_YEAR = Decimal(8784)  # of a leap year: nothing promised here takes longer
_DURATIONS = {
    "minutes": Range(Decimal(0), HOURS_A_YEAR * 60),
    "hours": Range(Decimal(0), HOURS_A_YEAR),
    "days": Range(Decimal(0), Decimal(366)),
}
_NONE_AT_ALL = {unit: Range(span.least, span.most, from_least=True) for unit, span in _DURATIONS.items()}

UNITS: Mapping[CommitmentKind, Mapping[str, Range]] = {
    CommitmentKind.AVAILABILITY: {"percent": Range(Decimal(0), Decimal(100))},
    CommitmentKind.LEAD_TIME: {unit: _DURATIONS[unit] for unit in ("hours", "days")},
    CommitmentKind.RESPONSE_TIME: _DURATIONS,
    CommitmentKind.SUPPORT_HOURS: {"hours_per_week": Range(Decimal(0), Decimal(168))},
    CommitmentKind.RTO: _DURATIONS,
    # Synchronous replication loses nothing, so an RPO of zero is a promise that can be kept.
    CommitmentKind.RPO: _NONE_AT_ALL,
}

# Of a hundred single measurements so many must meet the target; a recovery that fails is one too many.
PERCENTILES: Mapping[CommitmentKind, int] = {
    CommitmentKind.LEAD_TIME: 85,
    CommitmentKind.RESPONSE_TIME: 85,
    CommitmentKind.RTO: 100,
    CommitmentKind.RPO: 100,
}


class CommitmentsInvalid(Invalid): ...


def check(commitments: Sequence[Commitment]) -> None:
    """Raises CommitmentsInvalid with one fault per commitment whose unit, range or repetition is wrong."""
    faults: list[Fault] = []
    first: dict[CommitmentKind, int] = {}
    for index, commitment in enumerate(commitments):
        units = UNITS[commitment.kind]
        span = units.get(commitment.unit)
        if span is None:
            message = f"{commitment.kind} is promised in {' or '.join(units)}, not in {commitment.unit!r}"
            faults.append(Fault(f"/commitments/{index}/unit", message))
        elif not span.admits(commitment.target):
            message = f"{commitment.kind} in {commitment.unit} must be {span}, not {commitment.target}"
            faults.append(Fault(f"/commitments/{index}/target", message))
        if commitment.percentile is not None and commitment.kind not in PERCENTILES:
            message = f"{commitment.kind} is measured as a whole: it has no percentile"
            faults.append(Fault(f"/commitments/{index}/percentile", message))
        if commitment.kind in first:
            message = f"{commitment.kind} is already promised by commitment {first[commitment.kind]}"
            faults.append(Fault(f"/commitments/{index}/kind", message))
        first.setdefault(commitment.kind, index)
    if faults:
        raise CommitmentsInvalid("an offering's commitments must have their kind's unit and range", faults=faults)
