"""Improvements: from a promise to its measured effect.

    planned ──► started ──► shipped ──► measured ──► closed

    planned ──► shipped             a revision may deliver what nobody marked as started
    planned, started ──► closed     dropped

`claim` decides what a published revision's mention of an improvement means. A mention never fails the revision, which
is out already, nor the other improvements that it delivers; each is kept with its outcome, for the owner to see:

| the improvement | outcome |
|---|---|
| does not exist | unknown |
| belongs to another service | other_service |
| shipped before (or is measured, or closed) | already_settled: the first revision stands |
| planned or started | shipped |
"""

from enum import StrEnum
from uuid import UUID

from services.errors import Conflict


class ImprovementState(StrEnum):
    PLANNED = "planned"
    STARTED = "started"
    SHIPPED = "shipped"
    MEASURED = "measured"
    CLOSED = "closed"


class ClaimOutcome(StrEnum):
    SHIPPED = "shipped"
    UNKNOWN = "unknown"
    OTHER_SERVICE = "other_service"
    ALREADY_SETTLED = "already_settled"


class ImprovementNotMovable(Conflict): ...


NEXT: dict[ImprovementState, frozenset[ImprovementState]] = {
    ImprovementState.PLANNED: frozenset({ImprovementState.STARTED, ImprovementState.SHIPPED, ImprovementState.CLOSED}),
    ImprovementState.STARTED: frozenset({ImprovementState.SHIPPED, ImprovementState.CLOSED}),
    ImprovementState.SHIPPED: frozenset({ImprovementState.MEASURED}),
    ImprovementState.MEASURED: frozenset({ImprovementState.CLOSED}),
    ImprovementState.CLOSED: frozenset(),
}


def move(state: ImprovementState, to: ImprovementState) -> ImprovementState:
    """The state `to`. Raises ImprovementNotMovable where the table knows no such step."""
    if to not in NEXT[state]:
        raise ImprovementNotMovable(f"an improvement that is {state} cannot become {to}")
    return to


def claim(state: ImprovementState | None, *, service_id: UUID | None, claimed_by: UUID) -> ClaimOutcome:
    """What becomes of the mention, by a revision of `claimed_by`, of an improvement in `state` (None: unknown)."""
    if state is None:
        return ClaimOutcome.UNKNOWN
    if service_id != claimed_by:
        return ClaimOutcome.OTHER_SERVICE
    if ImprovementState.SHIPPED not in NEXT[state]:
        return ClaimOutcome.ALREADY_SETTLED
    return ClaimOutcome.SHIPPED
