"""From cost pools to unit costs: which driver a pool has in a period, what a unit costs, what a run was made from.

The methods themselves are in `allocation`; here is what an allocation run decides around them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction

from pricing_service.domain.allocation import Driver
from pricing_service.domain.periods import Period, split_days
from services.errors import Fault, Invalid

# Shares of cost keep this many decimals (or the pool's own, if more); unit costs are rounded to it, half-even.
COST_PLACES = 12
UNIT_COST_PLACES = 10


class DriverKind(StrEnum):
    FIXED = "fixed"  # weights that somebody decided
    VOLUME = "volume"  # weights are the services' volumes of the period


class DriverIncomplete(Invalid): ...


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a business unit holds of a service."""

    service: str
    quantity: Decimal
    active_from: datetime
    active_until: datetime | None


@dataclass(frozen=True, slots=True)
class DriverRule:
    """How a pool is shared: its services, and for a fixed driver the weight of each."""

    kind: DriverKind
    weights: Mapping[str, Decimal]  # by service; of a volume driver only the keys count

    def __post_init__(self) -> None:
        for service, weight in self.weights.items():
            if weight < 0:
                raise DriverIncomplete(
                    f"the weight of {service} is negative",
                    faults=[Fault("/driver/shares", "weights must be 0 or more")],
                )

    def driver(self, *, known: frozenset[str], volumes: Mapping[str, Decimal]) -> Driver:
        """The pool's driver in a period. What cannot be shared stays visible with its reason, it never stops a run."""
        strangers = [service for service in self.weights if service not in known]
        if strangers:
            return Driver(missing=f"its driver names a service that the catalogue has not published: {strangers[0]}")
        if self.kind is DriverKind.FIXED:
            return Driver(self.weights)
        measured = {service: volumes[service] for service in self.weights if service in volumes}
        return Driver(measured) if measured else Driver(missing="its driver is volume, but no volume is known")


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
