"""The life of a campaign, and what must be true of it before it may start.

    draft ──► scheduled ──► running ⇄ paused
      └──► cancelled ◄──┘        └────────┴──► ended

Drafts and scheduled campaigns may be changed. What a running one promised stands: it can be paused, resumed and
ended, and its end can be moved. A scheduled campaign starts and ends by itself.

    Conflict
    ├── CampaignTransitionRefused   names what can follow
    ├── CampaignFixed               it has started: only its end may move
    ├── CampaignNotReady            everything that keeps it from being scheduled
    └── EndNotMovable
    Invalid
    └── WindowInvalid
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from catalog_service.domain.offering import OfferingState
from services.errors import Conflict, Fault, Invalid

LONGEST_DAYS = 366
FURTHEST_DAYS = 731  # ahead of now that a campaign may start


class CampaignState(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    CANCELLED = "cancelled"


NEXT: Mapping[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.SCHEDULED, CampaignState.CANCELLED}),
    CampaignState.SCHEDULED: frozenset({CampaignState.RUNNING, CampaignState.CANCELLED}),
    CampaignState.RUNNING: frozenset({CampaignState.PAUSED, CampaignState.ENDED}),
    CampaignState.PAUSED: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.ENDED: frozenset(),
    CampaignState.CANCELLED: frozenset(),
}
EDITABLE = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED})
LIVE = frozenset({CampaignState.RUNNING, CampaignState.PAUSED})
STARTED = LIVE | {CampaignState.ENDED}


class CampaignTransitionRefused(Conflict): ...


class CampaignFixed(Conflict): ...


class CampaignNotReady(Conflict): ...


class EndNotMovable(Conflict): ...


class WindowInvalid(Invalid): ...


def move(state: CampaignState, to: CampaignState) -> CampaignState:
    """Return `to` if the table allows it. Raises CampaignTransitionRefused, naming the ways out of `state`."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise CampaignTransitionRefused(f"a campaign that is {state} cannot become {to}; what can follow is {ways}")
    return to


def require_editable(state: CampaignState) -> None:
    """Raises CampaignFixed once the campaign has started, or will never start."""
    if state not in EDITABLE:
        raise CampaignFixed(f"the campaign is {state}: what it promised stands, only the end of a running one may move")


def check_window(starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Raises WindowInvalid, naming each end that is wrong. One that has begun may be set: it starts at once."""
    faults = []
    if ends_at <= starts_at:
        faults.append(Fault("/ends_at", "must be later than starts_at"))
    elif ends_at <= now:
        faults.append(Fault("/ends_at", "lies in the past"))
    elif ends_at - starts_at > timedelta(days=LONGEST_DAYS):
        faults.append(Fault("/ends_at", f"at most {LONGEST_DAYS} days after starts_at"))
    if starts_at - now > timedelta(days=FURTHEST_DAYS):
        faults.append(Fault("/starts_at", f"at most {FURTHEST_DAYS} days ahead"))
    if faults:
        raise WindowInvalid("the campaign's window cannot be", faults=faults)


def check_end(state: CampaignState, *, started_at: datetime, old: datetime, new: datetime, now: datetime) -> None:
    """Raises EndNotMovable unless it runs or is paused and has not reached its end, else as `check_window`.

    An end that has passed holds even where the timer that ends the campaign is late.
    """
    if state not in LIVE or now >= old:
        raise EndNotMovable(f"the campaign is {state}, its end {'was' if now >= old else 'is'} {old:%FT%TZ}")
    check_window(started_at, new, now=now)


def refuse_unpublished(offerings: Iterable[tuple[str, OfferingState]]) -> None:
    """`offerings`: name and state, in the campaign's order. Raises CampaignNotReady, naming each that is wrong."""
    faults = [
        Fault(f"/offering_ids/{place}", f"{name} is {state}: only a published offering can be brought to anybody")
        for place, (name, state) in enumerate(offerings)
        if state is not OfferingState.PUBLISHED
    ]
    if faults:
        raise CampaignNotReady("not all of its offerings can be asked for", faults=faults)


def refuse_nobody(*, addressed: int, left_out: Mapping[Any, int]) -> None:
    """Raises CampaignNotReady if no business unit is left, with how many fitted and were left out, and why."""
    if addressed:
        return
    reasons = [Fault("/audience", f"{count} left out: {why}") for why, count in sorted(left_out.items()) if count]
    raise CampaignNotReady(
        "the campaign would reach no business unit",
        faults=reasons or [Fault("/audience", "no business unit fits it")],
    )
