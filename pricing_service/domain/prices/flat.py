"""flat: the amount, whatever the quantity."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain, refuse_negative


@dataclass(frozen=True, slots=True)
class Flat:
    amount: Decimal

    def __post_init__(self) -> None:
        refuse_negative(amount=self.amount)

    def priced(self, quantity: Decimal) -> Priced:
        part = Part(PartKind.FEE, "flat amount", self.amount, flat_fee=self.amount)
        return Priced((part,), plain(self.amount))
