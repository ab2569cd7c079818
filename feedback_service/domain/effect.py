"""Effect: what changed between answers before and answers after, and whether that is more than chance.

Effect = after − before, in the score's own unit. Its 95 % interval comes from the two intervals by the method of
variance estimates recovery (Zou and Donner 2008, Stat. Med. 27:1693): with b in (lb, ub) and a in (la, ua),
    low = (a − b) − √((a − la)² + (ub − b)²),  high = (a − b) + √((ua − a)² + (b − lb)²).
For shares this is Newcombe's hybrid score interval (1998, Stat. Med. 17:873, method 10), for means and NPS (a mean of
−1, 0 and 1) a slightly cautious Welch interval. With the plain normal interval of NPS two groups of five without any
difference would be told apart in 13 % of cases; tests/feedback_service/test_domain_effect.py counts how often this one
does.

A verdict needs `MINIMUM_N_FOR_VERDICT` answers on each side, whatever the interval says.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import hypot

from feedback_service.domain.scores import MINIMUM_N, SCALES, ScoreKind, Tally, estimate_for_difference

MINIMUM_N_FOR_VERDICT = 5


class Verdict(StrEnum):
    IMPROVED = "improved"
    WORSE = "worse"
    NO_EVIDENCE_YET = "no_evidence_yet"


@dataclass(frozen=True, slots=True)
class Effect:
    """After − before; `effect`, `low` and `high` are None when one side is too small to be shown at all."""

    kind: ScoreKind
    effect: float | None
    low: float | None
    high: float | None
    n_before: int
    n_after: int
    verdict: Verdict


def effect(
    kind: ScoreKind,
    before: Tally,
    after: Tally,
    *,
    minimum_n: int = MINIMUM_N,
    minimum_n_for_verdict: int = MINIMUM_N_FOR_VERDICT,
) -> Effect:
    """Compare two disjoint groups of answers of one kind (higher is better in all three)."""
    smaller = min(before.n, after.n)
    if smaller < max(minimum_n, 1):
        return Effect(kind, None, None, None, before.n, after.n, Verdict.NO_EVIDENCE_YET)
    was, now, scale = estimate_for_difference(kind, before), estimate_for_difference(kind, after), SCALES[kind]
    difference = now.point - was.point
    low = difference - hypot(now.point - now.low, was.high - was.point)
    high = difference + hypot(now.high - now.point, was.point - was.low)
    widest = scale.score_high - scale.score_low
    verdict = _verdict(low, high) if smaller >= minimum_n_for_verdict else Verdict.NO_EVIDENCE_YET
    return Effect(kind, difference, max(low, -widest), min(high, widest), before.n, after.n, verdict)


def _verdict(low: float, high: float) -> Verdict:
    if low > 0:
        return Verdict.IMPROVED
    if high < 0:
        return Verdict.WORSE
    return Verdict.NO_EVIDENCE_YET
