"""matrix: the attributes of what was used choose the unit price; a quantity without a row takes the default one.

A row names a value for each attribute of the matrix, or leaves one out to take any value; the first row that
fits counts. Without a default, a quantity that no row fits has no price: NoMatrixRow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pricing_service.domain.prices.line import Part, PartKind, Priced, plain, refuse_negative
from services.errors import Fault, Invalid
from services.money import EXACT, exact_total


class MatrixUnclear(Invalid): ...


class NoMatrixRow(Invalid): ...


@dataclass(frozen=True, slots=True)
class Cell:
    """A quantity with the attributes that it was used with."""

    quantity: Decimal
    attributes: Mapping[str, str] = field(default_factory=dict)

    def told(self, names: Sequence[str]) -> str:
        return ", ".join(f"{name} {self.attributes.get(name, 'unknown')}" for name in names)


@dataclass(frozen=True, slots=True)
class Row:
    values: Mapping[str, str]
    unit_price: Decimal

    def fits(self, cell: Cell) -> bool:
        return all(cell.attributes.get(name) == value for name, value in self.values.items())


@dataclass(frozen=True, slots=True)
class Matrix:
    """Raises MatrixUnclear for a row that names a strange attribute, or can never be reached."""

    attributes: tuple[str, ...]
    rows: tuple[Row, ...]
    default_unit_price: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.attributes or len(set(self.attributes)) < len(self.attributes):
            raise MatrixUnclear(
                "a matrix needs attributes, each once", faults=[Fault("/attributes", "must name each attribute once")]
            )
        if self.default_unit_price is not None:
            refuse_negative(default_unit_price=self.default_unit_price)
        for index, row in enumerate(self.rows):
            at = f"/rows/{index}"
            if row.unit_price < 0:
                raise MatrixUnclear(
                    f"row {index + 1}: unit_price must not be negative",
                    faults=[Fault(f"{at}/unit_price", "must not be negative")],
                )
            strange = sorted(set(row.values) - set(self.attributes))
            if strange or not row.values:
                what = f"names {strange[0]!r}, which is no attribute of the matrix" if strange else "names no attribute"
                raise MatrixUnclear(f"row {index + 1} {what}", faults=[Fault(f"{at}/values", what)])
            for earlier, before in enumerate(self.rows[:index]):
                if before.values.items() <= row.values.items():
                    raise MatrixUnclear(
                        f"row {index + 1} is never reached: row {earlier + 1} takes all that it would",
                        faults=[Fault(f"{at}/values", f"is taken by row {earlier + 1}")],
                    )

    def unit_price(self, cell: Cell) -> Decimal | None:
        row = next((row for row in self.rows if row.fits(cell)), None)
        return self.default_unit_price if row is None else row.unit_price

    def without_row(self, cells: Sequence[Cell]) -> list[Cell]:
        """The quantities that have no price."""
        return [cell for cell in cells if self.unit_price(cell) is None]

    def priced(self, quantity: Decimal) -> Priced:
        return self.priced_cells([Cell(quantity)])

    def priced_cells(self, cells: Sequence[Cell]) -> Priced:
        """Each quantity at its price, in the order of the attributes' values. Raises NoMatrixRow."""
        parts: list[Part] = []
        for (told, unit_price), amounts in sorted(self._grouped(cells).items()):
            quantity = exact_total(amounts)
            amount = EXACT.multiply(quantity, unit_price)
            parts.append(Part(PartKind.UNITS, told, amount, quantity, unit_price))
        if not parts:
            parts.append(Part(PartKind.UNITS, "units", Decimal(0), Decimal(0)))
        formula = " + ".join(f"{plain(p.quantity or Decimal(0))} × {plain(p.unit_price or Decimal(0))}" for p in parts)
        return Priced(tuple(parts), formula, parts[0].unit_price if len(parts) == 1 else None)

    def _grouped(self, cells: Sequence[Cell]) -> dict[tuple[str, Decimal], list[Decimal]]:
        grouped: dict[tuple[str, Decimal], list[Decimal]] = {}
        for cell in cells:
            told = cell.told(self.attributes)
            unit_price = self.unit_price(cell)
            if unit_price is None:
                raise NoMatrixRow(
                    f"no row of the matrix prices {told}, and it has no default",
                    faults=[Fault("/rows", f"have no price for {told}")],
                )
            grouped.setdefault((told, unit_price), []).append(cell.quantity)
        return grouped
