"""How a fiscal year's amount spreads over its periods, what a budget is for, and what becomes of it at year end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from pricing_service.domain.budget import NUMBERS, ZERO, Balance
from pricing_service.domain.periods import Period
from services.errors import Fault, Invalid
from services.money import EXACT, exact_total, exponent, largest_remainder


class PhasesWrong(Invalid): ...


class Phasing(StrEnum):
    EVEN = "even"
    BY_DAYS = "by_days"
    GIVEN = "given"


class YearEnd(StrEnum):
    LAPSE = "lapse"
    CARRY_OVER = "carry_over"


class ScopeKind(StrEnum):
    """What a budget is for, the most specific first."""

    SERVICE = "service"
    NODE = "node"  # of the portfolio: a name and the services below it
    ALL = "all"


_RANK = {kind: rank for rank, kind in enumerate(ScopeKind)}


@dataclass(frozen=True, slots=True)
class Scope:
    kind: ScopeKind = ScopeKind.ALL
    name: str | None = None
    service_ids: frozenset[UUID] = frozenset()

    @property
    def key(self) -> str:
        """One budget per business unit, fiscal year, currency and key."""
        match self.kind:
            case ScopeKind.ALL:
                return "all"
            case ScopeKind.SERVICE:
                return f"service:{min(self.service_ids)}"
            case ScopeKind.NODE:
                return f"node:{self.name}"

    def covers(self, service_id: UUID | None) -> bool:
        return self.kind is ScopeKind.ALL or service_id in self.service_ids


class Scoped(Protocol):
    @property
    def scope(self) -> Scope: ...


T = TypeVar("T", bound=Scoped)


def most_specific(budgets: Iterable[T], service_id: UUID | None) -> T | None:
    """The one budget that a cost of the service counts against: its service's, else its node's, else the unit's."""
    fitting = [budget for budget in budgets if budget.scope.covers(service_id)]
    return min(fitting, key=lambda budget: (_RANK[budget.scope.kind], budget.scope.key), default=None)


def spread(amount: Decimal, weights: Mapping[int, int], currency: str) -> dict[int, Decimal]:
    """`amount`, which may be negative, by weight: to the currency's exponent, and exactly in sum."""
    weighted = {number: Decimal(weight) for number, weight in weights.items()}
    return largest_remainder(amount, weighted, places=exponent(currency))


def phase_amounts(
    amount: Decimal,
    phasing: Phasing,
    periods: Sequence[Period],
    currency: str,
    given: Sequence[tuple[str, Decimal]] = (),
) -> dict[int, Decimal]:
    """Each period's part of a year's amount, by its number; the parts add up. Raises PhasesWrong."""
    match phasing:
        case Phasing.EVEN:
            return spread(amount, dict.fromkeys(NUMBERS, 1), currency)
        case Phasing.BY_DAYS:
            return spread(amount, {period.number: period.days for period in periods}, currency)
        case Phasing.GIVEN:
            amounts = dict.fromkeys(NUMBERS, ZERO) | given_phases(periods, given)
            total = exact_total(list(amounts.values()))
            if total != amount:
                raise PhasesWrong(
                    f"the phases add up to {total:f}, but the amount is {amount:f}",
                    faults=[Fault("/phases", f"must add up to {amount:f}, not {total:f}")],
                )
            return amounts


def given_phases(
    periods: Sequence[Period], given: Sequence[tuple[str, Decimal]], *, pointer: str = "/phases/{}/period"
) -> dict[int, Decimal]:
    """Amounts by period number from amounts by name. Raises PhasesWrong for a period named twice or not of the year."""
    numbers = {period.name: period.number for period in periods}
    faults: list[Fault] = []
    amounts: dict[int, Decimal] = {}
    for index, (name, amount) in enumerate(given):
        number = numbers.get(name)
        if number is None:
            faults.append(Fault(pointer.format(index), f"is no period of fiscal year {periods[0].fiscal_year}"))
        elif number in amounts:
            faults.append(Fault(pointer.format(index), "stands twice"))
        else:
            amounts[number] = amount
    if faults:
        raise PhasesWrong("the phases do not fit the fiscal year", faults=faults)
    return amounts


@dataclass(frozen=True, slots=True)
class Remainder:
    """What a fiscal year's budget has left at its end: taken out of these periods, and where it goes."""

    carried: Mapping[int, Decimal]
    lapsed: Mapping[int, Decimal]

    @property
    def carried_total(self) -> Decimal:
        return exact_total(list(self.carried.values()))

    @property
    def lapsed_total(self) -> Decimal:
        return exact_total(list(self.lapsed.values()))


def remainder(balance: Balance, policy: YearEnd, cap: Decimal | None) -> Remainder:
    """Of what is available (nothing is reserved any more) `cap` at most is carried over, the rest lapses.

    It is taken from the periods that have it, the latest first. An overspent year has nothing left.
    """
    left = max(balance.available, ZERO)
    carry = ZERO if policy is YearEnd.LAPSE else left if cap is None else min(cap, left)
    carried: dict[int, Decimal] = {}
    lapsed: dict[int, Decimal] = {}
    for number in reversed(NUMBERS):
        has = min(max(balance.phases[number - 1].available, ZERO), left)
        moves = min(has, carry)
        if moves:
            carried[number] = moves
        if has != moves:
            lapsed[number] = EXACT.subtract(has, moves)
        carry, left = EXACT.subtract(carry, moves), EXACT.subtract(left, has)
    return Remainder(carried, lapsed)
