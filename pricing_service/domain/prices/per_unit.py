"""per_unit: quantity × unit price."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain, refuse_negative
from services.money import EXACT


@dataclass(frozen=True, slots=True)
class PerUnit:
    unit_price: Decimal

    def __post_init__(self) -> None:
        refuse_negative(unit_price=self.unit_price)

    def priced(self, quantity: Decimal) -> Priced:
        amount = EXACT.multiply(quantity, self.unit_price)
        part = Part(PartKind.UNITS, "units", amount, quantity, self.unit_price)
        return Priced((part,), f"{plain(quantity)} × {plain(self.unit_price)}", self.unit_price)
