"""What a budget will come to: what is charged, what is held, and what has been charged beyond that so far.

    expected = actual + reserved + usage still to come + recurring charges beyond any reservation still to come

Both of the latter are at the run rate: the mean per period of the latest complete periods that were charged. In a
period that is charged in part, what is charged already is taken off; a closed period, and a past one that was
charged, get nothing more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pricing_service.domain.budget import NUMBERS, ZERO, Balance
from pricing_service.domain.prices.charge import round_fraction
from services.money import EXACT, exact_total

OBSERVED_PERIODS = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Per period, and what of it each period of the year has been charged already."""

    per_period: Decimal
    charged: Mapping[int, Decimal]

    def to_come(self, number: int) -> Decimal:
        return max(EXACT.subtract(self.per_period, self.charged.get(number, ZERO)), ZERO)


def run_rate(observed: Sequence[Decimal], currency: str) -> Decimal:
    """The mean, rounded half-even to the currency's exponent; 0 where nothing was observed."""
    if not observed:
        return ZERO
    return max(round_fraction(Fraction(exact_total(observed)) / len(observed), currency), ZERO)


@dataclass(frozen=True, slots=True)
class Forecast:
    actual: Decimal
    reserved: Decimal
    usage: Decimal
    unreserved: Decimal
    amount: Decimal

    @property
    def expected(self) -> Decimal:
        return exact_total([self.actual, self.reserved, self.usage, self.unreserved])

    @property
    def left(self) -> Decimal:
        return EXACT.subtract(self.amount, self.expected)


def forecast(balance: Balance, *, usage: Rate, unreserved: Rate, finished: Collection[int]) -> list[Forecast]:
    """By period; `finished` are those in which nothing more is to come."""
    return [
        Forecast(
            actual=phase.actual,
            reserved=phase.reserved,
            usage=ZERO if number in finished else usage.to_come(number),
            unreserved=ZERO if number in finished else unreserved.to_come(number),
            amount=phase.amount,
        )
        for number, phase in zip(NUMBERS, balance.phases, strict=True)
    ]


def in_all(periods: Sequence[Forecast]) -> Forecast:
    return Forecast(
        actual=exact_total([each.actual for each in periods]),
        reserved=exact_total([each.reserved for each in periods]),
        usage=exact_total([each.usage for each in periods]),
        unreserved=exact_total([each.unreserved for each in periods]),
        amount=exact_total([each.amount for each in periods]),
    )
