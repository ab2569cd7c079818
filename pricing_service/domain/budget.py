"""Budgets: available = amount − reserved − actual, per fiscal period and in total. Pricing alone knows it.

Acceptance of a quote reserves in every period that it will be charged in; rejection, withdrawal and cancellation of
its demand, another proposal of it and the end of its subscription release what is left. An issued statement turns
its own reservation into actual, period by period; what it bills beyond it is actual as well. A hard budget refuses
a reservation, a transfer or an amendment that it cannot cover; it never refuses an actual, because that cost has
already come about. What "cannot cover" is measured over:

| control | a hard budget refuses what would leave less than 0 available |
|---|---|
| year | in the fiscal year; its periods are a plan |
| to_date | from the year's start up to any period: what early periods left unspent may be used later |
| period | in a period that is touched, or in the year |
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from services.errors import Conflict, Fault
from services.money import EXACT, exact_total

ZERO = Decimal(0)
NUMBERS = range(1, 13)  # every fiscal year has twelve periods, whatever the calendar's scheme


class BudgetExceeded(Conflict): ...


class BudgetAnswer(StrEnum):
    NONE = "none"  # the business unit has no budget for it
    ENOUGH = "enough"
    SHORT = "short"


class Control(StrEnum):
    YEAR = "year"
    TO_DATE = "to_date"
    PERIOD = "period"


class Figure(StrEnum):
    AMOUNT = "amount"
    RESERVED = "reserved"
    ACTUAL = "actual"
    MEMO = "memo"  # what showback showed: it counts against nothing


@dataclass(frozen=True, slots=True)
class Phase:
    """A budget in one of its periods."""

    amount: Decimal = ZERO
    reserved: Decimal = ZERO
    actual: Decimal = ZERO
    memo: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        return exact_total([self.amount, self.reserved.copy_negate(), self.actual.copy_negate()])


@dataclass(frozen=True, slots=True)
class Balance:
    """A budget in one currency and fiscal year. `phases` are periods 1 to 12, `names` what refusals call them."""

    phases: tuple[Phase, ...]
    hard: bool = False
    control: Control = Control.YEAR
    names: tuple[str, ...] = ()

    @property
    def total(self) -> Phase:
        return Phase(*(exact_total([getattr(phase, figure) for phase in self.phases]) for figure in Figure))

    @property
    def available(self) -> Decimal:
        return self.total.available

    def answer(self, needs: Mapping[int, Decimal]) -> BudgetAnswer:
        """Whether it covers `needs` (≥ 0, by period number), hard or not."""
        return BudgetAnswer.ENOUGH if next(self._short(needs), None) is None else BudgetAnswer.SHORT

    def cover(self, needs: Mapping[int, Decimal]) -> None:
        """Raises BudgetExceeded where the budget is hard and one of its windows has less than `needs` takes from it."""
        if not self.hard:
            return
        for where, needed, available in self._short(needs):
            raise BudgetExceeded(
                f"{needed:f} is needed{where}, {available:f} is available, and the budget is hard",
                faults=[Fault("budget", f"short by {EXACT.subtract(needed, available):f}{where}")],
            )

    def refuse_overdrawn(self) -> None:
        """Raises BudgetExceeded where it is hard and has less than 0 available somewhere already."""
        for where, numbers in self._windows(NUMBERS):
            available = self._available(numbers)
            if self.hard and available < 0:
                raise BudgetExceeded(
                    f"{available:f} is available{where}, so the budget cannot be hard",
                    faults=[Fault("/hard", f"overdrawn by {available.copy_negate():f}{where}")],
                )

    def reserve(self, needs: Mapping[int, Decimal]) -> "Balance":
        """Holds `needs` (≥ 0, by period number). Raises BudgetExceeded."""
        self.cover(needs)
        return self.moved(Figure.RESERVED, needs)

    def moved(self, figure: Figure, deltas: Mapping[int, Decimal]) -> "Balance":
        """With `deltas` (by period number) added to a figure."""
        phases = tuple(
            replace(phase, **{figure.value: EXACT.add(getattr(phase, figure), deltas[number])})
            if number in deltas
            else phase
            for number, phase in zip(NUMBERS, self.phases, strict=True)
        )
        return replace(self, phases=phases)

    def _short(self, needs: Mapping[int, Decimal]) -> Iterator[tuple[str, Decimal, Decimal]]:
        touched = sorted(number for number, need in needs.items() if need > 0)
        for where, numbers in self._windows(touched):
            needed = exact_total([needs[number] for number in numbers if number in needs])
            available = self._available(numbers)
            if needed > 0 and needed > available:
                yield where, needed, available

    def _windows(self, touched: Sequence[int]) -> Iterator[tuple[str, Sequence[int]]]:
        """What of the year must not run short, by the budget's control, where `touched` (ascending) takes from it."""
        if not touched:
            return
        if self.control is Control.TO_DATE:
            for last in range(touched[0], NUMBERS[-1] + 1):
                yield f" up to {self._name(last)}", range(1, last + 1)
            return
        yield "", NUMBERS
        if self.control is Control.PERIOD:
            for number in touched:
                yield f" in {self._name(number)}", [number]

    def _available(self, numbers: Sequence[int]) -> Decimal:
        return exact_total([self.phases[number - 1].available for number in numbers])

    def _name(self, number: int) -> str:
        return self.names[number - 1] if self.names else f"period {number}"


def thresholds_reached(total: Phase, thresholds: Sequence[int], told: Sequence[int]) -> list[int]:
    """Those of `thresholds` (percent of the amount, ascending) that reserved + actual has reached and nobody was told.

    A threshold is told once in a budget's life, on the way up. Nothing reserved or spent reaches none, of any amount.
    """
    committed = EXACT.add(total.reserved, total.actual)
    if committed <= 0:
        return []
    hundredfold = EXACT.multiply(committed, Decimal(100))
    return [
        percent
        for percent in thresholds
        if percent not in told and hundredfold >= EXACT.multiply(total.amount, Decimal(percent))
    ]
