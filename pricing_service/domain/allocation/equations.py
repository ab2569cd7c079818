"""What the methods rest on: the order of step-down, and the simultaneous equations, solved with fractions."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import lcm

from services.errors import Fault, Invalid

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


class Equations:
    """Who holds what once givers that may feed each other have all given: x = b + Qᵀx, solved without rounding.

    `bases` are positive weights per giver; `open_givers` are those of them that reach somebody outside. With W the
    weights among givers, V those outside and D their sums, all whole numbers after scaling, the fractions of a giver's
    cost that end outside are (D − W)⁻¹V. Elimination is free of fractions (Bareiss, 1968): every division is exact, and
    no pivot is zero, since D − W is a non-singular M-matrix.
    """

    def __init__(self, open_givers: Sequence[str], bases: Mapping[str, Fractions]) -> None:
        self._givers = list(open_givers)
        self._weights = {giver: _whole(bases[giver]) for giver in self._givers}
        self._sums = {giver: sum(self._weights[giver].values()) for giver in self._givers}
        self._determinant, self._adjugate = self._inverted()

    def _inverted(self) -> tuple[int, list[dict[int, int]]]:
        """Determinant and adjugate of D − W; its rows without their zeros."""
        place = {giver: index for index, giver in enumerate(self._givers)}
        size = len(place)
        if not any(receiver in place for weights in self._weights.values() for receiver in weights):
            return 1, []  # nobody feeds another; `ends` and `gross` need no inverse
        rows = [[0] * (2 * size) for _ in place]
        for giver, index in place.items():
            rows[index][index] = self._sums[giver]
            rows[index][size + index] = 1
            for receiver, weight in self._weights[giver].items():
                if receiver in place:
                    rows[index][place[receiver]] -= weight
        before = 1
        for step in range(size):
            pivot_row, pivot = rows[step], rows[step][step]
            for index, row in enumerate(rows):
                if index != step:
                    factor = row[step]
                    rows[index] = [
                        (pivot * one - factor * other) // before for one, other in zip(row, pivot_row, strict=True)
                    ]
            before = pivot
        return before, [{at: value for at, value in enumerate(row[size:]) if value} for row in rows]

    def ends(self) -> dict[str, Fractions]:
        """Per giver the fraction of its cost that ends at each receiver that is not one of the givers."""
        if not self._adjugate:
            return {
                giver: {receiver: Fraction(weight, self._sums[giver]) for receiver, weight in weights.items()}
                for giver, weights in self._weights.items()
            }
        inside = set(self._givers)
        outside = [
            {receiver: weight for receiver, weight in self._weights[giver].items() if receiver not in inside}
            for giver in self._givers
        ]
        found: dict[str, Fractions] = {}
        for giver, row in zip(self._givers, self._adjugate, strict=True):
            sums: dict[str, int] = {}
            for at, factor in row.items():
                for receiver, weight in outside[at].items():
                    sums[receiver] = sums.get(receiver, 0) + factor * weight
            found[giver] = {receiver: Fraction(total, self._determinant) for receiver, total in sums.items()}
        return found

    def gross(self, amounts: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Own cost plus what was passed on, also of those in `amounts` that only receive."""
        gross = dict(amounts)
        if self._adjugate:
            totals = dict.fromkeys(range(len(self._givers)), Fraction(0))
            for giver, row in zip(self._givers, self._adjugate, strict=True):
                for at, factor in row.items():
                    totals[at] += amounts[giver] * factor
            for at, giver in enumerate(self._givers):
                gross[giver] = totals[at] * self._sums[giver] / self._determinant
        open_ones = set(self._givers)
        for giver in self._givers:
            for receiver, weight in self._weights[giver].items():
                if receiver in gross and receiver not in open_ones:
                    gross[receiver] += gross[giver] * Fraction(weight, self._sums[giver])
        return gross


def _whole(weights: Fractions) -> dict[str, int]:
    """The same proportions in whole numbers."""
    scale = lcm(*(weight.denominator for weight in weights.values()))
    return {receiver: int(weight * scale) for receiver, weight in weights.items()}


def trimmed(amount: Decimal, *, least: int) -> Decimal:
    """The same amount without the zeros at its end that go beyond `least` decimals."""
    bare = amount.normalize(_WIDE)
    return bare.quantize(Decimal(1).scaleb(-max(least, -exponent_of(bare))), context=_WIDE)


def exponent_of(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
