"""Exchange rates: what one unit of the base currency is worth in the quote currency, and conversion by them.

A rate is exact as it was published. Where only the inverse pair was, its exact inverse 1/rate is used, as a fraction:
converting to and fro gives the amount back. A converted amount keeps CONVERTED_PLACES decimals, half-even.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from services.errors import Fault, Invalid

CONVERTED_PLACES = 24
_WIDE = Context(prec=120)


class RateNotPositive(Invalid): ...


class SameCurrency(Invalid): ...


class RateType(StrEnum):
    """budget: fixed for planning. average: of a period, for what accrues over it. closing: of a day, for balances."""

    BUDGET = "budget"
    AVERAGE = "average"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class FoundRate:
    """The rate that applies to `base` → `quote` on a day, as it was `stated`: for quote → base where it is inverse."""

    id: UUID
    rate_type: RateType
    base: str
    quote: str
    day: date  # of the rate, not the one asked for
    stated: Decimal
    inverse: bool
    source: str

    @property
    def factor(self) -> Fraction:
        """What an amount in `base` is multiplied by to be in `quote`, exactly."""
        return 1 / Fraction(self.stated) if self.inverse else Fraction(self.stated)


def check_rate(base: str, quote: str, rate: Decimal, *, pointer: str = "") -> None:
    """Raises SameCurrency or RateNotPositive."""
    if base == quote:
        raise SameCurrency(f"{base} is worth itself", faults=[Fault(f"{pointer}/quote", "must differ from base")])
    if rate <= 0:
        raise RateNotPositive(f"a rate of {rate:f}", faults=[Fault(f"{pointer}/rate", "must be above zero")])


def convert(amount: Decimal, rate: FoundRate) -> Decimal:
    """`amount` in the rate's base currency as one in its quote currency, to CONVERTED_PLACES decimals, half-even."""
    return rounded(Fraction(amount) * rate.factor)


def rounded(number: Fraction) -> Decimal:
    """To CONVERTED_PLACES decimals, half-even, without trailing zeros."""
    units = round(number * 10**CONVERTED_PLACES)  # round() of a Fraction is half-even
    exact = Decimal(units).scaleb(-CONVERTED_PLACES, context=_WIDE).normalize(_WIDE)
    return exact.quantize(Decimal(1), context=_WIDE) if exact == exact.to_integral_value() else exact
