"""The life of a quote. It is immutable but for its state.

    open ──► accepted
      ├────► withdrawn
      └────► expired

An accepted quote is final but for one case: its demand was proposed anew before it had heard of the acceptance.
Then the quote answers a proposal that is gone, and is withdrawn (`supersede`).

A quote lapses at `valid_until`, not after it: the rule compares `now` itself, so a late timer never makes a
lapsed quote acceptable.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from services.errors import Conflict, Fault, Invalid

VALIDITY = timedelta(days=30)


class QuoteState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


NEXT: dict[QuoteState, frozenset[QuoteState]] = {
    QuoteState.OPEN: frozenset({QuoteState.ACCEPTED, QuoteState.WITHDRAWN, QuoteState.EXPIRED}),
}


class QuoteNotAcceptable(Conflict): ...


class QuoteNotWithdrawable(Conflict): ...


class QuoteNotExpired(Conflict): ...


class QuoteNotSupersedable(Conflict): ...


class QuoteNotReleasable(Conflict): ...


class ValidityGivenTwice(Invalid): ...


class ValidityInThePast(Invalid): ...


def accept(state: QuoteState, *, valid_until: datetime, now: datetime) -> QuoteState:
    """The state after acceptance. Raises QuoteNotAcceptable."""
    if QuoteState.ACCEPTED not in NEXT.get(state, frozenset()):
        raise QuoteNotAcceptable(f"the quote is {state}, only an open quote can be accepted")
    if now >= valid_until:
        raise QuoteNotAcceptable(f"the quote lapsed at {valid_until:%Y-%m-%dT%H:%M:%SZ}")
    return QuoteState.ACCEPTED


def withdraw(state: QuoteState) -> QuoteState:
    """The state after withdrawal. Raises QuoteNotWithdrawable."""
    if QuoteState.WITHDRAWN not in NEXT.get(state, frozenset()):
        raise QuoteNotWithdrawable(f"the quote is {state}, only an open quote can be withdrawn")
    return QuoteState.WITHDRAWN


def supersede(state: QuoteState, *, subscribed: bool) -> QuoteState:
    """The state of a live quote once its demand is proposed anew.

    Raises QuoteNotSupersedable where the quote is not live, or where what was accepted is delivered (`subscribed`).
    """
    if state not in (QuoteState.OPEN, QuoteState.ACCEPTED):
        raise QuoteNotSupersedable(f"the quote is {state}, only an open or accepted quote can be superseded")
    if subscribed:
        raise QuoteNotSupersedable("there is a subscription of its demand already")
    return QuoteState.WITHDRAWN


def release(state: QuoteState, *, has_demand: bool, has_ended: bool) -> None:
    """Raises QuoteNotReleasable unless the quote holds money that no demand of its own will ever give back."""
    if state is not QuoteState.ACCEPTED:
        raise QuoteNotReleasable(f"the quote is {state}, only an accepted quote holds money")
    if has_demand:
        raise QuoteNotReleasable("the quote has a demand: its end, or that of its subscription, releases")
    if has_ended:
        raise QuoteNotReleasable("what the quote held is released already")


def expire(state: QuoteState, *, valid_until: datetime, now: datetime) -> QuoteState:
    """The state once the quote has lapsed. Raises QuoteNotExpired before that, or where it is no longer open."""
    if QuoteState.EXPIRED not in NEXT.get(state, frozenset()):
        raise QuoteNotExpired(f"the quote is {state}, only an open quote can expire")
    if now < valid_until:
        raise QuoteNotExpired(f"the quote is valid until {valid_until:%Y-%m-%dT%H:%M:%SZ}")
    return QuoteState.EXPIRED


def current(state: QuoteState, *, valid_until: datetime, now: datetime) -> QuoteState:
    """What the quote is at `now`, whether or not its timer has fired."""
    return QuoteState.EXPIRED if state is QuoteState.OPEN and now >= valid_until else state


def validity(now: datetime, *, valid_until: datetime | None, valid_days: int | None) -> datetime:
    """Until when a quote of `now` is valid. Raises ValidityGivenTwice and ValidityInThePast."""
    if valid_until is not None and valid_days is not None:
        raise ValidityGivenTwice(
            "valid_until and valid_days say the same", faults=[Fault("/valid_days", "leave one of the two out")]
        )
    until = valid_until or now + (VALIDITY if valid_days is None else timedelta(days=valid_days))
    if until <= now:
        raise ValidityInThePast(
            f"{until:%Y-%m-%dT%H:%M:%SZ} has passed", faults=[Fault("/valid_until", "must lie in the future")]
        )
    return until


def number(year: int, count: int) -> str:
    """A quote's number, unique and readable: Q-2026-000001."""
    return f"Q-{year}-{count:06}"
