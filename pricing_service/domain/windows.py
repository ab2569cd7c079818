"""Windows: the days of a period in which one plan version prices one state of a subscription.

Each effective change cuts the period (quantity, suspension, resumption, offering, plan version, the end of the
committed term), and counts from its day on. Of several changes on one day the last holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from pricing_service.domain.history import Holding, Stretch
from pricing_service.domain.periods import DaySplit, Period, split_days
from pricing_service.domain.plan import PlanVersion, counts_from, in_force_on


@dataclass(frozen=True, slots=True)
class Window:
    """Days of a period in which one plan version prices one state of a subscription.

    `start` and `end`, half-open, are the days whose usage it prices. The first window also prices what was metered
    before the subscription's first day, the last what came after its last: usage is never lost between them.
    """

    split: DaySplit
    plan: PlanVersion
    start: date
    end: date
    stretch: Stretch

    @property
    def in_term(self) -> bool:
        term = self.stretch.term
        return term is not None and self.split.start < self.split.period.day_of(term.end)


def windows(period: Period, holding: Holding, plans: Mapping[UUID, Sequence[PlanVersion]]) -> list[Window]:
    """The windows of the period; `plans` by offering. Days before an offering's first version have no price."""
    pieces: list[tuple[DaySplit, PlanVersion | None, Stretch]] = []
    for stretch in holding.stretches:
        versions = plans.get(stretch.offering_id, ())
        changes = [at for version in versions if (at := counts_from(version, stretch, period)) is not None]
        if stretch.term is not None:
            changes.append(stretch.term.end)
        for split in split_days(period, active_from=stretch.start, active_until=stretch.end, changes=changes):
            pieces.append((split, in_force_on(versions, split, stretch), stretch))
    if not pieces and holding.stretches:  # nothing recurring is due, but usage may have been metered
        pieces.append(_without_days(period, holding, plans))
    merged: list[Window] = []
    for split, plan, stretch in pieces:
        if plan is None:
            continue
        piece = Window(split, plan, split.start, split.end, stretch)
        if merged and _continues(merged[-1], piece):
            whole = DaySplit(period, merged[-1].split.start, split.end)
            piece = Window(whole, plan, whole.start, whole.end, merged.pop().stretch)
        merged.append(piece)
    last = len(merged) - 1
    return [
        Window(
            window.split,
            window.plan,
            period.first_day if index == 0 else window.start,
            # Days between two windows in which nothing was held, or nothing has a price, belong to neither.
            period.end_day if index == last else window.end,
            window.stretch,
        )
        for index, window in enumerate(merged)
    ]


def _without_days(
    period: Period, holding: Holding, plans: Mapping[UUID, Sequence[PlanVersion]]
) -> tuple[DaySplit, PlanVersion | None, Stretch]:
    day = (
        period.first_day
        if holding.active_from < period.start
        else min(period.end_day, period.day_of(holding.active_from))
    )
    split = DaySplit(period, day, day)
    begun = [stretch for stretch in holding.stretches if period.day_of(stretch.start) <= day]
    stretch = begun[-1] if begun else holding.stretches[0]
    return split, in_force_on(plans.get(stretch.offering_id, ()), split, stretch), stretch


def _continues(before: Window, piece: Window) -> bool:
    """Whether nothing that prices it changed between two pieces (two changes on a day may cancel each other)."""
    one, other = before.stretch, piece.stretch
    return (
        before.split.end == piece.split.start
        and before.plan is piece.plan
        and before.in_term == piece.in_term
        and (one.offering_id, one.quantity, one.suspended, one.tags, one.term)
        == (other.offering_id, other.quantity, other.suspended, other.tags, other.term)
    )
