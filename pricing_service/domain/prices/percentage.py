"""percentage: a rate, in percent, of the measured value."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain, refuse_negative
from services.money import EXACT


@dataclass(frozen=True, slots=True)
class Percentage:
    rate: Decimal

    def __post_init__(self) -> None:
        refuse_negative(rate=self.rate)

    def priced(self, quantity: Decimal) -> Priced:
        factor = self.rate.scaleb(-2, context=EXACT)
        amount = EXACT.multiply(quantity, factor)
        part = Part(PartKind.UNITS, f"{plain(self.rate)} % of the value", amount, quantity, factor)
        return Priced((part,), f"{plain(quantity)} × {plain(self.rate)} %", factor)
