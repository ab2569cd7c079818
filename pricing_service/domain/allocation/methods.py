"""Direct, step-down and reciprocal allocation (Horngren, Cost Accounting, ch. 15), with exact fractions.

    direct       a pool gives to services only
    step_down    pools in order, each gives to services and to the pools after it
    reciprocal   pools give to services and to each other: x = b + Qᵀx, solved by elimination over fractions

All three answer one question per pool: which fraction of its own cost ends at which service. The amounts
then come from those fractions by the largest remainder, so every pool adds up. A pool without a usable
driver never stops an allocation: its cost stays unallocated, with the reason, and so does what other pools
passed on to it, and what circles among pools that reach no service.
"""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction

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

ONE = Fraction(1)
_WIDE = Context(prec=120)
Fractions = dict[str, Fraction]


class UnknownReceiver(Invalid): ...


class UnknownPool(Invalid): ...


class CircularModel(Invalid): ...


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
        sequence = _checked_order(order, names) if order else _derived_order(names, bases)
        bases = _forward_only(sequence, bases)
        for name in names:
            if name not in reasons and not bases[name]:
                reasons[name] = "its driver has weights only for pools that come before it"
    _mark_closed_circles(names, services, bases, reasons)
    open_pools = [name for name in names if name not in reasons]
    ends = _absorbed(open_pools, bases)
    return _amounts(pools, services, ends, reasons, bases, open_pools, places)


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


def _derived_order(names: Sequence[str], bases: Mapping[str, Fractions]) -> list[str]:
    """Pools such that each gives only to later ones; ties keep the order given."""
    waiting = list(names)
    ordered: list[str] = []
    while waiting:
        fed = {receiver for name in waiting for receiver in bases[name]}
        ready = next((name for name in waiting if name not in fed), None)
        if ready is None:
            circle = " → ".join(_circle(waiting, bases))
            raise CircularModel(
                f"step-down needs an order, but these pools feed each other: {circle}",
                faults=[Fault("/drivers", f"circular: {circle}"), Fault("/order", "name an order, or use reciprocal")],
            )
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _circle(waiting: Sequence[str], bases: Mapping[str, Fractions]) -> list[str]:
    """One circle among `waiting`, each of which is fed by another of them; walked backwards from the first."""
    path = [waiting[0]]
    while True:
        feeder = next(name for name in waiting if path[-1] in bases[name])
        if feeder in path:
            return [feeder, *reversed(path[path.index(feeder) :])]
        path.append(feeder)


def _forward_only(sequence: Sequence[str], bases: Mapping[str, Fractions]) -> dict[str, Fractions]:
    rank = {name: index for index, name in enumerate(sequence)}
    return {
        name: {r: w for r, w in weights.items() if r not in rank or rank[r] > rank[name]}
        for name, weights in bases.items()
    }


def _mark_closed_circles(
    names: Sequence[str], services: Sequence[str], bases: Mapping[str, Fractions], reasons: dict[str, str]
) -> None:
    """Pools from which neither a service nor a pool without a driver can be reached would circle for ever."""
    ends = set(services) | set(reasons)
    while True:
        reached = [name for name in names if name not in ends and any(r in ends for r in bases[name])]
        if not reached:
            break
        ends.update(reached)
    for name in names:
        if name not in ends:
            reasons[name] = "it feeds only pools that feed each other, and no service"


def _absorbed(open_pools: Sequence[str], bases: Mapping[str, Fractions]) -> dict[str, Fractions]:
    """For each open pool the fraction of its cost that ends at each receiver that is not an open pool.

    Gauss elimination: each pool is replaced, in the receivers of all others, by what it gives. A pool that
    gives to itself is scaled by 1 / (1 − p). No division by zero: every open pool reaches an end.
    """
    rows: dict[str, Fractions] = {}
    for name in open_pools:
        total = sum(bases[name].values(), Fraction(0))
        rows[name] = {receiver: weight / total for receiver, weight in bases[name].items()}
    for name in open_pools:
        own = rows[name].pop(name, Fraction(0))
        if own:
            rows[name] = {receiver: fraction / (ONE - own) for receiver, fraction in rows[name].items()}
        for other in open_pools:
            if other != name and (through := rows[other].pop(name, Fraction(0))):
                for receiver, fraction in rows[name].items():
                    rows[other][receiver] = rows[other].get(receiver, Fraction(0)) + through * fraction
    return rows


def _amounts(
    pools: Sequence[Pool],
    services: Sequence[str],
    ends: Mapping[str, Fractions],
    reasons: Mapping[str, str],
    bases: Mapping[str, Fractions],
    open_pools: Sequence[str],
    places: int,
) -> Allocation:
    shares: dict[str, dict[str, Decimal]] = {}
    unallocated: list[Unallocated] = []
    for pool in pools:
        fractions = ends.get(pool.name, {pool.name: ONE})
        ranked = {r: fractions[r] for r in (*services, *reasons) if fractions.get(r)}  # ties go to the earlier one
        own = -_exponent(pool.amount)
        parts = largest_remainder(pool.amount, ranked, places=max(places, own))
        split = {receiver: _trimmed(amount, least=own) for receiver, amount in parts.items()}
        shares[pool.name] = {receiver: amount for receiver, amount in split.items() if receiver not in reasons}
        unallocated += [Unallocated(pool.name, r, split[r], reasons[r]) for r in reasons if r in split]
    return Allocation(shares, tuple(unallocated), _gross(pools, bases, open_pools))


def _gross(pools: Sequence[Pool], bases: Mapping[str, Fractions], open_pools: Sequence[str]) -> dict[str, Fraction]:
    """Own cost plus what was passed on: x = b + Qᵀx, by the same elimination over the transposed equations."""
    names = [pool.name for pool in pools]
    rows: dict[str, Fractions] = {name: {} for name in names}
    for giver in open_pools:
        total = sum(bases[giver].values(), Fraction(0))
        for receiver, weight in bases[giver].items():
            if receiver in rows:
                rows[receiver][giver] = weight / total
    own = {pool.name: Fraction(pool.amount) for pool in pools}
    for name in names:
        loop = rows[name].pop(name, Fraction(0))
        if loop:
            rows[name] = {giver: fraction / (ONE - loop) for giver, fraction in rows[name].items()}
            own[name] /= ONE - loop
        for other in names:
            if other != name and (through := rows[other].pop(name, Fraction(0))):
                own[other] += through * own[name]
                for giver, fraction in rows[name].items():
                    rows[other][giver] = rows[other].get(giver, Fraction(0)) + through * fraction
    return own


def _trimmed(amount: Decimal, *, least: int) -> Decimal:
    """The same amount without the zeros at its end that go beyond `least` decimals."""
    bare = amount.normalize(_WIDE)
    return bare.quantize(Decimal(1).scaleb(-max(least, -_exponent(bare))), context=_WIDE)


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
