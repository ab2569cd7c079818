"""Discounts: a percentage or an amount off a charge or a plan, unconditionally, by tag, or by committed term.

They come off in the order in which the plan lists them, each of what the ones before have left, and never take
more than that. An amount is off the charge's full price, so it prorates with the days as the charge does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from pricing_service.domain.prices.line import plain
from services.errors import Fault, Invalid


class DiscountAboveWhole(Invalid): ...


class NegativeDiscount(Invalid): ...


class DiscountUnclear(Invalid): ...


class TagOf(StrEnum):
    SUBSCRIPTION = "subscription"
    BUSINESS_UNIT = "business_unit"


@dataclass(frozen=True, slots=True)
class Tagged:
    """The discount is for whoever carries the tag with this value; None: with any."""

    of: TagOf
    key: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """Either `percentage` (0 to 100) or `amount` (≥ 0) is given.

    Raises DiscountUnclear, DiscountAboveWhole, NegativeDiscount.
    """

    key: str
    name: str
    percentage: Decimal | None = None
    amount: Decimal | None = None
    own_line: bool = False
    tagged: Tagged | None = None
    min_term_months: int | None = None

    def __post_init__(self) -> None:
        if (self.percentage is None) == (self.amount is None):
            raise DiscountUnclear(
                f"discount {self.key!r} needs a percentage or an amount, not both",
                faults=[Fault("/percentage", "either this or amount must be given")],
            )
        for field, number in (("percentage", self.percentage), ("amount", self.amount)):
            if number is not None and number < 0:
                raise NegativeDiscount(
                    f"{field} of discount {self.key!r} must not be negative, but is {plain(number)}",
                    faults=[Fault(f"/{field}", "must not be negative")],
                )
        if self.percentage is not None and self.percentage > 100:
            raise DiscountAboveWhole(
                f"discount {self.key!r} takes off {plain(self.percentage)} %, more than the whole",
                faults=[Fault("/percentage", "must not be above 100")],
            )

    def applies(self, tags: Mapping[str, str], unit_tags: Mapping[str, str], term_months: int | None) -> bool:
        """`term_months` is that of the committed term that is running; None: there is none."""
        if self.min_term_months is not None and (term_months is None or term_months < self.min_term_months):
            return False
        if self.tagged is None:
            return True
        carried = (tags if self.tagged.of is TagOf.SUBSCRIPTION else unit_tags).get(self.tagged.key)
        return carried is not None and self.tagged.value in (None, carried)

    def off(self, due: Fraction, share: Fraction) -> Fraction:
        """What it takes off `due` (≥ 0) in a share of the charge's period: between 0 and `due`."""
        if self.percentage is not None:
            return due * Fraction(self.percentage) / 100
        return min(due, Fraction(self.amount or 0) * share)

    @property
    def label(self) -> str:
        size = f"{plain(self.percentage)} %" if self.percentage is not None else plain(self.amount or Decimal(0))
        return f"{self.name} ({size})"
