"""The history of a subscription: what was held from when to when, rebuilt from demand's events in any order.

Every event tells the whole state from an instant on. The events are laid over each other in the order of their
sequence, so that a later one that is dated back replaces what an earlier one said of the same time; the order in
which they arrive does not matter.

    activated ─► changed (quantity, offering, tags), suspended ─► resumed, renewed (a new term) ─► ended
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class HeldState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Step:
    """What one event said: the state from `at` on. `renews` begins a new term."""

    sequence: int
    at: datetime
    state: HeldState
    offering_id: UUID
    quantity: Decimal
    tags: Mapping[str, str] = field(default_factory=dict)
    term_months: int | None = None
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """The committed months, half-open."""

    start: datetime
    end: datetime
    months: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time, half-open, in which nothing changed; `joined_at` is when the offering was taken."""

    start: datetime
    end: datetime | None
    offering_id: UUID
    quantity: Decimal
    joined_at: datetime
    suspended: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    term: Term | None = None
    renewals: tuple[datetime, ...] = ()  # all of the subscription's, in the order of time


def stretches(activated_at: datetime, ended_at: datetime | None, steps: Sequence[Step]) -> tuple[Stretch, ...]:
    """The times in which the subscription was held, in order. `steps` holds at least one, in any order.

    Before the first step that is known, that step's own state holds (suspended or ended counts as active there):
    what preceded it may still arrive, and then takes its place.
    """
    ordered = sorted(steps, key=lambda step: step.sequence)
    first = ordered[0]
    base = replace(first, at=activated_at, state=HeldState.ACTIVE, renews=False)
    laid: list[Step] = [base]
    for step in ordered:
        at = max(step.at, activated_at)
        laid = [*(earlier for earlier in laid if earlier.at < at), replace(step, at=at)]
    renewals = tuple(sorted(step.at for step in laid if step.renews))
    found: list[Stretch] = []
    joined, term_start = laid[0].at, laid[0].at
    for index, step in enumerate(laid):
        end = laid[index + 1].at if index + 1 < len(laid) else None
        if ended_at is not None:
            end = ended_at if end is None else min(end, ended_at)
        if index and step.offering_id != laid[index - 1].offering_id:
            joined = step.at
        if step.renews:
            term_start = step.at
        if step.state is HeldState.ENDED or (end is not None and end <= step.at):
            continue
        term = None
        if step.term_months:
            term = Term(term_start, months_after(term_start, step.term_months), step.term_months)
        suspended = step.state is HeldState.SUSPENDED
        found.append(
            Stretch(step.at, end, step.offering_id, step.quantity, joined, suspended, step.tags, term, renewals)
        )
    if not found:  # It ended as it began: its one-off charges and its usage still need to know of what.
        found.append(Stretch(activated_at, activated_at, base.offering_id, base.quantity, activated_at, tags=base.tags))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class TagsStep:
    """What one event said of a business unit's tags: those from `at` on."""

    sequence: int
    at: datetime
    tags: Mapping[str, str]


def tags_before(steps: Sequence[TagsStep], moment: datetime) -> Mapping[str, str]:
    """The tags just before `moment`. `steps` holds at least one, in any order, laid over each other as above.

    Of the steps that begin before `moment` the one of the highest sequence holds: it covers all that were said before
    it. Before the first step that is known, its own tags hold.
    """
    begun = [step for step in steps if step.at < moment]
    if begun:
        return max(begun, key=lambda step: step.sequence).tags
    return min(steps, key=lambda step: step.sequence).tags


def months_after(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the last of that month where it is shorter."""
    month = moment.year * 12 + moment.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True, slots=True)
class Holding:
    """A subscription as rating sees it: its stretches, in order, and the tags of its business unit."""

    id: UUID
    active_from: datetime
    active_until: datetime | None
    stretches: tuple[Stretch, ...]
    unit_tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def unchanged(
        cls, id: UUID, quantity: Decimal, active_from: datetime, active_until: datetime | None, offering_id: UUID
    ) -> "Holding":
        """One whose offering and quantity never changed."""
        stretch = Stretch(active_from, active_until, offering_id, quantity, active_from)
        return cls(id, active_from, active_until, (stretch,))

    @property
    def offering_ids(self) -> tuple[UUID, ...]:
        return tuple(dict.fromkeys(stretch.offering_id for stretch in self.stretches))
