"""Rating: what one subscription owes for one period, line by line, each with the parts that add up to it.

    subscription's active days × plan versions in force  →  splits
    split × recurring charge                             →  prorated by actual days
    split × usage charge                                 →  quantity metered in the split, fees prorated
    one-off charge                                       →  once, in the period in which the subscription starts

What issued statements of the period already hold is taken off (see `statement`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pricing_service.domain.periods import DaySplit, Period, split_days
from pricing_service.domain.plan import PlanCharge, PlanVersion, Recurrence, due_split, in_force_on
from pricing_service.domain.prices import Line, Part, price
from pricing_service.domain.prices.line import PartKind
from pricing_service.domain.statement import Billed, LineKey, no_longer_rated, remaining


@dataclass(frozen=True, slots=True)
class Holding:
    """A subscription as rating sees it."""

    id: UUID
    quantity: Decimal
    active_from: datetime
    active_until: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """The days of a period, half-open, whose usage a split prices, and under which plan version.

    The first split also prices what was metered before the subscription's first day, the last what came after
    its last: usage is never lost between them.
    """

    split: DaySplit
    plan: PlanVersion
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One line of a statement: what is billed now of one charge in one window. `parts` add up to `amount`."""

    key: LineKey
    name: str
    model: str
    recurrence: str
    meter: str | None
    window: Window | None  # None: a credit for a line that is no longer rated
    unit_price: Decimal | None
    quantity: Decimal
    amount: Decimal
    formula: str
    parts: tuple[Part, ...]


def windows(period: Period, holding: Holding, versions: Sequence[PlanVersion]) -> list[Window]:
    """The splits of the period, each with its plan version; days before the first version have no price."""
    splits = split_days(
        period,
        active_from=holding.active_from,
        active_until=holding.active_until,
        changes=[version.effective_from for version in versions],
    )
    if not splits:  # Nothing recurring is due, but usage may have been metered: fees of 0 days, units as they are.
        day = (
            period.first_day
            if holding.active_from < period.start
            else min(period.end_day, period.day_of(holding.active_from))
        )
        splits = [DaySplit(period, day, day)]
    priced = [(split, plan) for split in splits if (plan := in_force_on(versions, split)) is not None]
    last = len(priced) - 1
    return [
        Window(
            split,
            plan,
            period.first_day if index == 0 else split.start,
            period.end_day if index == last else split.end,
        )
        for index, (split, plan) in enumerate(priced)
    ]


def rate(
    period: Period,
    holding: Holding,
    priced_windows: Sequence[Window],
    metered: Callable[[Window, str], Decimal],
    before: Mapping[LineKey, Billed],
) -> list[RatedLine]:
    """The lines that are still to be billed for the subscription in the period, in the order of splits and charges."""
    lines: list[RatedLine] = []
    rated: list[LineKey] = []
    for window in priced_windows:
        for charge in window.plan.charges:
            quantity = _quantity(period, holding, window, charge, metered)
            if quantity is None:
                continue
            for line in price(
                charge.charge, quantity, window.plan.currency, due_split(charge.recurrence, window.split)
            ).lines:
                key = LineKey(holding.id, charge.key, line.kind.value, window.split.start)
                rated.append(key)
                billed = _billed_line(key, window, charge, line, before.get(key))
                if billed is not None:
                    lines.append(billed)
    return lines + [_credit(key, before[key]) for key in no_longer_rated(rated, before)]


def _quantity(
    period: Period, holding: Holding, window: Window, charge: PlanCharge, metered: Callable[[Window, str], Decimal]
) -> Decimal | None:
    """The quantity that the charge prices in the window; None where it does not fall due there."""
    match charge.recurrence:
        case Recurrence.USAGE:
            assert charge.meter is not None
            return metered(window, charge.meter)
        case Recurrence.ONE_OFF:
            starts_here = holding.active_from in period and period.day_of(holding.active_from) == window.split.start
            return holding.quantity if starts_here and window.split.days else None
        case _:
            return holding.quantity if window.split.days else None


def _billed_line(
    key: LineKey, window: Window, charge: PlanCharge, line: Line, before: Billed | None
) -> RatedLine | None:
    rest = remaining(line.amount, line.quantity, before)
    if not rest.amount and not rest.quantity and (before is not None or charge.recurrence is Recurrence.USAGE):
        return None
    formula, parts = line.formula, line.parts
    if before is not None:
        formula = f"{formula} − {before.amount:f} on {_statements(before)} = {rest.amount:f} {line.currency}"
        parts = (*parts, _before_part(before))
    return RatedLine(
        key=key,
        name=charge.name,
        model=charge.model,
        recurrence=charge.recurrence.value,
        meter=charge.meter,
        window=window,
        unit_price=line.unit_price,
        quantity=rest.quantity,
        amount=rest.amount,
        formula=formula,
        parts=parts,
    )


def _credit(key: LineKey, before: Billed) -> RatedLine:
    part = _before_part(before)
    return RatedLine(
        key=key,
        name=f"credit for {key.charge_key}",
        model="credit",
        recurrence="credit",
        meter=None,
        window=None,
        unit_price=None,
        quantity=before.quantity.copy_negate(),
        amount=part.amount,
        formula=f"0 − {before.amount:f} on {_statements(before)}, which is no longer due",
        parts=(part,),
    )


def _before_part(before: Billed) -> Part:
    return Part(PartKind.BILLED_BEFORE, f"already on {_statements(before)}", before.amount.copy_negate())


def _statements(before: Billed) -> str:
    return "statement " + " and ".join(str(sequence) for sequence in before.sequences)
