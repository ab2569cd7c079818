"""How well costs are attributed: by a rule, by a driver, only spread, or not at all. The four add up to the total."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pricing_service.domain.allocation.steps import Attribution
from services.money import exact_total, largest_remainder

UNALLOCATED = "unallocated"
SHARE_PLACES = 6
_KINDS = (*(kind.value for kind in Attribution), UNALLOCATED)
Amounts = Mapping[str, tuple[Decimal, Decimal | None]]  # kind → amount, and its share of the total


@dataclass(frozen=True, slots=True)
class Quality:
    """Per pool the amount of each kind; None stands for rows that no pool takes."""

    pools: Mapping[str | None, Mapping[str, Decimal]]

    def whole(self) -> Amounts:
        return with_shares({kind: exact_total([amounts[kind] for amounts in self.pools.values()]) for kind in _KINDS})

    def of(self, pool: str | None) -> Amounts:
        return with_shares(self.pools[pool])


def quality_of(totals: Mapping[str | None, Decimal], reached: Iterable[tuple[str, str, Decimal]]) -> Quality:
    """From each pool's total, and what of it reached services: (pool, attribution, amount)."""
    pools: dict[str | None, dict[str, Decimal]] = {pool: dict.fromkeys(_KINDS, Decimal(0)) for pool in totals}
    for name, attribution, amount in reached:
        pools[name][attribution] = exact_total([pools[name][attribution], amount])
    for pool, total in totals.items():
        arrived = exact_total(list(pools[pool].values()))
        pools[pool][UNALLOCATED] = exact_total([total, arrived.copy_negate()])
    return Quality(pools)


def with_shares(amounts: Mapping[str, Decimal]) -> Amounts:
    """With each amount's share of their sum, to six decimals that add up to 1; None where credits forbid shares."""
    if any(amount < 0 for amount in amounts.values()) or not any(amounts.values()):
        return {kind: (amount, None) for kind, amount in amounts.items()}
    shares = largest_remainder(Decimal(1), amounts, places=SHARE_PLACES)
    return {kind: (amount, shares[kind]) for kind, amount in amounts.items()}
