"""volume: the tier that the quantity reaches prices all of it, and adds its own flat fee."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain
from pricing_service.domain.prices.tiers import Tier, check_tiers, reached
from services.money import EXACT


@dataclass(frozen=True, slots=True)
class Volume:
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)

    def priced(self, quantity: Decimal) -> Priced:
        lower, tier = reached(self.tiers, quantity)
        amount = EXACT.add(tier.flat_fee, EXACT.multiply(quantity, tier.unit_price))
        part = Part(PartKind.TIER, tier.label(lower), amount, quantity, tier.unit_price, tier.flat_fee)
        fee = f"{plain(tier.flat_fee)} + " if tier.flat_fee else ""
        return Priced((part,), f"{fee}{plain(quantity)} × {plain(tier.unit_price)}", tier.unit_price)
