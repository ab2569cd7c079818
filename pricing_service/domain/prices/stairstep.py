"""stairstep: one fixed amount for each range of quantities, the flat fee of the tier reached."""

from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain
from pricing_service.domain.prices.tiers import Tier, check_tiers, reached
from services.errors import Fault, Invalid


class StairstepHasUnitPrice(Invalid): ...


@dataclass(frozen=True, slots=True)
class Stairstep:
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_tiers(self.tiers)
        for index, tier in enumerate(self.tiers):
            if tier.unit_price:
                raise StairstepHasUnitPrice(
                    f"tier {index + 1}: a stairstep has flat fees alone; use volume or graduated for unit prices",
                    faults=[Fault(f"/tiers/{index}/unit_price", "must be absent or 0")],
                )

    def priced(self, quantity: Decimal) -> Priced:
        lower, tier = reached(self.tiers, quantity)
        part = Part(PartKind.TIER, tier.label(lower), tier.flat_fee, quantity, flat_fee=tier.flat_fee)
        return Priced((part,), plain(tier.flat_fee))
