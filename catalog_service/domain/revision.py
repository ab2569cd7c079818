"""Revisions of a service: numbered, and immutable from the moment they are live.

    draft ⇄ scheduled
      └────────┴──► active ──► archived

At most one revision of a service is open (draft or scheduled), and at most one is active.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from services.errors import Conflict


class RevisionState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ARCHIVED = "archived"


NEXT: Mapping[RevisionState, frozenset[RevisionState]] = {
    RevisionState.DRAFT: frozenset({RevisionState.SCHEDULED, RevisionState.ACTIVE}),
    RevisionState.SCHEDULED: frozenset({RevisionState.DRAFT, RevisionState.ACTIVE}),
    RevisionState.ACTIVE: frozenset({RevisionState.ARCHIVED}),
    RevisionState.ARCHIVED: frozenset(),
}

OPEN = frozenset({RevisionState.DRAFT, RevisionState.SCHEDULED})


class RevisionTransitionRefused(Conflict): ...


class RevisionImmutable(Conflict): ...


class DraftRevisionExists(Conflict): ...


def move(state: RevisionState, to: RevisionState) -> RevisionState:
    """Return `to` if the table allows it. Raises RevisionTransitionRefused."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise RevisionTransitionRefused(f"a revision that is {state} cannot become {to}; what can follow is {ways}")
    return to


def next_number(existing: Iterable[tuple[int, RevisionState]]) -> int:
    """The number of the next revision, counted from 1. Raises DraftRevisionExists, naming the one that is open."""
    highest = 0
    for number, state in existing:
        if state in OPEN:
            raise DraftRevisionExists(f"revision {number} is still {state}; publish it before opening another")
        highest = max(highest, number)
    return highest + 1


def require_editable(state: RevisionState) -> None:
    """Raises RevisionImmutable once the revision has been live."""
    if state not in OPEN:
        raise RevisionImmutable(f"the revision is {state}; what has been live never changes, open the next one")
