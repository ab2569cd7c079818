"""A tier table: what graduated, volume and stairstep share.

Bounds are inclusive at the top: `up_to` 5 covers 0 < q ≤ 5, and the next tier starts just above 5. The
last tier is open (`up_to` is None), so that no quantity is without a price. A quantity of 0 enters the
first tier. `above` may repeat the lower bound of a tier; it then has to agree with the tier before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.prices.line import ZERO, NegativePrice, plain
from services.errors import Fault, Invalid


class TierGap(Invalid): ...


class TierOverlap(Invalid): ...


@dataclass(frozen=True, slots=True)
class Tier:
    up_to: Decimal | None
    unit_price: Decimal = ZERO
    flat_fee: Decimal = ZERO
    above: Decimal | None = None

    def label(self, lower: Decimal) -> str:
        """The quantities it covers, as a person would say it; `lower` is the top of the tier before it."""
        if self.up_to is None:
            return f"above {plain(lower)}" if lower else "any quantity"
        return f"up to {plain(self.up_to)}" if not lower else f"above {plain(lower)} up to {plain(self.up_to)}"


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Raise TierGap, TierOverlap or NegativePrice, naming the tier, unless every q ≥ 0 has exactly one price."""
    if not tiers:
        raise TierGap("a tier table needs at least one tier", faults=[Fault("/tiers", "must not be empty")])
    lower = ZERO
    for index, tier in enumerate(tiers):
        at = f"/tiers/{index}"
        for field, number in (("unit_price", tier.unit_price), ("flat_fee", tier.flat_fee)):
            if number < 0:
                raise NegativePrice(
                    f"tier {index + 1}: {field} must not be negative",
                    faults=[Fault(f"{at}/{field}", "must not be negative")],
                )
        if tier.above is not None and tier.above != lower:
            refusal, word = (TierGap, "gap") if tier.above > lower else (TierOverlap, "overlap")
            raise refusal(
                f"tier {index + 1} starts above {plain(tier.above)}, but the tier before it ends at {plain(lower)}",
                faults=[Fault(f"{at}/above", f"{word} with the tier before it, which ends at {plain(lower)}")],
            )
        last = index == len(tiers) - 1
        if tier.up_to is None:
            if not last:
                raise TierOverlap(
                    f"tier {index + 1} is open at the top and so overlaps the tiers after it",
                    faults=[Fault(f"{at}/up_to", "only the last tier may be open")],
                )
        elif tier.up_to <= lower:
            raise TierOverlap(
                f"tier {index + 1} ends at {plain(tier.up_to)}, which is not above {plain(lower)}",
                faults=[Fault(f"{at}/up_to", f"must be above {plain(lower)}")],
            )
        elif last:
            raise TierGap(
                f"quantities above {plain(tier.up_to)} have no price",
                faults=[Fault(f"{at}/up_to", "the last tier must be open: up_to null")],
            )
        else:
            lower = tier.up_to


def with_lower(tiers: tuple[Tier, ...]) -> Iterator[tuple[Decimal, Tier]]:
    """Each tier with the top of the one before it."""
    lower = ZERO
    for tier in tiers:
        yield lower, tier
        if tier.up_to is not None:
            lower = tier.up_to


def reached(tiers: tuple[Tier, ...], quantity: Decimal) -> tuple[Decimal, Tier]:
    """The tier that `quantity` falls into, with its lower bound."""
    return next((lower, t) for lower, t in with_lower(tiers) if t.up_to is None or quantity <= t.up_to)
