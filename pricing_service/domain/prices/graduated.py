"""graduated: every tier that is entered prices its own slice of the quantity and adds its flat fee."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain
from pricing_service.domain.prices.tiers import Tier, check_tiers, with_lower
from services.money import EXACT


@dataclass(frozen=True, slots=True)
class Graduated:
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)

    def priced(self, quantity: Decimal) -> Priced:
        parts: list[Part] = []
        terms: list[str] = []
        for lower, tier in with_lower(self.tiers):
            if lower and quantity <= lower:
                break
            top = quantity if tier.up_to is None else min(quantity, tier.up_to)
            inside = EXACT.subtract(top, lower)
            units = EXACT.multiply(inside, tier.unit_price)
            amount = EXACT.add(tier.flat_fee, units)
            parts.append(Part(PartKind.TIER, tier.label(lower), amount, inside, tier.unit_price, tier.flat_fee))
            if tier.flat_fee:
                terms.append(plain(tier.flat_fee))
            if tier.unit_price or not tier.flat_fee:
                terms.append(f"{plain(inside)} × {plain(tier.unit_price)}")
        return Priced(tuple(parts), " + ".join(terms))
