"""Effects: after − before, with an interval that rarely claims a change that is not there."""

from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_service.domain.effect import MINIMUM_N_FOR_VERDICT, Verdict, effect
from feedback_service.domain.scores import SCALES, ScoreKind, Tally, tally


def test_a_clear_rise_is_an_improvement_and_its_mirror_is_worse() -> None:
    low, high = tally(ScoreKind.CSAT, [2] * 16 + [4] * 4), tally(ScoreKind.CSAT, [4] * 16 + [2] * 4)
    better, worse = effect(ScoreKind.CSAT, low, high), effect(ScoreKind.CSAT, high, low)
    assert better.effect == pytest.approx(60.0) and better.verdict is Verdict.IMPROVED
    assert worse.effect == pytest.approx(-60.0) and worse.verdict is Verdict.WORSE
    assert (better.n_before, better.n_after) == (20, 20)


def test_newcombe_interval_of_two_shares() -> None:
    # Newcombe (1998), table II, example (a), method 10: 56/70 − 48/80 has the interval 0.0524 to 0.3339.
    found = effect(
        ScoreKind.CSAT, tally(ScoreKind.CSAT, [4] * 48 + [1] * 32), tally(ScoreKind.CSAT, [4] * 56 + [1] * 14)
    )
    assert found.effect == pytest.approx(20.0)
    assert found.low == pytest.approx(5.24, abs=0.01)
    assert found.high == pytest.approx(33.39, abs=0.01)


def test_a_small_change_is_no_evidence_yet() -> None:
    found = effect(ScoreKind.NPS, tally(ScoreKind.NPS, [6, 7, 8, 9, 9, 10]), tally(ScoreKind.NPS, [6, 7, 9, 9, 9, 10]))
    assert found.verdict is Verdict.NO_EVIDENCE_YET
    assert found.low is not None and found.high is not None and found.low < 0 < found.high


def test_nothing_is_claimed_from_too_few_answers() -> None:
    bad, good = tally(ScoreKind.NPS, [0] * 4), tally(ScoreKind.NPS, [10] * 400)
    assert effect(ScoreKind.NPS, bad, good).verdict is Verdict.NO_EVIDENCE_YET
    assert effect(ScoreKind.NPS, bad, good).effect == 200.0
    hidden = effect(ScoreKind.NPS, tally(ScoreKind.NPS, [0, 0]), good)
    assert (hidden.effect, hidden.low, hidden.high, hidden.n_before) == (None, None, None, 2)
    assert hidden.verdict is Verdict.NO_EVIDENCE_YET
    assert effect(ScoreKind.CES, Tally(), Tally(), minimum_n=0).effect is None


@given(st.data(), st.sampled_from(ScoreKind))
def test_looking_back_turns_the_effect_round(data: st.DataObject, kind: ScoreKind) -> None:
    answers = st.lists(st.integers(SCALES[kind].lowest, SCALES[kind].highest), min_size=3, max_size=40)
    before, after = tally(kind, data.draw(answers)), tally(kind, data.draw(answers))
    forth, back = effect(kind, before, after), effect(kind, after, before)
    assert forth.effect is not None and forth.low is not None and forth.high is not None
    assert back.effect is not None and back.low is not None and back.high is not None
    assert forth.effect == pytest.approx(-back.effect)
    assert forth.low == pytest.approx(-back.high)
    assert forth.low <= forth.effect + 1e-9 and forth.effect <= forth.high + 1e-9
    mirrored = {Verdict.IMPROVED: Verdict.WORSE, Verdict.WORSE: Verdict.IMPROVED}
    assert back.verdict is mirrored.get(forth.verdict, Verdict.NO_EVIDENCE_YET)


def _groups(n: int) -> list[tuple[int, int]]:
    return [(promoters, detractors) for promoters in range(n + 1) for detractors in range(n - promoters + 1)]


@pytest.mark.parametrize(("n_before", "n_after"), [(MINIMUM_N_FOR_VERDICT, MINIMUM_N_FOR_VERDICT), (5, 10), (10, 10)])
def test_false_claims_stay_near_five_in_a_hundred(n_before: int, n_after: int) -> None:
    """Both groups from the same population: every possible pair of groups, weighed with its exact probability."""
    before, after = _groups(n_before), _groups(n_after)
    claims = [
        (was, now)
        for was, now in product(before, after)
        if effect(ScoreKind.NPS, Tally(n_before, 0, 0, *was), Tally(n_after, 0, 0, *now)).verdict
        is not Verdict.NO_EVIDENCE_YET
    ]
    for p, d in [(0.5, 0.2), (0.3, 0.3), (0.8, 0.05), (0.1, 0.6), (0.45, 0.45), (0.05, 0.05), (0.2, 0.7), (0.5, 0.5)]:

        def chance(n: int, group: tuple[int, int], p: float = p, d: float = d) -> float:
            promoters, detractors = group
            ways = comb(n, promoters) * comb(n - promoters, detractors)
            return float(ways * p**promoters * d**detractors * (1 - p - d) ** (n - promoters - detractors))

        chances_before = {group: chance(n_before, group) for group in before}
        chances_after = {group: chance(n_after, group) for group in after}
        false_claims = sum(chances_before[was] * chances_after[now] for was, now in claims)
        assert false_claims <= 0.065, (p, d, false_claims)
