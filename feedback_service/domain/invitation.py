"""Invitations: who may answer one, once, until it expires.

    sent ──► answered
      └────► expired

An invitation is about a subscription that a business unit holds. The person it is addressed to may answer it, and so
may any consumer of that unit, for people change desks; but nobody who sees the unit only by an office of IT (a service
owner, finance, an administrator) may, or whoever is judged could write the judgement.
"""

from datetime import datetime
from enum import StrEnum

from services.errors import Conflict, Forbidden


class InvitationState(StrEnum):
    SENT = "sent"
    ANSWERED = "answered"
    EXPIRED = "expired"


NEXT: dict[InvitationState, frozenset[InvitationState]] = {
    InvitationState.SENT: frozenset({InvitationState.ANSWERED, InvitationState.EXPIRED}),
}


class InvitationAnswered(Conflict): ...


class InvitationExpired(Conflict): ...


class NotInvited(Forbidden): ...


def answer(state: InvitationState, *, expires_at: datetime, now: datetime) -> InvitationState:
    """The state after a response. The clock decides, not the timer: from `expires_at` on it is too late."""
    if state is InvitationState.ANSWERED:
        raise InvitationAnswered("the invitation has been answered; one response is all it takes")
    if state is InvitationState.EXPIRED or now >= expires_at:
        raise InvitationExpired(f"the invitation expired at {expires_at:%Y-%m-%dT%H:%M:%SZ}")
    return InvitationState.ANSWERED


def expire(state: InvitationState, *, expires_at: datetime, now: datetime) -> InvitationState:
    """The state when a timer comes round: an open invitation past its time expires, any other stays as it is."""
    lapses = InvitationState.EXPIRED in NEXT.get(state, frozenset()) and now >= expires_at
    return InvitationState.EXPIRED if lapses else state


def require_invited(*, addressed_to: str | None, person_id: str, consumer_of_that_unit: bool) -> None:
    """Raise NotInvited unless this person may answer (see above)."""
    if person_id != addressed_to and not consumer_of_that_unit:
        raise NotInvited("only the person invited, or a consumer of the same business unit, may answer")
