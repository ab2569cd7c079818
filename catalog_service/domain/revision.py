"""Revisions of a service: numbered, and immutable from the moment they are live.

    draft ⇄ scheduled
      └────────┴──► active ──► archived

At most one revision is active. Several may be scheduled: they go live in the order of their numbers, each at an
instant of its own. One draft at a time is opened; what a later number has overtaken can no longer go live.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.errors import Conflict, Fault, Invalid


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
FURTHEST_YEARS = 50  # ahead that anything is scheduled


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A revision that will go live by itself."""

    number: int
    live_at: datetime


class RevisionTransitionRefused(Conflict): ...


class RevisionImmutable(Conflict): ...


class DraftRevisionExists(Conflict): ...


class RevisionOvertaken(Conflict): ...


class RevisionWindowOverlaps(Conflict): ...


class LiveInstantRefused(Invalid): ...


def move(state: RevisionState, to: RevisionState) -> RevisionState:
    """Return `to` if the table allows it. Raises RevisionTransitionRefused."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise RevisionTransitionRefused(f"a revision that is {state} cannot become {to}; what can follow is {ways}")
    return to


def next_number(existing: Iterable[tuple[int, RevisionState]]) -> int:
    """The number of the next revision, counted from 1. Raises DraftRevisionExists, naming the draft there is.

    A draft that a later number has overtaken does not count: it can no longer go live.
    """
    numbered = dict(existing)
    live = max((number for number, state in numbered.items() if state not in OPEN), default=0)
    for number, state in sorted(numbered.items()):
        if state is RevisionState.DRAFT and number > live:
            raise DraftRevisionExists(f"revision {number} is still draft; publish or schedule it before another one")
    return max(numbered, default=0) + 1


def require_editable(state: RevisionState) -> None:
    """Raises RevisionImmutable once the revision has been live."""
    if state not in OPEN:
        raise RevisionImmutable(f"the revision is {state}; what has been live never changes, open the next one")


def schedule(
    state: RevisionState,
    number: int,
    live_at: datetime,
    *,
    others: Iterable[Scheduled],
    active: int | None,
    now: datetime,
) -> RevisionState:
    """The state once it is to go live at `live_at`, after `now`.

    Raises LiveInstantRefused, RevisionOvertaken, and RevisionWindowOverlaps, naming the other revision, unless it
    goes live after every earlier number that is scheduled and before every later one.
    """
    to = move(state, RevisionState.SCHEDULED)
    if not now < live_at or live_at.year > now.year + FURTHEST_YEARS:
        raise LiveInstantRefused(
            f"a revision cannot go live at {live_at:%FT%TZ}",
            faults=[Fault("/live_at", f"must be after now ({now:%FT%TZ}) and within {FURTHEST_YEARS} years")],
        )
    _require_ahead(number, active)
    for other in sorted(others, key=lambda each: each.number):
        wrong = live_at <= other.live_at if other.number < number else live_at >= other.live_at
        if wrong and other.number != number:
            when = "after" if other.number < number else "before"
            raise RevisionWindowOverlaps(
                f"revision {other.number} is scheduled for {other.live_at:%FT%TZ}; revision {number} must go live "
                f"{when} that",
                faults=[Fault("/live_at", f"must be {when} revision {other.number} goes live, {other.live_at:%FT%TZ}")],
            )
    return to


def go_live(state: RevisionState, number: int, *, others: Iterable[Scheduled], active: int | None) -> RevisionState:
    """The state once it is live. Raises RevisionOvertaken; RevisionWindowOverlaps while an earlier one is to come."""
    to = move(state, RevisionState.ACTIVE)
    _require_ahead(number, active)
    for other in sorted(others, key=lambda each: each.number):
        if other.number < number:
            raise RevisionWindowOverlaps(
                f"revision {other.number} is scheduled for {other.live_at:%FT%TZ} and would then replace revision "
                f"{number}; unschedule or publish it first"
            )
    return to


def _require_ahead(number: int, active: int | None) -> None:
    if active is not None and number <= active:
        raise RevisionOvertaken(f"revision {active} is live; revision {number} can no longer replace it, open the next")
