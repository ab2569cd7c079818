"""From costs to unit costs: what is held of a service in a period, what a unit costs, what a run was made from.

Sharing itself is in `allocation`; here is what an allocation run decides around it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction

from pricing_service.domain.periods import Period, split_days

# Shares of cost keep this many decimals (or the pool's own, if more); unit costs are rounded to it, half-even.
COST_PLACES = 12
UNIT_COST_PLACES = 10


class UnitCostBasis(StrEnum):
    """Which unit cost of a service a price rests on: what was allocated, or the planned rate of its plan."""

    ACTUAL = "actual"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a business unit holds of a service."""

    service: str
    quantity: Decimal
    active_from: datetime
    active_until: datetime | None
    unit: str = ""


def unit_cost(cost: Decimal, volume: Decimal | None) -> Decimal | None:
    """Cost of one unit to UNIT_COST_PLACES decimals, half-even; None where there is no volume to divide by."""
    if not volume:
        return None
    return _to_unit_cost_places(Fraction(cost) / Fraction(volume))


def subscribed_volumes(period: Period, subscribed: Iterable[Subscribed]) -> dict[str, Decimal]:
    """Per service the subscribed quantities, weighted by their active days, to UNIT_COST_PLACES decimals."""
    weighted: dict[str, Fraction] = {}
    for held in subscribed:
        for split in split_days(period, active_from=held.active_from, active_until=held.active_until):
            volume = Fraction(held.quantity) * split.share
            weighted[held.service] = weighted.get(held.service, Fraction(0)) + volume
    return {service: _to_unit_cost_places(volume) for service, volume in weighted.items() if volume}


def subscribed_by_unit(period: Period, subscribed: Iterable[Subscribed]) -> dict[str, dict[str, Decimal]]:
    """service → business unit → subscribed quantities, weighted as in `subscribed_volumes`."""
    weighted: dict[str, dict[str, Fraction]] = {}
    for held in subscribed:
        for split in split_days(period, active_from=held.active_from, active_until=held.active_until):
            of_service = weighted.setdefault(held.service, {})
            of_service[held.unit] = of_service.get(held.unit, Fraction(0)) + Fraction(held.quantity) * split.share
    return {
        service: {unit: _to_unit_cost_places(volume) for unit, volume in units.items()}
        for service, units in weighted.items()
    }


def _to_unit_cost_places(number: Fraction) -> Decimal:
    units = round(number * 10**UNIT_COST_PLACES)  # round() of a Fraction is half-even
    return Decimal(units).scaleb(-UNIT_COST_PLACES, context=Context(prec=120))


def input_hash(inputs: Mapping[str, object]) -> str:
    """SHA-256 over the canonical JSON of everything that decides a run's outcome: same inputs, same hash."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_canonical)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> str:
    if isinstance(value, Decimal):  # 1.50 and 1.5 are the same input
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    return str(value)
