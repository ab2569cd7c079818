"""Rating: what one subscription owes for one service period, line by line, each with the parts that add up to it.

    stretches of the subscription  ×  plan versions that count for it  →  windows (days, half-open)
    window × recurring charge   →  prorated by actual days, less what a suspension spares
    window × usage charge       →  quantity metered in the window, fees prorated
    one-off charge              →  once, in the period in which the subscription starts
    window × plan               →  the plan's discounts, minimum and maximum over all charges but one-offs

A statement bills its own period, and of the next one what is charged in advance. Every rating prices the whole
service period anew; what statements already hold of it is taken off (see `statement`). So what was paid in advance
and is no longer due comes back with the statement of the period that it was for.

A subscription that ends on the day on which it began has no day: it owes one-offs and its usage, nothing recurring.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from pricing_service.domain.history import Holding
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import (
    PLAN,
    Commitment,
    PlanCharge,
    Recurrence,
    Timing,
    TrueUpAt,
    due_split,
    of_plan,
    plan_wide,
)
from pricing_service.domain.prices import Cell, Line, Matrix, Part, price
from pricing_service.domain.prices.charge import true_up_line
from pricing_service.domain.prices.line import LineKind, PartKind
from pricing_service.domain.statement import Billed, LineKey, Remaining, no_longer_rated, remaining
from pricing_service.domain.windows import Window, windows
from services.money import EXACT, exact_total

__all__ = ["Rated", "RatedLine", "Unpriced", "Window", "ending_term", "rate", "rate_in_advance", "windows"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class RatedLine:
    """One line of a statement: what is billed now of one charge in one window. `parts` add up to `amount`."""

    key: LineKey
    name: str
    model: str
    recurrence: str
    timing: str
    meter: str | None
    window: Window | None  # None: a credit for a line that is no longer rated
    unit_price: Decimal | None
    quantity: Decimal
    amount: Decimal
    formula: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Usage that no row of its matrix prices."""

    window: Window
    charge: PlanCharge
    cell: Cell

    @property
    def reason(self) -> str:
        assert isinstance(self.charge.charge.model, Matrix)
        return f"no row of {self.charge.name!r} prices {self.cell.told(self.charge.charge.model.attributes)}"


@dataclass(frozen=True, slots=True)
class Rated:
    lines: list[RatedLine]
    unpriced: list[Unpriced]


Metered = Callable[[Window, str], Decimal]
MeteredCells = Callable[[Window, str], Sequence[Cell]]


def rate(
    period: Period,
    holding: Holding,
    priced_windows: Sequence[Window],
    metered: Metered,
    before: Mapping[LineKey, Billed],
    *,
    cells: MeteredCells | None = None,
    earlier_in_term: Decimal = ZERO,
) -> Rated:
    """What is still to be billed of a service period, in the order of windows and charges.

    `before` is what statements already hold of this service period. `cells` tells the attributes of what was metered,
    for charges by matrix. `earlier_in_term` is what the term of `ending_term` was billed before this period.
    """
    due: list[_Due] = []
    unpriced: list[Unpriced] = []
    for window in priced_windows:
        of_window: list[_Due] = []
        for charge in window.plan.charges:
            quantity = _quantity(period, holding, window, charge, metered)
            if quantity is None:
                continue
            of_window += _priced(holding, window, charge, quantity, cells, unpriced)
        due += of_window
        due += _of_plan(holding, window, [each for each in of_window if each.charge.recurrence is not _ONE_OFF])
    due += _term_true_up(period, holding, priced_windows, due, earlier_in_term)
    lines = [line for each in due if (line := each.billed(holding.id, before.get(each.key(holding.id)))) is not None]
    rated = [each.key(holding.id) for each in due]
    credits = [_credit(key, before[key]) for key in no_longer_rated(rated, before)]
    return Rated(lines + [credit for credit in credits if credit.amount or credit.quantity], unpriced)


def rate_in_advance(
    following: Period, holding: Holding, priced_windows: Sequence[Window], before: Mapping[LineKey, Billed]
) -> list[RatedLine]:
    """What the statement of a period bills of the following one, `following`, for charges in advance.

    Nothing is credited here: the statement of `following` itself settles what was paid and is not due.
    """
    if following.day_of(holding.active_from) >= following.first_day:
        return []  # its first statement is that of the period in which it starts
    due: list[_Due] = []
    for window in priced_windows:
        for charge in window.plan.charges:
            if charge.timing is Timing.IN_ADVANCE and window.split.days:
                due += _priced(holding, window, charge, window.stretch.quantity, None, [])
    return [line for each in due if (line := each.billed(holding.id, before.get(each.key(holding.id)))) is not None]


def ending_term(period: Period, holding: Holding, priced_windows: Sequence[Window]) -> tuple[date, date] | None:
    """First day and end of the committed term that a plan's minimum is trued up for in this period, if any."""
    ending = _ending(period, holding, priced_windows)
    return None if ending is None else ending[2:]


_ONE_OFF = Recurrence.ONE_OFF


@dataclass(frozen=True, slots=True)
class _Due:
    """A line at its full amount, before what was billed is taken off."""

    window: Window
    charge: PlanCharge
    line: Line
    of_plan: bool = False

    def key(self, subscription_id: UUID) -> LineKey:
        charge_key = self.charge.key
        if self.line.discount is not None and not self.of_plan:
            charge_key = f"{charge_key}/{self.line.discount}"
        return LineKey(subscription_id, charge_key, self.line.kind.value, self.window.split.start)

    def billed(self, subscription_id: UUID, before: Billed | None) -> RatedLine | None:
        line, charge = self.line, self.charge
        rest = remaining(line.amount, line.quantity, before)
        nothing = not rest.amount and not rest.quantity
        if nothing and (before is not None or charge.recurrence is Recurrence.USAGE):
            return None
        if line.kind is LineKind.DISCOUNT and not rest.amount:
            return None
        formula, parts = line.formula, line.parts
        if before is not None:
            credited = f" + {rest.absorbed:f} credited already" if rest.absorbed else ""
            held = f"{before.amount:f} on {_statements(before)}"
            formula = f"{formula} − {held}{credited} = {rest.amount:f} {line.currency}"
            parts = (*parts, *_before_parts(rest))
        return RatedLine(
            key=self.key(subscription_id),
            name=charge.name if line.discount_name is None else f"{charge.name}: {line.discount_name}",
            model=charge.model,
            recurrence=charge.recurrence.value,
            timing=charge.timing.value,
            meter=charge.meter,
            window=self.window,
            unit_price=line.unit_price,
            quantity=rest.quantity,
            amount=rest.amount,
            formula=formula,
            parts=parts,
        )


def _priced(
    holding: Holding,
    window: Window,
    charge: PlanCharge,
    quantity: Decimal,
    cells: MeteredCells | None,
    unpriced: list[Unpriced],
) -> list[_Due]:
    """The lines of one charge in one window. What its matrix does not price is noted, and priced at nothing."""
    stretch = window.stretch
    split = due_split(charge, window.split, suspended=stretch.suspended)
    if not split.share and charge.recurrence is not Recurrence.USAGE:
        return []
    term_months = stretch.term.months if window.in_term and stretch.term is not None else None
    discounts = [each for each in charge.discounts if each.applies(stretch.tags, holding.unit_tags, term_months)]
    by_attributes: Sequence[Cell] | None = None
    if isinstance(charge.charge.model, Matrix):
        if charge.meter is None:
            by_attributes = [Cell(quantity, stretch.tags)]
        else:
            by_attributes = [Cell(quantity)] if cells is None else cells(window, charge.meter)
            by_attributes = [cell for cell in by_attributes if cell.quantity]
        missing = charge.charge.model.without_row(by_attributes)
        unpriced += [Unpriced(window, charge, cell) for cell in missing]
        by_attributes = [cell for cell in by_attributes if cell not in missing]
        quantity = exact_total([cell.quantity for cell in by_attributes])
    priced = price(charge.charge, quantity, window.plan.currency, split, discounts=discounts, cells=by_attributes)
    return [_Due(window, charge, line) for line in priced.lines]


def _quantity(period: Period, holding: Holding, window: Window, charge: PlanCharge, metered: Metered) -> Decimal | None:
    """The quantity that the charge prices in the window; None where it does not fall due there."""
    match charge.recurrence:
        case Recurrence.USAGE:
            assert charge.meter is not None
            return metered(window, charge.meter)
        case Recurrence.ONE_OFF:
            first_day = period.day_of(holding.active_from)
            starts_here = holding.active_from in period and first_day == window.split.start
            return window.stretch.quantity if starts_here else None
        case _:
            return window.stretch.quantity if window.split.days else None


def _of_plan(holding: Holding, window: Window, due: Sequence[_Due]) -> list[_Due]:
    """The plan's discounts, minimum and maximum over the window's lines, in this order."""
    stretch = window.stretch
    term_months = stretch.term.months if window.in_term and stretch.term is not None else None
    total = exact_total([each.line.amount for each in due])
    lines = of_plan(
        window.plan,
        total,
        window.split.share,
        tags=stretch.tags,
        unit_tags=holding.unit_tags,
        term_months=term_months,
    )
    return [_Due(window, called, line, of_plan=True) for called, line in lines]


def _term_true_up(
    period: Period, holding: Holding, priced_windows: Sequence[Window], due: Sequence[_Due], earlier: Decimal
) -> list[_Due]:
    ending = _ending(period, holding, priced_windows)
    if ending is None:
        return []
    window, minimum, start, end = ending
    here = exact_total(
        [
            each.line.amount
            for each in due
            if start <= each.window.split.start < end and each.charge.recurrence is not _ONE_OFF
        ]
    )
    true_up = true_up_line(
        LineKind.PLAN_TRUE_UP, Fraction(minimum.amount), EXACT.add(earlier, here), window.plan.currency
    )
    if true_up is None:
        return []
    return [_Due(window, plan_wide(PLAN, f"Minimum commitment of {start} to {end}", "minimum"), true_up, True)]


def _ending(
    period: Period, holding: Holding, priced_windows: Sequence[Window]
) -> tuple[Window, Commitment, date, date] | None:
    """The last window of a term that ends in the period: by itself, with the subscription, or for a new term."""
    for window in reversed(priced_windows):
        term, minimum = window.stretch.term, window.plan.minimum
        if term is None or minimum is None or minimum.at is not TrueUpAt.TERM or not window.in_term:
            continue
        ending = window, minimum, period.day_of(term.start), period.day_of(term.end)
        if ending[3] <= window.split.end:
            return ending
        then = next((each for each in holding.stretches if period.day_of(each.start) >= window.split.end), None)
        if then is None:
            ended = holding.stretches[-1].end
            return ending if ended is not None and period.day_of(ended) <= window.split.end else None
        if then.term is not None and then.term.start > term.start:
            return ending if period.day_of(then.start) <= window.split.end else None
    return None


def _credit(key: LineKey, before: Billed) -> RatedLine:
    rest = remaining(ZERO, ZERO, before)
    credited = f" + {rest.absorbed:f} credited already" if rest.absorbed else ""
    return RatedLine(
        key=key,
        name=f"credit for {key.charge_key}",
        model="credit",
        recurrence="credit",
        timing=Timing.IN_ARREARS.value,
        meter=None,
        window=None,
        unit_price=None,
        quantity=rest.quantity,
        amount=rest.amount,
        formula=f"0 − {before.amount:f} on {_statements(before)}{credited}, which is no longer due",
        parts=_before_parts(rest),
    )


def _before_parts(rest: Remaining) -> tuple[Part, ...]:
    assert rest.before is not None
    held = rest.before.amount.copy_negate()
    part = Part(PartKind.BILLED_BEFORE, f"already on {_statements(rest.before)}", held)
    if not rest.absorbed:
        return (part,)
    return part, Part(PartKind.CREDITED_BEFORE, "given back by credit notes already", rest.absorbed)


def _statements(before: Billed) -> str:
    return "statement " + " and ".join(str(sequence) for sequence in before.sequences)
