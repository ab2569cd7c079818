"""package: whole packages for what exceeds the free units; a package that is begun is due in full."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from pricing_service.domain.prices.line import ZERO, Part, PartKind, Priced, plain, refuse_negative
from services.errors import Fault, Invalid
from services.money import EXACT


class EmptyPackage(Invalid): ...


@dataclass(frozen=True, slots=True)
class Package:
    package_size: Decimal
    package_price: Decimal
    free_units: Decimal = ZERO

    def __post_init__(self) -> None:
        if self.package_size <= 0:
            raise EmptyPackage(
                f"package_size must be above 0, but is {plain(self.package_size)}",
                faults=[Fault("/package_size", "must be above 0")],
            )
        refuse_negative(package_price=self.package_price, free_units=self.free_units)

    def priced(self, quantity: Decimal) -> Priced:
        beyond = max(EXACT.subtract(quantity, self.free_units), ZERO)
        ratio = Fraction(beyond) / Fraction(self.package_size)
        packages = Decimal(-(-ratio.numerator // ratio.denominator))
        amount = EXACT.multiply(packages, self.package_price)
        size = plain(self.package_size)
        count = f"⌈{plain(beyond)} ÷ {size}⌉"
        if self.free_units:
            count = f"⌈({plain(quantity)} − {plain(self.free_units)} free) ÷ {size}⌉" if beyond else "0"
        part = Part(PartKind.UNITS, f"packages of {size}", amount, packages, self.package_price)
        return Priced((part,), f"{count} = {plain(packages)} packages × {plain(self.package_price)}")
