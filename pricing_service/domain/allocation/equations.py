"""What the methods rest on: the order of step-down, and the simultaneous equations, solved with fractions."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from services.errors import Fault, Invalid

ONE = Fraction(1)
_WIDE = Context(prec=120)
Fractions = dict[str, Fraction]


class CircularModel(Invalid): ...


def derived_order(names: Sequence[str], bases: Mapping[str, Fractions]) -> list[str]:
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


def forward_only(sequence: Sequence[str], bases: Mapping[str, Fractions]) -> dict[str, Fractions]:
    rank = {name: index for index, name in enumerate(sequence)}
    return {
        name: {r: w for r, w in weights.items() if r not in rank or rank[r] > rank[name]}
        for name, weights in bases.items()
    }


def mark_closed_circles(
    names: Sequence[str], services: Iterable[str], bases: Mapping[str, Fractions], reasons: dict[str, str]
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


def absorbed(open_pools: Sequence[str], bases: Mapping[str, Fractions]) -> dict[str, Fractions]:
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


def gross(
    amounts: Mapping[str, Fraction], bases: Mapping[str, Fractions], open_pools: Sequence[str]
) -> dict[str, Fraction]:
    """Own cost plus what was passed on: x = b + Qᵀx, by the same elimination over the transposed equations."""
    names = list(amounts)
    rows: dict[str, Fractions] = {name: {} for name in names}
    for giver in open_pools:
        total = sum(bases[giver].values(), Fraction(0))
        for receiver, weight in bases[giver].items():
            if receiver in rows:
                rows[receiver][giver] = weight / total
    own = dict(amounts)
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


def trimmed(amount: Decimal, *, least: int) -> Decimal:
    """The same amount without the zeros at its end that go beyond `least` decimals."""
    bare = amount.normalize(_WIDE)
    return bare.quantize(Decimal(1).scaleb(-max(least, -exponent_of(bare))), context=_WIDE)


def exponent_of(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
