"""The life of a statement, and what a later statement of the same period still bills.

    draft ──► issued

A statement is never edited: a draft is replaced as a whole, an issued one stands. A rating always prices the
whole period anew and bills the difference to what issued statements already hold, so that their sum equals
one full rating of everything that is known by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from services.errors import Conflict
from services.money import EXACT


class StatementState(StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"


NEXT: dict[StatementState, frozenset[StatementState]] = {StatementState.DRAFT: frozenset({StatementState.ISSUED})}


class StatementNotIssuable(Conflict): ...


def issue(state: StatementState) -> StatementState:
    """The state after issue. Raises StatementNotIssuable."""
    if StatementState.ISSUED not in NEXT.get(state, frozenset()):
        raise StatementNotIssuable(f"the statement is {state}, only a draft can be issued")
    return StatementState.ISSUED


@dataclass(frozen=True, slots=True, order=True)
class LineKey:
    """One charge (or its true-up) of one subscription in one split of the period."""

    subscription_id: UUID
    charge_key: str
    kind: str
    split_start: date


@dataclass(frozen=True, slots=True)
class Billed:
    """What statements already hold under one key of a service period."""

    amount: Decimal
    quantity: Decimal
    sequences: tuple[int | str, ...]  # of the statement's own period by number, others such as "1 of 2026-10"
    usage_upto: int = -1  # the latest arrival of usage that it knew of


@dataclass(frozen=True, slots=True)
class Remaining:
    amount: Decimal
    quantity: Decimal
    before: Billed | None


def remaining(rated_amount: Decimal, rated_quantity: Decimal, before: Billed | None) -> Remaining:
    """What is still to be billed of a line that is rated for the whole period."""
    if before is None:
        return Remaining(rated_amount, rated_quantity, None)
    return Remaining(
        EXACT.subtract(rated_amount, before.amount), EXACT.subtract(rated_quantity, before.quantity), before
    )


def no_longer_rated(rated: Sequence[LineKey], before: Mapping[LineKey, Billed]) -> list[LineKey]:
    """Keys that are on issued statements but no longer come out of the rating: they are credited in full."""
    still = set(rated)
    return sorted(key for key, billed in before.items() if key not in still and (billed.amount or billed.quantity))
