"""What drove the change of a business unit's charges from one period to the next.

Charges are compared by subscription and charge. Of a charge that is on both sides, with quantities q₀, q₁ and
amounts a₀, a₁:

    volume = (q₁ − q₀) × a₀ ÷ q₀    rounded half-even to the currency's exponent
    price  = a₁ − a₀ − volume        everything else: rates, tiers, days, rounding

so that all drivers together are the difference, to the last unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from services.money import EXACT, exact_total

ZERO = Decimal(0)


class DriverOfChange(StrEnum):
    STARTED = "started"
    ENDED = "ended"
    VOLUME = "volume"
    PRICE = "price"
    ADJUSTMENT = "adjustment"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True, order=True)
class ChargeKey:
    subscription_id: UUID
    charge: str


@dataclass(frozen=True, slots=True)
class Charged:
    """What a charge came to in a period; adjustments of other periods and credits are kept apart."""

    amount: Decimal
    quantity: Decimal
    adjustments: Decimal = ZERO
    credits: Decimal = ZERO  # 0 or below

    @property
    def total(self) -> Decimal:
        return exact_total([self.amount, self.adjustments, self.credits])


@dataclass(frozen=True, slots=True)
class Change:
    key: ChargeKey
    driver: DriverOfChange
    amount: Decimal


NOTHING = Charged(ZERO, ZERO)


def changes(before: Mapping[ChargeKey, Charged], after: Mapping[ChargeKey, Charged], *, places: int) -> list[Change]:
    """Largest first. Their amounts add up to the difference of the two totals."""
    found: list[Change] = []
    for key in sorted(set(before) | set(after)):
        found += _of_charge(key, before.get(key), after.get(key), places)
    return sorted((change for change in found if change.amount), key=lambda change: (-abs(change.amount), change.key))


def _of_charge(key: ChargeKey, before: Charged | None, after: Charged | None, places: int) -> list[Change]:
    old, new = before or NOTHING, after or NOTHING
    found = [
        Change(key, DriverOfChange.ADJUSTMENT, EXACT.subtract(new.adjustments, old.adjustments)),
        Change(key, DriverOfChange.CREDIT, EXACT.subtract(new.credits, old.credits)),
    ]
    difference = EXACT.subtract(new.amount, old.amount)
    if before is None:
        return [*found, Change(key, DriverOfChange.STARTED, difference)]
    if after is None or new.quantity <= 0 < old.quantity:  # at most what was paid in advance comes back
        return [*found, Change(key, DriverOfChange.ENDED, difference)]
    volume = _volume(old, new, places)
    return [
        *found,
        Change(key, DriverOfChange.VOLUME, volume),
        Change(key, DriverOfChange.PRICE, EXACT.subtract(difference, volume)),
    ]


def _volume(old: Charged, new: Charged, places: int) -> Decimal:
    if not old.quantity:
        return ZERO
    exact = (Fraction(new.quantity) - Fraction(old.quantity)) * Fraction(old.amount) / Fraction(old.quantity)
    return Decimal(round(exact * 10**places)).scaleb(-places, context=EXACT)  # round() of a Fraction is half-even


def total(charges: Mapping[ChargeKey, Charged]) -> Decimal:
    return exact_total([charged.total for charged in charges.values()])
