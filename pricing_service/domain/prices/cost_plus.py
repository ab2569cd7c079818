"""cost_plus: quantity × unit cost × (1 + markup), the markup in percent; a negative markup is a subsidy."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import NegativePrice, Part, PartKind, Priced, plain, refuse_negative
from services.errors import Fault
from services.money import EXACT


@dataclass(frozen=True, slots=True)
class CostPlus:
    unit_cost: Decimal
    markup: Decimal

    def __post_init__(self) -> None:
        refuse_negative(unit_cost=self.unit_cost)
        if self.markup < -100:
            raise NegativePrice(
                "a markup below -100 % would make the price negative",
                faults=[Fault("/markup", "must not be below -100")],
            )

    def priced(self, quantity: Decimal) -> Priced:
        factor = EXACT.add(Decimal(1), self.markup.scaleb(-2, context=EXACT))
        unit_price = EXACT.multiply(self.unit_cost, factor)
        amount = EXACT.multiply(quantity, unit_price)
        sign = "−" if self.markup < 0 else "+"
        formula = f"{plain(quantity)} × {plain(self.unit_cost)} × (1 {sign} {plain(self.markup.copy_abs())} %)"
        return Priced((Part(PartKind.UNITS, "units at cost plus", amount, quantity, unit_price),), formula, unit_price)
