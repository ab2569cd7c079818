"""Promises and follow-ups: open ──► kept | broken | withdrawn. Overdue is computed: open, and its due date has passed.

Conflict
└── PromiseSettled    names the state
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from services.errors import Conflict


class PromiseSettled(Conflict): ...


class PromiseKind(StrEnum):
    PROMISE = "promise"
    FOLLOW_UP = "follow_up"


class PromiseState(StrEnum):
    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"


NEXT: dict[PromiseState, frozenset[PromiseState]] = {
    PromiseState.OPEN: frozenset({PromiseState.KEPT, PromiseState.BROKEN, PromiseState.WITHDRAWN})
}


def settle(state: PromiseState, to: PromiseState) -> PromiseState:
    if to not in NEXT.get(state, frozenset()):
        raise PromiseSettled(f"the promise is {state}; nothing more becomes of it")
    return to


def require_open(state: PromiseState) -> None:
    if state is not PromiseState.OPEN:
        raise PromiseSettled(f"the promise is {state}; only an open one can be changed")


def overdue_from(due_on: date) -> datetime:
    """The instant from which it is overdue: the end of its due date, in UTC."""
    return datetime.combine(due_on + timedelta(days=1), time.min, UTC)


def is_overdue(state: PromiseState, due_on: date, *, now: datetime) -> bool:
    return state is PromiseState.OPEN and now >= overdue_from(due_on)
