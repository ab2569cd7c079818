"""An offering's life. What it must have before it is published is in `domain/readiness.py`.

    draft ──────────────────► published ──► retired
      └──► scheduled ─────────────┘
      ▲        │ unscheduled
      └────────┘

What a quote or an order was made from stays as it was: once an offering is scheduled or published its content never
changes. Whom it is for, until when, where it hangs and what it is related to may (AMENDABLE). A scheduled one goes
live by itself at the beginning of its window.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from services.errors import Conflict, Fault


class OfferingState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    RETIRED = "retired"


class AudienceKind(StrEnum):
    """What a line of an audience names. A business unit stands for all below it as well."""

    BUSINESS_UNIT = "business_unit"
    ROLE = "role"


NEXT: Mapping[OfferingState, frozenset[OfferingState]] = {
    OfferingState.DRAFT: frozenset({OfferingState.SCHEDULED, OfferingState.PUBLISHED}),
    OfferingState.SCHEDULED: frozenset({OfferingState.DRAFT, OfferingState.PUBLISHED}),
    OfferingState.PUBLISHED: frozenset({OfferingState.RETIRED}),
    OfferingState.RETIRED: frozenset(),
}


# What may change once an offering is scheduled or published.
AMENDABLE = frozenset({"audience", "valid_until", "taxonomy_node_id", "relations"})
# Not final, and so taking up a place in its series.
OPEN = frozenset({OfferingState.DRAFT, OfferingState.SCHEDULED})


class OfferingTransitionRefused(Conflict): ...


class OfferingImmutable(Conflict): ...


class OpenVersionExists(Conflict): ...


class OfferingInBundles(Conflict): ...


def move(state: OfferingState, to: OfferingState) -> OfferingState:
    """Return `to` if the table allows it. Raises OfferingTransitionRefused."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise OfferingTransitionRefused(f"an offering that is {state} cannot become {to}; what can follow is {ways}")
    return to


def publish(state: OfferingState, *, opens: datetime | None, now: datetime) -> OfferingState:
    """The state after publication: scheduled where its window `opens` after `now`. Raises OfferingTransitionRefused."""
    later = opens is not None and now < opens
    return move(state, OfferingState.SCHEDULED if later else OfferingState.PUBLISHED)


def unschedule(state: OfferingState) -> OfferingState:
    """Back to a draft. Raises OfferingTransitionRefused unless it is scheduled."""
    return move(state, OfferingState.DRAFT)


def require_changeable(state: OfferingState, fields: Iterable[str]) -> None:
    """Raises OfferingImmutable, naming the fields that can no longer change in this state."""
    if state is OfferingState.DRAFT:
        return
    frozen = sorted(fields if state is OfferingState.RETIRED else set(fields) - AMENDABLE)
    if frozen:
        raise OfferingImmutable(
            f"the offering is {state}; its content can no longer be changed: draft its next version",
            faults=[Fault(f"/{field}", f"cannot be changed once the offering is {state}") for field in frozen],
        )


def require_retirable(bundles: Sequence[str]) -> None:
    """Raises OfferingInBundles while bundles that are on offer hold this one; it names them."""
    if bundles:
        named = ", ".join(repr(name) for name in bundles)
        raise OfferingInBundles(f"it is part of {named}: retire them first, or with it (force)")


def next_number(existing: Iterable[tuple[int, OfferingState]]) -> int:
    """The number of a series' next version. Raises OpenVersionExists, naming the one that is not yet live."""
    highest = 0
    for number, state in existing:
        if state in OPEN:
            raise OpenVersionExists(f"version {number} is still {state}; publish it before drafting another")
        highest = max(highest, number)
    return highest + 1
