"""What a table of cash flows is worth: net present value, internal rate of return and payback.

Flows are at the end of their periods, the first one now (period 0), as in Brealey, Myers and Allen, *Principles of
Corporate Finance*, chapters 2 and 5. NPV = Σ flow_t ÷ (1 + rate)^t is exact until it is rounded once, half to even.
The rates of return are the roots of NPV(rate) = 0 above −100 %: Sturm's theorem counts them exactly on rational
coefficients, and bisection of isolating intervals gives each to six places, so that none is missed or invented.
(numpy-financial's `irr` picks one root of a float companion matrix, and says neither how many there are nor which.)

    Invalid
    ├── TooFewFlows, TooManyFlows, FlowsAreZero
    └── RateOutOfRange      a rate per year is above −100 % and at most 1,000 %
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm

from services.errors import Fault, Invalid

MOST_FLOWS = 361  # thirty years of months, and now
MOST_FLOWS_COUNTED = 61  # with several changes of sign: beyond it counting their roots exactly takes seconds
_PLACES = 6
_HIGHEST = Fraction(1_000)  # 100,000 % a period: beyond it a return is no figure to decide by


class TooFewFlows(Invalid): ...


class TooManyFlows(Invalid): ...


class FlowsAreZero(Invalid): ...


class RateOutOfRange(Invalid): ...


class Periods(StrEnum):
    YEAR = "year"
    MONTH = "month"


class Returns(StrEnum):
    """How many rates of return there are."""

    ONE = "one"
    SEVERAL = "several"
    NONE = "none"
    NOT_COUNTED = "not_counted"  # more than 61 flows that change sign more than once


@dataclass(frozen=True, slots=True)
class Worth:
    """Rates are shares (0.10 is 10 %) per period; paybacks are in periods, None where it never comes."""

    npv: Decimal
    rate_per_period: Decimal
    returns: Returns
    irr: Decimal | None
    irr_per_year: Decimal | None
    roots: tuple[Decimal, ...]
    payback: Decimal | None
    discounted_payback: Decimal | None


def worth(flows: Sequence[Decimal], *, rate: Decimal, periods: Periods, places: int) -> Worth:
    """`rate` is per year; months take the nominal twelfth of it. `places` are the currency's."""
    if len(flows) < 2:
        raise TooFewFlows("an investment and a return need two flows", faults=[Fault("/flows", "needs at least two")])
    if len(flows) > MOST_FLOWS:
        raise TooManyFlows(f"{len(flows)} flows", faults=[Fault("/flows", f"must be at most {MOST_FLOWS}")])
    if not any(flows):
        raise FlowsAreZero("every flow is zero", faults=[Fault("/flows", "need one that is not zero")])
    if not -1 < rate <= 10:
        raise RateOutOfRange(f"rate {rate}", faults=[Fault("/rate", "must be above -1 and at most 10 (1,000 %)")])
    per_period = Fraction(rate) / (12 if periods is Periods.MONTH else 1)
    exact = [Fraction(flow) for flow in flows]
    counted = len(exact) <= MOST_FLOWS_COUNTED or _sign_changes(exact) <= 1
    roots = rates_of_return(exact) if counted else []
    irr = roots[0] if len(roots) == 1 else None
    kinds = {0: Returns.NONE, 1: Returns.ONE} if counted else {0: Returns.NOT_COUNTED}
    discounted = _discounted(exact, per_period)
    return Worth(
        npv=_rounded(sum(discounted, Fraction(0)), places),
        rate_per_period=_rounded(per_period, 12),
        returns=kinds.get(len(roots), Returns.SEVERAL),
        irr=irr,
        irr_per_year=irr
        if irr is None or periods is Periods.YEAR
        else _rounded((1 + Fraction(irr)) ** 12 - 1, _PLACES),
        roots=tuple(roots),
        payback=_payback(exact),
        discounted_payback=_payback(discounted),
    )


def _discounted(flows: Sequence[Fraction], rate: Fraction) -> list[Fraction]:
    factor, found = Fraction(1), []
    for flow in flows:
        found.append(flow / factor)
        factor *= 1 + rate
    return found


def _payback(flows: Sequence[Fraction]) -> Decimal | None:
    """Periods until the running sum stays at zero or above, straight within a period; None where it does not."""
    sums: list[Fraction] = []
    for flow in flows:
        sums.append((sums[-1] if sums else Fraction(0)) + flow)
    if sums[-1] < 0:
        return None
    last_below = max((t for t, total in enumerate(sums) if total < 0), default=None)
    if last_below is None:
        return Decimal(0)
    return _rounded(last_below - sums[last_below] / flows[last_below + 1], 2)


def rates_of_return(flows: Sequence[Fraction]) -> list[Decimal]:
    """Every rate in (−1, 1000] at which the flows are worth nothing, to six places, ascending.

    With v = 1 + rate the value times v^n is a polynomial in v: Σ flow_t v^(n−t), whose roots are counted in (0, 1001].
    """
    nonzero = [t for t, flow in enumerate(flows) if flow]
    whole = _integers(flows[nonzero[0] : nonzero[-1] + 1])
    changes = _sign_changes(flows)
    if changes == 0:
        return []
    if changes == 1:  # Descartes: exactly one positive root, without the cost of a Sturm chain
        low, high = Fraction(0), 1 + _HIGHEST
        return [_bisected(whole, low, high)] if _sign_at(whole, high) != _sign_near_zero(whole) else []
    chain = _sturm(whole)
    return [_located(whole, chain, low, high) for low, high in _isolated(chain, Fraction(0), 1 + _HIGHEST)]


def _integers(flows: Sequence[Fraction]) -> list[int]:
    scale = lcm(*(flow.denominator for flow in flows))
    return _primitive([int(flow * scale) for flow in flows])


def _primitive(polynomial: list[int]) -> list[int]:
    common = gcd(*polynomial)
    return [coefficient // common for coefficient in polynomial] if common else polynomial


def _sign_changes(flows: Sequence[Fraction]) -> int:
    signs = [flow > 0 for flow in flows if flow]
    return sum(1 for a, b in pairwise(signs) if a != b)


def _sign_near_zero(polynomial: Sequence[int]) -> int:
    return 1 if polynomial[-1] > 0 else -1


def _sign_at(polynomial: Sequence[int], x: Fraction) -> int:
    value, numerator, denominator, scale = 0, x.numerator, x.denominator, 1
    for coefficient in polynomial:
        value = value * numerator + coefficient * scale
        scale *= denominator
    return (value > 0) - (value < 0)


def _sturm(polynomial: list[int]) -> list[list[int]]:
    """Sturm's chain by pseudo-remainders with positive factors, kept small by their common divisors."""
    degree = len(polynomial) - 1
    chain = [polynomial, _primitive([c * (degree - i) for i, c in enumerate(polynomial[:-1])])]
    while len(chain[-1]) > 1:
        remainder, divisor = list(chain[-2]), chain[-1]
        lead = abs(divisor[0])
        sign = 1 if divisor[0] > 0 else -1
        while len(remainder) >= len(divisor):
            first = remainder[0] * sign
            remainder = [c * lead for c in remainder]
            for i, c in enumerate(divisor):
                remainder[i] -= first * c
            remainder.pop(0)
        while remainder and remainder[0] == 0:
            remainder.pop(0)
        if not remainder:
            break
        chain.append(_primitive([-c for c in remainder]))
    return chain


def _variations(chain: list[list[int]], x: Fraction) -> int:
    signs = [sign for sign in (_sign_at(polynomial, x) for polynomial in chain) if sign]
    return sum(1 for a, b in pairwise(signs) if a != b)


def _isolated(chain: list[list[int]], low: Fraction, high: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Half-open intervals (low, high], each with one root."""
    found: list[tuple[Fraction, Fraction]] = []
    waiting = [(low, high, _variations(chain, low), _variations(chain, high))]
    while waiting:
        low, high, at_low, at_high = waiting.pop()
        if at_low - at_high == 1:
            found.append((low, high))
        elif at_low - at_high > 1:
            middle = (low + high) / 2
            at_middle = _variations(chain, middle)
            waiting += [(low, middle, at_low, at_middle), (middle, high, at_middle, at_high)]
    return sorted(found)


def _located(polynomial: list[int], chain: list[list[int]], low: Fraction, high: Fraction) -> Decimal:
    """By the chain, since a double root changes no sign."""
    at_low = _variations(chain, low)
    while high - low > Fraction(1, 10 ** (_PLACES + 2)):
        middle = (low + high) / 2
        if _sign_at(polynomial, middle) == 0 and _variations(chain, middle) < at_low:
            return _rounded(middle - 1, _PLACES)
        if at_low - _variations(chain, middle) >= 1:
            high = middle
        else:
            low = middle
    return _rounded(high - 1, _PLACES)


def _bisected(polynomial: list[int], low: Fraction, high: Fraction) -> Decimal:
    below = _sign_near_zero(polynomial)
    while high - low > Fraction(1, 10 ** (_PLACES + 2)):
        middle = (low + high) / 2
        sign = _sign_at(polynomial, middle)
        if sign == 0:
            return _rounded(middle - 1, _PLACES)
        low, high = (middle, high) if sign == below else (low, middle)
    return _rounded((low + high) / 2 - 1, _PLACES)


def _rounded(value: Fraction, places: int) -> Decimal:
    return Decimal(round(value * 10**places)).scaleb(-places)
