"""Pricing strategies: what share of its cost a service is meant to recover, and whether it does.

    recovery rate = revenue ÷ cost            drift = recovery rate − target, in percentage points

| strategy | target |
|---|---|
| cost_recovery | 100 %: neither profit nor subsidy |
| market | whatever the market pays; any target |
| subsidised | below 100 % |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from pricing_service.domain.prices.charge import to_places
from services.errors import Fault, Invalid
from services.money import EXACT

RATE_PLACES = 4
DEFAULT_TOLERANCE = Decimal(5)
WHOLE = Decimal(100)


class StrategyUnclear(Invalid): ...


class StrategyKind(StrEnum):
    COST_RECOVERY = "cost_recovery"
    MARKET = "market"
    SUBSIDISED = "subsidised"


@dataclass(frozen=True, slots=True)
class Strategy:
    """Raises StrategyUnclear."""

    kind: StrategyKind
    target: Decimal  # percent of cost
    tolerance: Decimal  # percentage points

    def __post_init__(self) -> None:
        if self.target < 0 or self.tolerance < 0:
            field = "target_recovery_percentage" if self.target < 0 else "tolerance_percentage_points"
            raise StrategyUnclear(f"{field} is negative", faults=[Fault(f"/{field}", "must not be negative")])
        wrong = {
            StrategyKind.COST_RECOVERY: self.target != WHOLE,
            StrategyKind.SUBSIDISED: self.target >= WHOLE,
            StrategyKind.MARKET: False,
        }[self.kind]
        if wrong:
            must = "must be 100" if self.kind is StrategyKind.COST_RECOVERY else "must be below 100"
            raise StrategyUnclear(
                f"a service with strategy {self.kind} cannot be meant to recover {self.target:f} % of its cost",
                faults=[Fault("/target_recovery_percentage", must)],
            )


@dataclass(frozen=True, slots=True)
class Recovery:
    """Of a period, or of several: `rate` and `drift` are None where there is no cost to recover."""

    cost: Decimal
    revenue: Decimal
    rate: Decimal | None
    drift: Decimal | None
    drifted: bool


def recovery(strategy: Strategy, cost: Fraction, revenue: Fraction) -> Recovery:
    """Rates in percent, half-even to four decimals; whether it drifted is judged on the exact ones."""
    shown = to_places(cost, 12), to_places(revenue, 12)
    if cost <= 0:
        return Recovery(*shown, None, None, drifted=False)
    rate = revenue * 100 / cost
    drift = rate - Fraction(strategy.target)
    drifted = abs(drift) > Fraction(strategy.tolerance)
    return Recovery(*shown, _percent(rate), _percent(drift), drifted)


def recovery_percentage(cost: Fraction, revenue: Fraction) -> Decimal | None:
    """revenue ÷ cost in percent, half-even to four decimals; None where there is no cost to recover."""
    return None if cost <= 0 else _percent(revenue * 100 / cost)


def _percent(number: Fraction) -> Decimal:
    return Decimal(round(number * 10**RATE_PLACES)).scaleb(-RATE_PLACES, context=EXACT)


def overall(strategy: Strategy, periods: Sequence[tuple[Fraction, Fraction]]) -> Recovery:
    """Over several periods: all revenue ÷ all cost, so that a small period weighs little."""
    return recovery(
        strategy, sum((cost for cost, _ in periods), Fraction(0)), sum((revenue for _, revenue in periods), Fraction(0))
    )
