"""A quarter's statement: what three periods charged, adjusted and gave back, per service and charge.

net = charges + adjustments − credits, of each row and of each total
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from services.money import EXACT

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Sums:
    charges: Decimal = ZERO
    adjustments: Decimal = ZERO
    credits: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(EXACT.add(self.charges, self.adjustments), self.credits)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            EXACT.add(self.charges, other.charges),
            EXACT.add(self.adjustments, other.adjustments),
            EXACT.add(self.credits, other.credits),
        )


@dataclass(frozen=True, slots=True, order=True)
class RowKey:
    """What is charged is not added to what is only shown."""

    currency: str
    mode: str
    service_id: UUID
    charge: str


@dataclass(frozen=True, slots=True)
class Row:
    key: RowKey
    name: str
    sums: Sums


def rows(parts: Iterable[Row]) -> list[Row]:
    """Parts of the same key in one row; the first one's name stands."""
    merged: dict[RowKey, Row] = {}
    for part in parts:
        held = merged.get(part.key)
        merged[part.key] = part if held is None else Row(part.key, held.name, held.sums + part.sums)
    return [merged[key] for key in sorted(merged)]


def totals(of: Iterable[Row]) -> dict[tuple[str, str], Sums]:
    """Per (currency, mode)."""
    sums: dict[tuple[str, str], Sums] = {}
    for row in of:
        key = (row.key.currency, row.key.mode)
        sums[key] = sums.get(key, Sums()) + row.sums
    return sums
