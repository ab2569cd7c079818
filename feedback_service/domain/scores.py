"""Scores: what a group of answers says, how many answers it stands on, and how sure it can be.

| kind | answers | score | 95 % interval |
|---|---|---|---|
| NPS | 0..10 | 100 (p − d) | normal, variance (p + d − (p − d)²) / n, clipped to −100..100 |
| CSAT | 1..5 | 100 × share of 4 and 5 | Wilson (1927), JASA 22:209 |
| CES | 1..7 | mean | Student's t, clipped to 1..7 |

with p the share of 9 and 10 (promoters) and d that of 0 to 6 (detractors). NPS and CSAT are in percent (DESIGN.md,
glossary). A `Tally` holds whole numbers only, so that tallies add up exactly in whatever order answers arrive; every
score is computed from one. Below a minimum n the score is withheld, and n still shown.

Answers that all agree have no variance, which is not certainty: three tens would get an interval of width zero. Where
that happens, the share that three agreeing answers cannot exclude (Wilson's bound, z² / (n + z²)) is taken to have
answered one group or step away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import NormalDist

from services.errors import Fault, Invalid

MINIMUM_N = 3
CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


class ScoreKind(StrEnum):
    NPS = "nps"
    CSAT = "csat"
    CES = "ces"


@dataclass(frozen=True, slots=True)
class Scale:
    """What may be answered (`lowest`..`highest`), which answers count for and against, and the range of the score."""

    lowest: int
    highest: int
    favourable_from: int
    unfavourable_to: int
    score_low: float
    score_high: float


SCALES = {
    ScoreKind.NPS: Scale(0, 10, favourable_from=9, unfavourable_to=6, score_low=-100.0, score_high=100.0),
    ScoreKind.CSAT: Scale(1, 5, favourable_from=4, unfavourable_to=2, score_low=0.0, score_high=100.0),
    ScoreKind.CES: Scale(1, 7, favourable_from=5, unfavourable_to=3, score_low=1.0, score_high=7.0),
}


class ScoreOutOfRange(Invalid): ...


def range_fault(kind: ScoreKind, answer: int, *, pointer: str) -> Fault | None:
    scale = SCALES[kind]
    if scale.lowest <= answer <= scale.highest:
        return None
    return Fault(pointer, f"a {kind} answer is a whole number from {scale.lowest} to {scale.highest}, not {answer}")


@dataclass(frozen=True, slots=True)
class Tally:
    """Exact counts of answers of one kind. Tallies of disjoint groups add up to the tally of both together."""

    n: int = 0
    total: int = 0
    squares: int = 0
    favourable: int = 0
    unfavourable: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.favourable + other.favourable,
            self.unfavourable + other.unfavourable,
        )


def tally(kind: ScoreKind, answers: Iterable[int], *, pointer: str = "/responses") -> Tally:
    """Count `answers`. Raises ScoreOutOfRange, naming each bad one as `pointer`/index."""
    scale = SCALES[kind]
    n = total = squares = favourable = unfavourable = 0
    faults: list[Fault] = []
    for index, answer in enumerate(answers):
        fault = range_fault(kind, answer, pointer=f"{pointer}/{index}")
        if fault is not None:
            faults.append(fault)
            continue
        n += 1
        total += answer
        squares += answer * answer
        favourable += answer >= scale.favourable_from
        unfavourable += answer <= scale.unfavourable_to
    if faults:
        raise ScoreOutOfRange(faults[0].message, faults=faults)
    return Tally(n, total, squares, favourable, unfavourable)


@dataclass(frozen=True, slots=True)
class Score:
    """A score with n and its 95 % interval; `score`, `low` and `high` are None when it is withheld."""

    kind: ScoreKind
    n: int
    score: float | None
    low: float | None
    high: float | None
    withheld: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point with its interval, not yet clipped to the range of the score (differences are taken of these)."""

    point: float
    low: float
    high: float


def score(kind: ScoreKind, counted: Tally, *, minimum_n: int = MINIMUM_N) -> Score:
    """The score of `counted`, withheld below `minimum_n` answers (and always where there is none)."""
    if counted.n < max(minimum_n, 1):
        return Score(kind, counted.n, None, None, None, withheld=True)
    found, scale = estimate(kind, counted), SCALES[kind]
    low, high = max(found.low, scale.score_low), min(found.high, scale.score_high)
    return Score(kind, counted.n, found.point, low, high, withheld=False)


def estimate(kind: ScoreKind, counted: Tally) -> Estimate:
    """Point and interval from at least one answer."""
    match kind:
        case ScoreKind.NPS:
            return _nps(counted)
        case ScoreKind.CSAT:
            return _csat(counted)
        case ScoreKind.CES:
            return _mean(counted.n, counted.total, counted.squares, lowest=1, highest=7)


def estimate_for_difference(kind: ScoreKind, counted: Tally) -> Estimate:
    """As `estimate`, but NPS as the mean of −1, 0 and 1 with Student's t: the plain normal interval is too narrow for
    small groups, and a difference of two of them would claim changes that are not there."""
    if kind is not ScoreKind.NPS:
        return estimate(kind, counted)
    balance, voiced = counted.favourable - counted.unfavourable, counted.favourable + counted.unfavourable
    mean = _mean(counted.n, balance, voiced, lowest=-1, highest=1)
    return Estimate(100 * mean.point, 100 * mean.low, 100 * mean.high)


def _nps(counted: Tally) -> Estimate:
    n = counted.n
    balance = counted.favourable - counted.unfavourable
    scaled = n * (counted.favourable + counted.unfavourable) - balance * balance  # n³ times the variance, exactly
    point = 100 * balance / n
    if scaled == 0:
        unseen = 100 * _unseen_share(n)
        return Estimate(point, max(point - unseen, -100.0), min(point + unseen, 100.0))
    half = 100 * Z * sqrt(scaled / n) / n
    return Estimate(point, point - half, point + half)


def _csat(counted: Tally) -> Estimate:
    n, hits = counted.n, counted.favourable
    share, z2 = hits / n, Z * Z
    centre = (hits + z2 / 2) / (n + z2)
    half = Z * sqrt(n * share * (1 - share) + z2 / 4) / (n + z2)
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == n else centre + half
    return Estimate(100 * share, 100 * low, 100 * high)


def _mean(n: int, total: int, squares: int, *, lowest: int, highest: int) -> Estimate:
    mean = total / n
    scaled = n * squares - total * total  # n times the sum of squares about the mean, exactly
    if scaled == 0:
        unseen = _unseen_share(n)
        return Estimate(mean, max(mean - unseen, lowest), min(mean + unseen, highest))
    half = student_t(n - 1) * sqrt(scaled / (n - 1)) / n
    return Estimate(mean, mean - half, mean + half)


def _unseen_share(n: int) -> float:
    return Z * Z / (n + Z * Z)


def student_t(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, within 1 % from 2 degrees of freedom on (Abramowitz and Stegun 26.7.5)."""
    z = Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, start=1))
