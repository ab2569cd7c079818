"""What every price model answers with: parts that add up exactly, and a formula a person can check.

A line is one charge. It is rounded once, half-even, at its end; its parts (tiers, a cap, the share of a
period, the rounding itself) stand unrounded beneath it and add up to the line's amount.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from services.errors import Fault, Invalid

ZERO = Decimal(0)


class NegativePrice(Invalid): ...


class NegativeQuantity(Invalid): ...


class PartKind(StrEnum):
    FEE = "fee"  # a fixed amount
    UNITS = "units"  # a quantity at a price
    TIER = "tier"  # a tier's slice and its flat fee
    TRUE_UP = "true_up"  # what is missing to the minimum
    CAP = "cap"  # what exceeds the maximum, negative
    DISCOUNT = "discount"  # what is taken off, negative
    PRORATION = "proration"  # the share of the period that is not charged, negative
    ROUNDING = "rounding"  # to the currency's exponent
    BILLED_BEFORE = "billed_before"  # what an issued statement already holds, negative
    CREDITED_BEFORE = "credited_before"  # what of it credit notes have given back


@dataclass(frozen=True, slots=True)
class Part:
    """One summand of a line, unrounded. `flat_fee` is what of `amount` does not depend on the quantity."""

    kind: PartKind
    label: str
    amount: Decimal
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    flat_fee: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Priced:
    """A model's answer before minimum, maximum, proration and rounding. `formula` has no total."""

    parts: tuple[Part, ...]
    formula: str
    unit_price: Decimal | None = None  # where one price holds for the whole quantity


class LineKind(StrEnum):
    CHARGE = "charge"
    TRUE_UP = "true_up"
    DISCOUNT = "discount"  # of a charge, on a line of its own
    PLAN_DISCOUNT = "plan_discount"  # of all charges of the plan together
    PLAN_TRUE_UP = "plan_true_up"
    PLAN_CAP = "plan_cap"


OF_PLAN = frozenset({LineKind.PLAN_DISCOUNT, LineKind.PLAN_TRUE_UP, LineKind.PLAN_CAP})


@dataclass(frozen=True, slots=True)
class Line:
    """One rounded line; `sum(part.amount for part in parts) == amount`."""

    kind: LineKind
    quantity: Decimal
    unit_price: Decimal | None
    formula: str
    amount: Decimal
    currency: str
    parts: tuple[Part, ...]
    discount: str | None = None  # the discount's key, where the line is one
    discount_name: str | None = None


class PriceModel(Protocol):
    """A price model: immutable, checked when made, a pure function of the quantity."""

    def priced(self, quantity: Decimal) -> Priced: ...


def plain(number: Decimal) -> str:
    """The number in plain notation without trailing zeros: '12.5', never '1.25E+1'."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def refuse_negative(**numbers: Decimal) -> None:
    """Raise NegativePrice naming the first negative field."""
    for field, number in numbers.items():
        if number < 0:
            raise NegativePrice(
                f"{field} must not be negative, but is {plain(number)}",
                faults=[Fault(f"/{field}", "must not be negative")],
            )
