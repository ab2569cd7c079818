"""Direct, step-down and reciprocal allocation (Horngren, Cost Accounting, ch. 15), with exact fractions.

    direct       a pool gives to services only
    step_down    pools in order, each gives to services and to the pools after it
    reciprocal   pools give to services and to each other: x = b + Qᵀx, solved exactly (see `equations`)

All three answer one question per pool: which fraction of its own cost ends at which service. The amounts
then come from those fractions by the largest remainder, so every pool adds up. A pool without a usable
driver never stops an allocation: its cost stays unallocated, with the reason, and so does what other pools
passed on to it, and what circles among pools that reach no service.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from pricing_service.domain.allocation.equations import (
    Equations,
    Fractions,
    derived_order,
    exponent_of,
    forward_only,
    mark_closed_circles,
    trimmed,
)
from pricing_service.domain.allocation.model import (
    Allocation,
    Driver,
    DuplicateName,
    NegativeWeight,
    Pool,
    Unallocated,
)
from services.errors import Fault, Invalid
from services.money import largest_remainder


class UnknownReceiver(Invalid): ...


class UnknownPool(Invalid): ...


class Method(StrEnum):
    DIRECT = "direct"
    STEP_DOWN = "step_down"
    RECIPROCAL = "reciprocal"


def allocate(
    method: Method,
    pools: Sequence[Pool],
    services: Sequence[str],
    drivers: Mapping[str, Driver],
    *,
    places: int,
    order: Sequence[str] = (),
) -> Allocation:
    """Share every pool among the services; amounts have `places` decimals (or the pool's own, if more).

    `order` is for step-down; without it, one is derived from the drivers, and CircularModel is raised where
    pools feed each other. Raises UnknownReceiver, UnknownPool, NegativeWeight and DuplicateName.
    """
    names = [pool.name for pool in pools]
    _check(names, services, drivers)
    bases, reasons = _bases(method, names, services, drivers)
    if method is Method.STEP_DOWN:
        sequence = _checked_order(order, names) if order else derived_order(names, bases)
        bases = forward_only(sequence, bases)
        for name in names:
            if name not in reasons and not bases[name]:
                reasons[name] = "its driver has weights only for pools that come before it"
    mark_closed_circles(names, services, bases, reasons)
    open_pools = [name for name in names if name not in reasons]
    return _amounts(pools, services, Equations(open_pools, bases), reasons, places)


def _check(names: Sequence[str], services: Sequence[str], drivers: Mapping[str, Driver]) -> None:
    for where, given in (("/pools", names), ("/services", services)):
        twice = next((name for index, name in enumerate(given) if name in given[:index]), None)
        if twice is not None:
            raise DuplicateName(f"{twice!r} is named twice", faults=[Fault(where, f"{twice!r} is named twice")])
    both = set(names) & set(services)
    if both:
        raise DuplicateName(
            f"{min(both)!r} is a pool and a service", faults=[Fault("/services", "is also the name of a pool")]
        )
    receivers = set(names) | set(services)
    for pool, driver in drivers.items():
        if pool not in names:
            raise UnknownPool(f"driver for {pool!r}: no such pool", faults=[Fault(f"/drivers/{pool}", "no such pool")])
        for receiver, weight in driver.weights.items():
            at = f"/drivers/{pool}/{receiver}"
            if receiver not in receivers:
                raise UnknownReceiver(
                    f"pool {pool!r}: receiver {receiver!r} is neither a service nor a pool",
                    faults=[Fault(at, "neither a service nor a pool")],
                )
            if weight < 0:
                raise NegativeWeight(
                    f"pool {pool!r}: the weight of {receiver!r} is negative", faults=[Fault(at, "must not be negative")]
                )


def _bases(
    method: Method, names: Sequence[str], services: Sequence[str], drivers: Mapping[str, Driver]
) -> tuple[dict[str, Fractions], dict[str, str]]:
    """Per pool its positive weights among the receivers that the method admits, and why a pool has none."""
    bases: dict[str, Fractions] = {}
    reasons: dict[str, str] = {}
    pools = set(names)
    for name in names:
        driver = drivers.get(name, Driver(missing="no driver is given for this pool"))
        weights = {receiver: Fraction(weight) for receiver, weight in driver.weights.items() if weight}
        if method is Method.DIRECT:
            weights = {receiver: weight for receiver, weight in weights.items() if receiver not in pools}
        elif method is Method.STEP_DOWN:
            weights.pop(name, None)  # a pool's use of itself is shared out like the rest
        bases[name] = weights
        if driver.missing is not None:
            bases[name] = {}
            reasons[name] = driver.missing
        elif not weights:
            given = any(driver.weights.values())
            reasons[name] = "its driver has no weight for a service" if given else "its driver sums to zero"
    return bases, reasons


def _checked_order(order: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    if sorted(order) != sorted(names):
        missing, extra = set(names) - set(order), set(order) - set(names)
        what = f"lacks {min(missing)!r}" if missing else f"names {min(extra)!r}" if extra else "names a pool twice"
        raise UnknownPool(f"the order {what}", faults=[Fault("/order", f"must name every pool once; it {what}")])
    return order


def _amounts(
    pools: Sequence[Pool],
    services: Sequence[str],
    equations: Equations,
    reasons: Mapping[str, str],
    places: int,
) -> Allocation:
    shares: dict[str, dict[str, Decimal]] = {}
    ends = equations.ends()
    unallocated: list[Unallocated] = []
    for pool in pools:
        fractions = ends.get(pool.name, {pool.name: Fraction(1)})
        ranked = {r: fractions[r] for r in (*services, *reasons) if fractions.get(r)}  # ties go to the earlier one
        own = -exponent_of(pool.amount)
        parts = largest_remainder(pool.amount, ranked, places=max(places, own))
        split = {receiver: trimmed(amount, least=own) for receiver, amount in parts.items()}
        shares[pool.name] = {receiver: amount for receiver, amount in split.items() if receiver not in reasons}
        unallocated += [Unallocated(pool.name, r, split[r], reasons[r]) for r in reasons if r in split]
    own_costs = {pool.name: Fraction(pool.amount) for pool in pools}
    return Allocation(shares, tuple(unallocated), equations.gross(own_costs))
