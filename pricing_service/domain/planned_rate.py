"""Planned and actual rates of a service, idle capacity, and the variance between plan and actuals.

    planned rate      = planned cost ÷ practical capacity, to ten decimals, half-even
    actual rate       = actual cost ÷ actual volume
    rate variance     = (actual rate − planned rate) × actual volume  = actual cost − planned rate × actual volume
    volume variance   = (actual volume − planned volume) × planned rate
    total variance    = actual cost − planned rate × planned volume

The two variances add up to the total exactly: the planned rate is rounded once, and the actual rate, which need
not be a decimal, is cancelled out. Since the rate divides by capacity rather than demand, falling demand does not
push it up; what is not used stands apart:

    planned cost      = absorbed (planned rate × actual volume) + idle (planned rate × (capacity − volume)) + rounding

Source: Horngren, Cost Accounting, ch. 7 to 9 (standard costs, practical capacity).
"""

from dataclasses import dataclass
from decimal import Context, Decimal

from pricing_service.domain.costing import unit_cost
from services.errors import Fault, Invalid
from services.money import EXACT, largest_remainder

PERIODS_OF_A_YEAR = 12
PHASED_PLACES = 10


class NoCapacity(Invalid): ...


@dataclass(frozen=True, slots=True)
class Planned:
    """Of one period: cost ≥ 0 in one currency, volume ≥ 0 and practical capacity > 0 in the service's unit."""

    cost: Decimal
    volume: Decimal
    capacity: Decimal
    rate: Decimal

    @classmethod
    def of(cls, cost: Decimal, volume: Decimal, capacity: Decimal) -> "Planned":
        return cls(cost, volume, capacity, planned_rate(cost, capacity))


def planned_rate(cost: Decimal, capacity: Decimal) -> Decimal:
    """Raises NoCapacity."""
    rate = unit_cost(cost, capacity)
    if rate is None:
        raise NoCapacity("there is no practical capacity to divide by", faults=[Fault("/practical_capacity", "is 0")])
    return rate


def phased(cost: Decimal, volume: Decimal, capacity: Decimal) -> list[Planned]:
    """A year's plan period by period, evenly; each column adds up to the year's, and all have the year's rate."""
    rate = planned_rate(cost, capacity)
    even = dict.fromkeys(range(PERIODS_OF_A_YEAR), Decimal(1))
    columns = [
        largest_remainder(amount, even, places=max(PHASED_PLACES, _places(amount)))
        for amount in (cost, volume, capacity)
    ]
    rows = [[_bare(column[place]) for column in columns] for place in even]
    return [Planned(cost=row[0], volume=row[1], capacity=row[2], rate=rate) for row in rows]


def _places(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _bare(amount: Decimal) -> Decimal:
    """Without zeros at its end, and without an exponent."""
    wide = Context(prec=120)
    bare = amount.normalize(wide)
    return bare.quantize(Decimal(1), context=wide) if _places(bare) < 0 else bare


@dataclass(frozen=True, slots=True)
class Variance:
    """rate + volume = total, exactly; absorbed + idle_cost + rounding = the planned cost, exactly."""

    actual_rate: Decimal | None  # to ten decimals, for reading; None without volume
    rate: Decimal
    volume: Decimal
    total: Decimal
    absorbed: Decimal
    idle_volume: Decimal  # negative where more was used than the practical capacity
    idle_cost: Decimal
    planned_idle_cost: Decimal  # of the capacity that the plan itself leaves unused
    rounding: Decimal


def variance(planned: Planned, actual_cost: Decimal, actual_volume: Decimal) -> Variance:
    """See the module's docstring. Exact; volumes ≥ 0."""
    absorbed = EXACT.multiply(planned.rate, actual_volume)
    of_plan = EXACT.multiply(planned.rate, planned.volume)
    idle_volume = EXACT.subtract(planned.capacity, actual_volume)
    idle_cost = EXACT.multiply(planned.rate, idle_volume)
    full = EXACT.multiply(planned.rate, planned.capacity)
    return Variance(
        actual_rate=unit_cost(actual_cost, actual_volume),
        rate=EXACT.subtract(actual_cost, absorbed),
        volume=EXACT.multiply(EXACT.subtract(actual_volume, planned.volume), planned.rate),
        total=EXACT.subtract(actual_cost, of_plan),
        absorbed=absorbed,
        idle_volume=idle_volume,
        idle_cost=idle_cost,
        planned_idle_cost=EXACT.subtract(full, of_plan),
        rounding=EXACT.subtract(planned.cost, full),
    )
