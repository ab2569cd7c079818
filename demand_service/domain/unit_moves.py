"""Moves of business units in time: planned ──► applied | refused.

Conflict
├── MoveBeforeTheLast    history is not rewritten behind a move that was already made
└── AlreadyThere
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.errors import Conflict, Fault


class MoveBeforeTheLast(Conflict): ...


class AlreadyThere(Conflict): ...


class MoveState(StrEnum):
    PLANNED = "planned"
    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Stay:
    """Under `parent_id` from `since` up to, and without, `until` (None: until now)."""

    parent_id: UUID | None
    since: date
    until: date | None


def require_after(effective_on: date, *, last: date | None) -> None:
    """Raises MoveBeforeTheLast where the unit has moved later than on that day already."""
    if last is not None and effective_on < last:
        raise MoveBeforeTheLast(
            f"the business unit has moved on {last} already; a move on {effective_on} would rewrite its history",
            faults=[Fault("/effective_on", f"must be {last} or later")],
        )


def stays(moves: list[tuple[date, UUID | None]]) -> list[Stay]:
    """Applied moves in their order, as stays; of two on one day the first lasted no day."""
    ends: list[date | None] = [*(on for on, _ in moves), None]
    return [Stay(parent, on, until) for (on, parent), until in zip(moves, ends[1:], strict=True)]
