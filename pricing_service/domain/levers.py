"""What a business unit could do about its charges, each lever with what it would save in a period like the last.

| lever | when | saving |
|---|---|---|
| unused subscription | it has metered charges, but nothing was metered in any period looked at | its recurring fees |
| cheaper offering | another offering of the service prices the same quantity and usage lower | the difference |
| commitment | a term of the plan gives a discount that the subscription does not have | the discount, less what \
the plan's minimum for the term adds |

A lever is advice over what was observed, not a forecast; a saving of nothing is no lever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from pricing_service.domain.prices.charge import round_fraction
from services.money import EXACT


class LeverKind(StrEnum):
    UNUSED = "unused_subscription"
    CHEAPER_OFFERING = "cheaper_offering"
    COMMITMENT = "commitment"


@dataclass(frozen=True, slots=True)
class Lever:
    kind: LeverKind
    subscription_id: UUID
    saving: Decimal
    reason: str
    offering_id: UUID | None = None  # the cheaper one
    once: Decimal = Decimal(0)  # what it costs to pull it, such as the other offering's one-off charges


@dataclass(frozen=True, slots=True)
class Observed:
    """A subscription over the periods looked at, the last one priced."""

    subscription_id: UUID
    recurring: Decimal  # fees of the last whole period
    metered_charges: bool
    used: bool
    current: Decimal  # fees and usage of the last period


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another offering of the same service, priced at the observed quantity and usage."""

    offering_id: UUID
    name: str
    amount: Decimal
    once: Decimal


def with_true_up(charges: Decimal, minimum: Decimal, months: int, currency: str) -> Decimal:
    """A period's part of a whole term of periods like it, of which at least `minimum` has to be paid.

    A year has twelve periods, so a term has as many periods as months.
    """
    if EXACT.multiply(charges, Decimal(months)) >= minimum:
        return charges
    return round_fraction(Fraction(minimum) / months, currency)


def unused(observed: Observed, *, periods: int) -> Lever | None:
    if not observed.metered_charges or observed.used or observed.recurring <= 0:
        return None
    reason = f"nothing was metered in {periods} period{'s' if periods > 1 else ''}; it costs {observed.recurring:f}"
    return Lever(LeverKind.UNUSED, observed.subscription_id, observed.recurring, reason)


def cheaper(observed: Observed, alternatives: Sequence[Alternative]) -> Lever | None:
    """The cheapest of the alternatives, if it is cheaper."""
    best = min(alternatives, key=lambda each: (each.amount, each.once, each.offering_id), default=None)
    if best is None or best.amount >= observed.current:
        return None
    saving = EXACT.subtract(observed.current, best.amount)
    reason = f"{best.name} prices the same quantity and usage at {best.amount:f} instead of {observed.current:f}"
    return Lever(LeverKind.CHEAPER_OFFERING, observed.subscription_id, saving, reason, best.offering_id, best.once)


def committed(observed: Observed, by_term: Mapping[int, Decimal]) -> Lever | None:
    """The term, in months, that brings the period's charges lowest; `by_term` holds what they would come to."""
    better = {months: amount for months, amount in by_term.items() if amount < observed.current}
    if not better:
        return None
    months, amount = min(better.items(), key=lambda each: (each[1], each[0]))
    saving = EXACT.subtract(observed.current, amount)
    reason = f"a commitment of {months} months prices it at {amount:f} instead of {observed.current:f}"
    return Lever(LeverKind.COMMITMENT, observed.subscription_id, saving, reason)
