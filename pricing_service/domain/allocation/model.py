"""What goes into an allocation and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from services.errors import Invalid
from services.money import exact_total


class NegativeWeight(Invalid): ...


class DuplicateName(Invalid): ...


@dataclass(frozen=True, slots=True)
class Driver:
    """The allocation base of one pool: receiver → weight. `missing` says why there is no base, where there is none."""

    weights: Mapping[str, Decimal] = field(default_factory=dict)
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    name: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Unallocated:
    """Cost of `pool` that reached no service. It stays in `stuck_in`: the pool itself, or one that it feeds."""

    pool: str
    stuck_in: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """`shares[pool][service]`: what of the pool's own cost ends at the service, by whatever way.

    For every pool: the sum of its shares and of its unallocated parts is its amount, to the last unit.
    `gross[pool]` is its own cost and what other pools passed on to it (the figure the textbooks distribute).
    """

    shares: Mapping[str, Mapping[str, Decimal]]
    unallocated: tuple[Unallocated, ...]
    gross: Mapping[str, Fraction]

    def of(self, service: str) -> Decimal:
        return exact_total([row[service] for row in self.shares.values() if service in row])

    @property
    def total(self) -> Decimal:
        allocated = [amount for row in self.shares.values() for amount in row.values()]
        return exact_total([*allocated, *(part.amount for part in self.unallocated)])
