"""A charge: one price model with an optional minimum and maximum, priced into lines.

One charge is one line. In this order: the model's price, its share of the period, the discounts as listed, the
maximum (what exceeds it is cut off within the line), rounding; then, where all that stays below the minimum, a
second line trues it up, so that together they make the minimum. A discount with a line of its own takes what it
takes off a line further down. `Split` says which share of the full price is due: a recurring charge prorates as a
whole, a usage charge only in its fees, its minimum and its maximum; tier bounds never prorate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from pricing_service.domain.prices.discount import Discount
from pricing_service.domain.prices.line import (
    ZERO,
    Line,
    LineKind,
    NegativeQuantity,
    Part,
    PartKind,
    PriceModel,
    plain,
    refuse_negative,
)
from pricing_service.domain.prices.matrix import Cell, Matrix
from services.errors import Fault, Invalid
from services.money import EXACT, exact_total, exponent, round_amount

# A share such as 21/31 has no finite decimal: its part is shown to this many places, the rest joins the rounding.
PRORATION_PLACES = 12
_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)


class MinimumAboveMaximum(Invalid): ...


@dataclass(frozen=True, slots=True)
class Split:
    """The share of the full price that is due, 0 ≤ share ≤ 1, with its reason ("21/30 days") for the formula.

    `days` is the share of the days alone: a suspension lowers what is due, but not the maximum.
    """

    share: Fraction = Fraction(1)
    reason: str = ""
    units_too: bool = True  # False for usage: its quantity already is that of the split
    days: Fraction | None = None


WHOLE = Split()


@dataclass(frozen=True, slots=True)
class Charge:
    model: PriceModel
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def __post_init__(self) -> None:
        refuse_negative(minimum=self.minimum or ZERO, maximum=self.maximum or ZERO)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise MinimumAboveMaximum(
                f"the minimum {plain(self.minimum)} is above the maximum {plain(self.maximum)}",
                faults=[Fault("/minimum", "must not be above maximum")],
            )


@dataclass(frozen=True, slots=True)
class PricedCharge:
    lines: tuple[Line, ...]
    currency: str

    @property
    def total(self) -> Decimal:
        return exact_total([line.amount for line in self.lines])


def price(
    charge: Charge,
    quantity: Decimal,
    currency: str,
    split: Split = WHOLE,
    *,
    discounts: Sequence[Discount] = (),
    cells: Sequence[Cell] | None = None,
) -> PricedCharge:
    """Price `quantity` (≥ 0) into one line, one for each discount that has its own, and a true-up line.

    Amounts have the currency's exponent; every line's parts add up to its amount exactly. `cells` is the quantity by
    the attributes that a matrix asks for. Raises NegativeQuantity, UnknownCurrency and NoMatrixRow.
    """
    exponent(currency)
    if quantity < 0:
        raise NegativeQuantity(
            f"quantity must not be negative, but is {plain(quantity)}",
            faults=[Fault("/quantity", "must not be negative")],
        )
    priced = (
        charge.model.priced(quantity)
        if cells is None or not isinstance(charge.model, Matrix)
        else charge.model.priced_cells(cells)
    )
    full = exact_total([part.amount for part in priced.parts])
    fees = exact_total([part.flat_fee for part in priced.parts])
    due = Fraction(full) * split.share if split.units_too else Fraction(full) - Fraction(fees) * (1 - split.share)
    parts = list(priced.parts)
    formula = priced.formula
    if split.share != 1 and due != full:
        formula = f"({formula}) × {split.reason}" if split.units_too else f"{formula}, fees × {split.reason}"
        parts.append(Part(PartKind.PRORATION, split.reason, to_places(due - Fraction(full), PRORATION_PLACES)))
    left, apart = due, list[tuple[Discount, Fraction]]()
    for discount in discounts:
        off = discount.off(left, split.share)
        left -= off
        if discount.own_line:
            apart.append((discount, off))
        elif off:
            due -= off
            formula = _discounted(formula, discount, off, split)
            parts.append(Part(PartKind.DISCOUNT, discount.label, to_places(-off, PRORATION_PLACES)))
    limit = split.share if split.days is None else split.days
    if charge.maximum is not None and limit and left > (most := Fraction(charge.maximum) * limit):
        shown = plain(to_places(most, PRORATION_PLACES))
        formula = f"min({formula}, {shown})" if due == left else f"{formula} − what exceeds {shown} after discounts"
        parts.append(Part(PartKind.CAP, f"capped at {shown}", to_places(most - left, PRORATION_PLACES)))
        due -= left - most
    amount = round_fraction(due, currency)
    lines = [rounded_line(LineKind.CHARGE, quantity, priced.unit_price, formula, due, parts, currency, amount)]
    for discount, off in apart:
        due -= off
        # Rounded so that the lines add up to the rounded rest: a discount never takes more than there is.
        taken, amount = EXACT.subtract(round_fraction(due, currency), amount), round_fraction(due, currency)
        part = Part(PartKind.DISCOUNT, discount.label, to_places(-off, PRORATION_PLACES))
        lines.append(
            rounded_line(
                LineKind.DISCOUNT,
                Decimal(1),
                None,
                discount.label,
                -off,
                [part],
                currency,
                taken,
                discount.key,
                discount.name,
            )
        )
    if charge.minimum is not None:
        true_up = true_up_line(LineKind.TRUE_UP, Fraction(charge.minimum) * split.share, amount, currency)
        if true_up is not None:
            lines.append(true_up)
    return PricedCharge(tuple(lines), currency)


def _discounted(formula: str, discount: Discount, off: Fraction, split: Split) -> str:
    if discount.percentage is not None:
        return f"({formula}) × (1 − {plain(discount.percentage)} %)"
    return f"{formula} − {plain(to_places(off, PRORATION_PLACES))}"


def true_up_line(kind: LineKind, least: Fraction, amount: Decimal, currency: str) -> Line | None:
    """What `amount` misses to a minimum, as a line; None where nothing is."""
    missing = least - Fraction(amount)
    if missing <= 0 or round_fraction(missing, currency) == 0:
        return None
    shown = plain(to_places(least, PRORATION_PLACES))
    part = Part(PartKind.TRUE_UP, f"missing to the minimum of {shown}", to_places(missing, PRORATION_PLACES))
    formula = f"minimum {shown} − {plain(amount)}"
    return rounded_line(kind, Decimal(1), None, formula, missing, [part], currency, round_fraction(missing, currency))


def rounded_line(
    kind: LineKind,
    quantity: Decimal,
    unit_price: Decimal | None,
    formula: str,
    due: Fraction,
    parts: list[Part],
    currency: str,
    amount: Decimal,
    discount: str | None = None,
    discount_name: str | None = None,
) -> Line:
    shown = plain(to_places(due, PRORATION_PLACES))
    told = f"{formula} = {shown}" if formula != shown else formula
    if Fraction(amount) != due:
        told += f" ≈ {amount:f}"
    rest = EXACT.subtract(amount, exact_total([part.amount for part in parts]))
    if rest:
        parts = [*parts, Part(PartKind.ROUNDING, f"rounded half-even to {amount:f}", rest)]
    return Line(
        kind, quantity, unit_price, f"{told} {currency}", amount, currency, tuple(parts), discount, discount_name
    )


def to_places(number: Fraction, places: int) -> Decimal:
    """`number` as a decimal: every digit where that is finite, else half-even at `places` decimals."""
    finite = _finite(number)
    if finite is not None:
        return finite
    return Decimal(round(number * 10**places)).scaleb(-places, context=_WIDE)  # round() of a Fraction is half-even


def round_fraction(number: Fraction, currency: str) -> Decimal:
    """Round an exact number half-even to the currency's exponent (ties are seen exactly, not through a decimal)."""
    places = exponent(currency)
    return round_amount(Decimal(round(number * 10**places)).scaleb(-places, context=_WIDE), currency)


def _finite(number: Fraction) -> Decimal | None:
    twos, fives, rest = 0, 0, number.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return None
    places = max(twos, fives)
    return Decimal(number.numerator * 10**places // number.denominator).scaleb(-places, context=_WIDE)
