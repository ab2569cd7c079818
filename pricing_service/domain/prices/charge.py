"""A charge: one price model with an optional minimum and maximum, priced into lines.

One charge is one line. Where the line stays below the minimum, a second line trues it up, so that both add
up to the minimum; what exceeds the maximum is cut off within the line. `Split` says which share of the full
price is due: a recurring charge prorates as a whole, a usage charge only in its fees, its minimum and its
maximum; tier bounds never prorate.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

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
from services.errors import Fault, Invalid
from services.money import EXACT, exact_total, exponent, round_amount

# A share such as 21/31 has no finite decimal: its part is shown to this many places, the rest joins the rounding.
PRORATION_PLACES = 12
_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)


class MinimumAboveMaximum(Invalid): ...


@dataclass(frozen=True, slots=True)
class Split:
    """The share of the full price that is due, 0 ≤ share ≤ 1, with its reason ("21/30 days") for the formula."""

    share: Fraction = Fraction(1)
    reason: str = ""
    units_too: bool = True  # False for usage: its quantity already is that of the split


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


def price(charge: Charge, quantity: Decimal, currency: str, split: Split = WHOLE) -> PricedCharge:
    """Price `quantity` (≥ 0) into one line, and a true-up line where the minimum asks for it.

    Amounts have the currency's exponent; every line's parts add up to its amount exactly.
    Raises NegativeQuantity and UnknownCurrency.
    """
    exponent(currency)
    if quantity < 0:
        raise NegativeQuantity(
            f"quantity must not be negative, but is {plain(quantity)}",
            faults=[Fault("/quantity", "must not be negative")],
        )
    priced = charge.model.priced(quantity)
    full = exact_total([part.amount for part in priced.parts])
    fees = exact_total([part.flat_fee for part in priced.parts])
    due = Fraction(full) * split.share if split.units_too else Fraction(full) - Fraction(fees) * (1 - split.share)
    parts = list(priced.parts)
    formula = priced.formula
    if split.share != 1 and due != full:
        formula = f"({formula}) × {split.reason}" if split.units_too else f"{formula}, fees × {split.reason}"
        parts.append(Part(PartKind.PRORATION, split.reason, to_places(due - Fraction(full), PRORATION_PLACES)))
    if charge.maximum is not None and due > (most := Fraction(charge.maximum) * split.share):
        formula = f"min({formula}, {plain(to_places(most, PRORATION_PLACES))})"
        label = f"capped at {plain(to_places(most, PRORATION_PLACES))}"
        parts.append(Part(PartKind.CAP, label, to_places(most - due, PRORATION_PLACES)))
        due = most
    line = _rounded(LineKind.CHARGE, quantity, priced.unit_price, formula, due, parts, currency)
    if charge.minimum is None:
        return PricedCharge((line,), currency)
    least = Fraction(charge.minimum) * split.share
    missing = least - Fraction(line.amount)
    if missing <= 0 or round_fraction(missing, currency) == 0:
        return PricedCharge((line,), currency)
    shown = plain(to_places(least, PRORATION_PLACES))
    part = Part(PartKind.TRUE_UP, f"missing to the minimum of {shown}", to_places(missing, PRORATION_PLACES))
    true_up = _rounded(
        LineKind.TRUE_UP, Decimal(1), None, f"minimum {shown} − {plain(line.amount)}", missing, [part], currency
    )
    return PricedCharge((line, true_up), currency)


def _rounded(
    kind: LineKind,
    quantity: Decimal,
    unit_price: Decimal | None,
    formula: str,
    due: Fraction,
    parts: list[Part],
    currency: str,
) -> Line:
    amount = round_fraction(due, currency)
    shown = plain(to_places(due, PRORATION_PLACES))
    told = f"{formula} = {shown}" if formula != shown else formula
    if Fraction(amount) != due:
        told += f" ≈ {amount:f}"
    rest = EXACT.subtract(amount, exact_total([part.amount for part in parts]))
    if rest:
        parts = [*parts, Part(PartKind.ROUNDING, f"rounded half-even to {amount:f}", rest)]
    return Line(kind, quantity, unit_price, f"{told} {currency}", amount, currency, tuple(parts))


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
