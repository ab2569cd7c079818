"""Exact money: decimals and ISO 4217 exponents, one rounding function, shares that add up.

Amounts are `Decimal`, never float. Costs and unit prices keep every digit; only the lines of quotes and
statements are rounded, once, half-even, to the currency's exponent. Shares are split by the largest
remainder (Hamilton's method), so that they always add up to the last unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from math import lcm
from typing import TypeVar

from iso4217 import Currency

from services.errors import Invalid

K = TypeVar("K")

# Wide enough that no sum or product of what the API admits is ever rounded: Inexact raises instead.
EXACT = Context(prec=120, traps=[Inexact, InvalidOperation])


class UnknownCurrency(Invalid): ...


class NothingToShareBy(Invalid): ...


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency. Arithmetic is exact and refuses to mix currencies."""

    amount: Decimal
    currency: str

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise Invalid(f"cannot add {other.currency} to {self.currency} without an exchange rate")
        return Money(EXACT.add(self.amount, other.amount), self.currency)

    def rounded(self) -> "Money":
        return Money(round_amount(self.amount, self.currency), self.currency)


def exponent(currency: str) -> int:
    """Decimal places of `currency` (ISO 4217). Raises UnknownCurrency, also for what has none (gold, test codes)."""
    try:
        places = Currency(currency).exponent
    except ValueError:
        places = None
    if places is None:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency code")
    return places


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """Round half-even to the currency's exponent. The only rounding of money in the suite."""
    quantum = Decimal(1).scaleb(-exponent(currency))
    return amount.quantize(quantum, rounding=ROUND_HALF_EVEN, context=Context(prec=120))


def exact_total(amounts: Sequence[Decimal]) -> Decimal:
    """The exact sum, whatever the scales."""
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def largest_remainder(amount: Decimal, weights: Mapping[K, Decimal | Fraction], *, places: int) -> dict[K, Decimal]:
    """Split `amount` by non-negative `weights` into shares with `places` decimals that add up exactly.

    What rounding down leaves over goes, one unit (10^-places) each, to the largest remainders; ties go to
    the earlier key. If `amount` itself has more decimals than `places`, the last bit of it stays on the
    first of them. Raises NothingToShareBy if the weights are empty, negative or sum to zero.
    """
    exact = {key: Fraction(weight) for key, weight in weights.items()}
    if not any(exact.values()) or any(weight < 0 for weight in exact.values()):
        raise NothingToShareBy("weights must be non-negative and must not sum to zero")
    scale = lcm(*(weight.denominator for weight in exact.values()))  # whole numbers are split without a gcd for each
    whole = {key: weight.numerator * (scale // weight.denominator) for key, weight in exact.items()}
    total = sum(whole.values())
    unit = Decimal(1).scaleb(-places)
    wide = Context(prec=120)
    units_total = int(amount.quantize(unit, rounding=ROUND_FLOOR, context=wide).scaleb(places, context=wide))
    rest = EXACT.subtract(amount, Decimal(units_total).scaleb(-places, context=wide))
    ideal = {key: divmod(units_total * weight, total) for key, weight in whole.items()}
    left = units_total - sum(floor for floor, _ in ideal.values())
    order = sorted(ideal, key=lambda key: -ideal[key][1])  # the largest remainder first; sort is stable
    shares = {
        key: Decimal(ideal[key][0] + (1 if rank < left else 0)).scaleb(-places, context=wide)
        for rank, key in enumerate(order)
    }
    if rest and order:
        shares[order[0]] = EXACT.add(shares[order[0]], rest)
    return {key: shares[key] for key in weights}
