"""Budgets: available = budget − reserved − actual. Pricing alone knows this number.

Acceptance of a quote reserves; rejection, withdrawal and cancellation of its demand, another proposal of it and
the end of its subscription release what is left of the reservation; an issued statement turns its own reservation
into actual, and what it bills beyond it is actual as well. A hard budget refuses a reservation that it cannot
cover; it never refuses an actual, because that cost has already come about.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from services.errors import Conflict, Fault
from services.money import EXACT, exact_total


class BudgetExceeded(Conflict): ...


class BudgetAnswer(StrEnum):
    NONE = "none"  # the business unit has no budget for the fiscal year
    ENOUGH = "enough"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Balance:
    """A budget in one currency and fiscal year."""

    amount: Decimal
    reserved: Decimal = Decimal(0)
    actual: Decimal = Decimal(0)
    hard: bool = False

    @property
    def available(self) -> Decimal:
        return exact_total([self.amount, self.reserved.copy_negate(), self.actual.copy_negate()])

    def answer(self, amount: Decimal) -> BudgetAnswer:
        return BudgetAnswer.ENOUGH if amount <= self.available else BudgetAnswer.SHORT

    def reserve(self, amount: Decimal) -> "Balance":
        """Raises BudgetExceeded where the budget is hard and `amount` (≥ 0) is more than is available."""
        if self.hard and amount > self.available:
            raise BudgetExceeded(
                f"{amount:f} is needed, {self.available:f} is available, and the budget is hard",
                faults=[Fault("budget", f"short by {EXACT.subtract(amount, self.available):f}")],
            )
        return replace(self, reserved=EXACT.add(self.reserved, amount))

    def release(self, amount: Decimal) -> "Balance":
        """Gives back `amount` of what is reserved."""
        return replace(self, reserved=EXACT.subtract(self.reserved, amount))

    def spend(self, amount: Decimal, *, from_reservation: Decimal) -> "Balance":
        """`amount` becomes actual; `from_reservation` of it had been reserved."""
        return replace(
            self,
            reserved=EXACT.subtract(self.reserved, from_reservation),
            actual=EXACT.add(self.actual, amount),
        )
