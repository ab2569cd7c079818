"""Agreement: a demand becomes an order once it is approved and its quote is accepted, whichever comes first.

Approval is ours, acceptance reaches us as an event from pricing; events arrive twice, late, and for several
quotes in any order. So nothing here reacts to an event: `next_move` looks at what is known now, and is asked
again after every change. The same facts give the same move, whatever order they came in.

    demand      quote in force              policy asked about that quote     move
    proposed    issued or accepted          no                                EVALUATE
    approved    issued or accepted          no (it was about another one)     EVALUATE
    approved    accepted                    yes                               OPEN_ORDER
    otherwise                                                                 WAIT

    Conflict
    ├── OfferingNotPublished       what is not on offer cannot be proposed
    └── QuoteAlreadyAccepted       its budget is reserved; the proposal cannot change under it
    Invalid
    └── QuantityNotPossible
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from demand_service.domain.funnel import DemandState
from services.errors import Conflict, Fault, Invalid


class QuoteState(StrEnum):
    ISSUED = "issued"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


LIVE = frozenset({QuoteState.ISSUED, QuoteState.ACCEPTED})


class Move(StrEnum):
    WAIT = "wait"
    EVALUATE = "evaluate"
    OPEN_ORDER = "open order"


class OfferingNotPublished(Conflict): ...


class QuoteAlreadyAccepted(Conflict): ...


class QuantityNotPossible(Invalid): ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was proposed. `superseded` is the newest quote that no longer counts: an earlier proposal's."""

    offering_id: UUID
    quantity: Decimal
    superseded: UUID | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    id: UUID
    state: QuoteState
    offering_id: UUID
    quantity: Decimal


def require_quantity(quantity: Decimal) -> None:
    """A quantity is in the offering's unit of measure, finite and above zero. Raises QuantityNotPossible."""
    if not quantity.is_finite() or quantity <= 0:
        raise QuantityNotPossible(
            f"the quantity is {quantity}, and must be above zero", faults=[Fault("/quantity", "must be above zero")]
        )


def require_published(name: str, state: str) -> None:
    """Raises OfferingNotPublished, naming the offering's state."""
    if state != "published":
        raise OfferingNotPublished(f"the offering {name!r} is {state}; only a published one can be proposed")


def require_open_terms(quote: Quote | None) -> None:
    """Refuse to change a proposal whose quote is accepted already. Raises QuoteAlreadyAccepted."""
    if quote is not None and quote.state is QuoteState.ACCEPTED:
        raise QuoteAlreadyAccepted(f"quote {quote.id} is accepted and has its budget reserved; cancel it instead")


def quote_in_force(quotes: Iterable[Quote], proposal: Proposal | None) -> Quote | None:
    """The quote that answers the proposal: the newest of the demand (ids are UUIDv7), live and on its terms, or None.

    Pricing keeps one quote per demand and withdraws the one before, so an older one never comes back into force:
    not when the newest has ended, nor when we hear of the older one's acceptance before its withdrawal.
    """
    if proposal is None:
        return None
    newest = max(quotes, key=lambda quote: quote.id, default=None)
    if newest is None or (proposal.superseded is not None and newest.id <= proposal.superseded):
        return None
    answers = newest.offering_id == proposal.offering_id and newest.quantity == proposal.quantity
    return newest if answers and newest.state in LIVE else None


def answers_earlier_proposal(caused_by: str | None, *, proposed: UUID) -> bool:
    """Whether the event that caused a quote is older than the step `proposed`, both UUIDv7 of this service's clock."""
    try:
        return caused_by is not None and UUID(caused_by) < proposed
    except ValueError:
        return False


def latest(*ids: UUID | None) -> UUID | None:
    """The latest of these UUIDv7, None where there is none."""
    return max((each for each in ids if each is not None), default=None)


AWAITING = frozenset({DemandState.PROPOSED, DemandState.APPROVED})


def next_move(state: DemandState, *, quote: Quote | None, evaluated: UUID | None) -> Move:
    """What follows from what is known. `quote` is the one in force, `evaluated` the one that was put to policy."""
    if state not in AWAITING or quote is None:
        return Move.WAIT
    if evaluated != quote.id:
        return Move.EVALUATE
    if state is DemandState.APPROVED and quote.state is QuoteState.ACCEPTED:
        return Move.OPEN_ORDER
    return Move.WAIT
