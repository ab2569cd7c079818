"""The life of a statement, and what a later statement of the same period still bills.

    showback     draft ──► issued
    chargeback   draft ──► issued ──► posted ──► settled
                            ▲  ▼
                          disputed

A statement is never edited: a draft is replaced as a whole, an issued one stands; what was wrong is put right by
a credit note beside it. It is disputed while one of its lines is. A rating always prices the whole period anew and
bills the difference to what issued statements already hold, so that their sum equals one full rating of
everything that is known by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pricing_service.domain.periods import Period
from services.errors import Conflict
from services.money import EXACT


class BillingMode(StrEnum):
    SHOWBACK = "showback"  # shown, not owed
    CHARGEBACK = "chargeback"


class StatementState(StrEnum):
    DRAFT = "draft"
    ISSUED = "issued"
    DISPUTED = "disputed"
    POSTED = "posted"
    SETTLED = "settled"


class StatementAction(StrEnum):
    ISSUE = "issue"
    DISPUTE = "dispute"
    RESOLVE = "resolve"  # of the last open dispute
    POST = "post"
    SETTLE = "settle"


_ISSUE = {(StatementState.DRAFT, StatementAction.ISSUE): StatementState.ISSUED}
NEXT: Mapping[BillingMode, Mapping[tuple[StatementState, StatementAction], StatementState]] = {
    BillingMode.SHOWBACK: _ISSUE,
    BillingMode.CHARGEBACK: _ISSUE
    | {
        (StatementState.ISSUED, StatementAction.DISPUTE): StatementState.DISPUTED,
        (StatementState.DISPUTED, StatementAction.DISPUTE): StatementState.DISPUTED,  # another line of it
        (StatementState.DISPUTED, StatementAction.RESOLVE): StatementState.ISSUED,
        (StatementState.ISSUED, StatementAction.POST): StatementState.POSTED,
        (StatementState.POSTED, StatementAction.SETTLE): StatementState.SETTLED,
    },
}


class StatementNotIssuable(Conflict): ...


class StatementNotDisputable(Conflict): ...


class StatementNotPostable(Conflict): ...


class StatementNotSettleable(Conflict): ...


class PeriodToCome(Conflict): ...


class DraftOutdated(Conflict): ...


class BillingModeFixed(Conflict): ...


_REFUSALS: Mapping[StatementAction, type[Conflict]] = {
    StatementAction.ISSUE: StatementNotIssuable,
    StatementAction.DISPUTE: StatementNotDisputable,
    StatementAction.RESOLVE: StatementNotDisputable,
    StatementAction.POST: StatementNotPostable,
    StatementAction.SETTLE: StatementNotSettleable,
}


def step(state: StatementState, mode: BillingMode, action: StatementAction) -> StatementState:
    """The state after `action`. Raises the action's own refusal, such as StatementNotPostable."""
    after = NEXT[mode].get((state, action))
    if after is None:
        from_states = sorted(before for before, each in NEXT[mode] if each is action)
        wanted = f"only from {' or '.join(from_states)}" if from_states else f"not with {mode} at all"
        raise _REFUSALS[action](f"the {mode} statement is {state}; {action} is possible {wanted}")
    return after


def check_begun(period: Period, *, now: datetime) -> None:
    """A statement of a period that has begun, or is over, can be issued. Raises PeriodToCome."""
    if now < period.start:
        raise PeriodToCome(f"period {period} begins on {period.first_day}; its statements can be issued from then on")


def mode_on(day: date, dated: Sequence[tuple[date, str]]) -> BillingMode:
    """By the newest of a unit's dated modes, in the order of time, that counts on the day; chargeback without one."""
    counting = [mode for since, mode in dated if since <= day]
    return BillingMode(counting[-1]) if counting else BillingMode.CHARGEBACK


def owed(mode: BillingMode | None, total: Decimal, credited: Decimal) -> Decimal | None:
    """What an issued statement leaves the business unit to bear, credit notes taken off."""
    if mode is None:
        return None
    return EXACT.subtract(total, credited) if mode is BillingMode.CHARGEBACK else Decimal(0)


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
    credited: Decimal = Decimal(0)  # by credit notes that put a charge right
    service_credited: Decimal = Decimal(0)  # by credit notes for missed commitments


@dataclass(frozen=True, slots=True)
class Remaining:
    amount: Decimal
    quantity: Decimal
    before: Billed | None
    absorbed: Decimal = Decimal(0)  # of what would be taken back, what credit notes have given back already


def remaining(rated_amount: Decimal, rated_quantity: Decimal, before: Billed | None) -> Remaining:
    """What is still to be billed of a line that is rated for the whole period.

    A line that is credited first and then rated lower is not given back twice: the credit counts towards what the new
    rating takes back. It never counts the other way, since a credit may be a favour. A service credit is none of the
    charge's correction and stands, but only up to the charge that remains: beyond it, it counts like any other credit.
    """
    if before is None:
        return Remaining(rated_amount, rated_quantity, None)
    rest = EXACT.subtract(rated_amount, before.amount)
    absorbed = _absorbed(rest.copy_negate(), rated_amount, before) if rest < 0 else Decimal(0)
    quantity = EXACT.subtract(rated_quantity, before.quantity)
    return Remaining(EXACT.add(rest, absorbed), quantity, before, absorbed)


def _absorbed(taken_back: Decimal, rated_amount: Decimal, before: Billed) -> Decimal:
    """What of `taken_back` (> 0) credit notes have given back already."""
    corrected = min(max(before.credited, Decimal(0)), taken_back)
    beyond = max(EXACT.subtract(before.service_credited, max(rated_amount, Decimal(0))), Decimal(0))
    return EXACT.add(corrected, min(beyond, EXACT.subtract(taken_back, corrected)))


def check_credits_counted(amount: Decimal, held: Decimal, absorbed: Decimal, now: Billed | None, *, what: str) -> None:
    """A draft's line still counts the credit notes of its charge as they are now.

    `held` is what it took off as billed before, `absorbed` what of that it knew to be credited. Raises DraftOutdated:
    a credit note, or a reversal of one, since the draft was made would give back, or bill, its amount twice.
    """
    credited, serviced = (Decimal(0), Decimal(0)) if now is None else (now.credited, now.service_credited)
    rated = EXACT.subtract(EXACT.add(amount, held), absorbed)
    if remaining(rated, Decimal(0), Billed(held, Decimal(0), (), -1, credited, serviced)).absorbed != absorbed:
        raise DraftOutdated(
            f"a credit note of {what}, or a reversal, was given since: rate the period again; "
            "where it is closed, take back what was given since"
        )


def no_longer_rated(rated: Sequence[LineKey], before: Mapping[LineKey, Billed]) -> list[LineKey]:
    """Keys that are on issued statements but no longer come out of the rating: they are credited in full."""
    still = set(rated)
    return sorted(key for key, billed in before.items() if key not in still and (billed.amount or billed.quantity))
