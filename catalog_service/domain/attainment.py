"""Attainment: what became of a promise in a period, from what was measured in it.

| commitment | attained | kept if |
|---|---|---|
| availability | 100 × up ÷ total, in percent | at or above the target |
| support_hours | hours staffed ÷ weeks reported, in hours per week | at or above the target |
| the others, one by one | the promise's percentile (nearest rank), in the promise's unit | at or below the target |

Availability: outages are merged, so that time that two monitors report counts once, and clipped to the period. The
total is the whole of the period for which the promise stood, or, where anybody reports what was up, what was watched.
Planned maintenance is neither up nor down: it is no part of the total, and by itself it says nothing. Where a period
has counted seconds, these alone say it all, each in the share of its interval that lies in the period.

A percentile is a measured value, not a mean of two: the smallest that so many of a hundred do not exceed
(NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.6.2).

All of it is reckoned in fractions and rounded once, to four decimals or the target's own if it has more, and always
away from the promise: so what is shown says kept exactly where it was.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from catalog_service.domain.commitment import PERCENTILES, Commitment, CommitmentKind
from catalog_service.domain.measurement import SECONDS, Measured, Watched
from catalog_service.domain.spans import Span, clipped, merged, total, without
from services.money import EXACT

PLACES = 4
_SECOND, _WEEK_HOURS = 1_000_000, 168  # microseconds; hours


class AttainmentState(StrEnum):
    ATTAINED = "attained"
    MISSED = "missed"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True)
class Assessed:
    """`n` is how many measurements there were; `figures` are the ones behind `attained`, by name."""

    state: AttainmentState
    attained: Decimal | None
    n: int
    figures: dict[str, Decimal] = field(default_factory=dict)


NOTHING = Assessed(AttainmentState.NOT_MEASURED, None, 0)


def assess(commitment: Commitment, measurements: Sequence[Measured], window: Span) -> Assessed:
    """What became of `commitment` in `window`: the part of a period for which it was promised."""
    if window.start >= window.end:
        return NOTHING
    found = [each for each in measurements if each.commitment is commitment.kind and _touches(each.span, window)]
    if not found:
        return NOTHING
    if commitment.kind is CommitmentKind.AVAILABILITY:
        return _availability(commitment, found, window)
    if commitment.kind is CommitmentKind.SUPPORT_HOURS:
        return _support_hours(commitment, found, window)
    return _single(commitment, found)


def rank(percent: int, n: int) -> int:
    """⌈percent × n ÷ 100⌉: the place of the nearest rank among n values in their order; percent 1 to 100, n from 1."""
    return -(-percent * n // 100)


def percentile_of(commitment: Commitment) -> int | None:
    """How many of a hundred must meet the target; None for what is measured as a whole."""
    return commitment.percentile or PERCENTILES.get(commitment.kind)


def _availability(commitment: Commitment, found: Sequence[Measured], window: Span) -> Assessed:
    counted = [each for each in found if each.total_seconds is not None and not each.planned]
    if counted:
        up = sum((_share(each.span, window) * Fraction(each.up_seconds or 0) for each in counted), Fraction(0))
        whole = sum((_share(each.span, window) * Fraction(each.total_seconds or 0) for each in counted), Fraction(0))
        planned = Fraction(0)
        n = len(counted)
    else:
        of_state = [each for each in found if each.state is not None]
        if all(each.planned for each in of_state):
            return NOTHING
        maintenance = merged((each.span for each in of_state if each.planned), window)
        down = merged((each.span for each in of_state if each.state is Watched.DOWN), window)
        watched = [each.span for each in of_state if each.state is Watched.UP]
        seen = merged([*watched, *down], window) if watched else [window]
        whole = Fraction(total(without(seen, maintenance)), _SECOND)
        up = whole - Fraction(total(without(down, maintenance)), _SECOND)
        planned = Fraction(total(maintenance), _SECOND)
        n = len(of_state)
    if not whole:
        return NOTHING
    figures = {"down_seconds": whole - up, "planned_seconds": planned, "total_seconds": whole}
    shown = {name: round_to(seconds, 6, up=name == "down_seconds") for name, seconds in figures.items()}
    return _judged(commitment, 100 * up / whole, n, shown)


def _support_hours(commitment: Commitment, found: Sequence[Measured], window: Span) -> Assessed:
    covered = Fraction(total(merged((each.span for each in found), window)), 3_600 * _SECOND)
    staffed = sum((_share(each.span, window) * Fraction(each.value or 0) for each in found), Fraction(0))
    staffed = min(staffed, covered)  # two desks at once are one that is open
    figures = {"staffed_hours": round_to(staffed, PLACES), "reported_hours": round_to(covered, PLACES)}
    return _judged(commitment, staffed * _WEEK_HOURS / covered, len(found), figures)


def _single(commitment: Commitment, found: Sequence[Measured]) -> Assessed:
    # Sorted as decimals, which is a hundred times as fast as fractions; what is shown is reckoned in fractions.
    values = sorted(each.value for each in found if each.value is not None and not each.planned)
    if not values:
        return NOTHING
    n, places, unit = len(values), _places(commitment), Fraction(SECONDS[commitment.unit])
    percent = percentile_of(commitment) or 100
    met = bisect_right(values, EXACT.multiply(commitment.target, SECONDS[commitment.unit]))
    ranks = {"p50": rank(50, n), "p85": rank(85, n), "worst": n}
    figures = {name: round_to(Fraction(values[place - 1]) / unit, places, up=True) for name, place in ranks.items()}
    figures["within_percent"] = round_to(Fraction(100 * met, n), PLACES)
    return _judged(commitment, Fraction(values[rank(percent, n) - 1]) / unit, n, figures)


def _judged(commitment: Commitment, exact: Fraction, n: int, figures: dict[str, Decimal]) -> Assessed:
    less_is_better = commitment.kind in PERCENTILES
    target = Fraction(commitment.target)
    kept = exact <= target if less_is_better else exact >= target
    state = AttainmentState.ATTAINED if kept else AttainmentState.MISSED
    return Assessed(state, round_to(exact, _places(commitment), up=less_is_better), n, figures)


def round_to(exact: Fraction, places: int, *, up: bool = False) -> Decimal:
    """`exact` (≥ 0) to so many decimals, down or up."""
    scaled = exact * 10**places
    whole = -(-scaled.numerator // scaled.denominator) if up else scaled.numerator // scaled.denominator
    return Decimal(whole).scaleb(-places, context=EXACT)


def _places(commitment: Commitment) -> int:
    exponent = commitment.target.as_tuple().exponent
    return max(PLACES, -exponent if isinstance(exponent, int) else 0)


def _touches(span: Span, window: Span) -> bool:
    """Whether any of it lies in the window; an instant does, or does not."""
    if span.start == span.end:
        return window.start <= span.start < window.end
    return span.start < window.end and window.start < span.end


def _share(span: Span, window: Span) -> Fraction:
    """How much of the span lies in the window."""
    part = clipped(span, window)
    return Fraction(0) if part is None else Fraction(part.microseconds, span.microseconds)
