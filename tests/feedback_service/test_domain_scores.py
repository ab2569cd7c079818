"""Scores: the formulas of the field, exact tallies, and intervals that hold what 95 % promises."""

from math import isclose, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_service.domain.scores import (
    SCALES,
    ScoreKind,
    ScoreOutOfRange,
    Tally,
    estimate,
    score,
    student_t,
    tally,
)

KINDS = st.sampled_from(ScoreKind)


def answers_of(kind: ScoreKind, min_size: int = 0) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(SCALES[kind].lowest, SCALES[kind].highest), min_size=min_size, max_size=60)


def test_nps_is_promoters_less_detractors_with_its_published_variance() -> None:
    answers = [10, 9, 9, 8, 7, 6, 3, 0, 10, 9]
    p, d, n = 0.5, 0.3, 10
    half = 1.959963984540054 * sqrt((p + d - (p - d) ** 2) / n)
    found = score(ScoreKind.NPS, tally(ScoreKind.NPS, answers))
    assert found.n == 10 and not found.withheld
    assert found.score == 20.0
    assert found.low is not None and isclose(found.low, 100 * (p - d - half))
    assert found.high is not None and isclose(found.high, 100 * (p - d + half))


def test_nps_interval_is_clipped() -> None:
    found = score(ScoreKind.NPS, tally(ScoreKind.NPS, [10, 10, 10, 8]))
    assert found.score == 75.0 and found.high == 100.0


def test_csat_is_the_share_of_fours_and_fives_with_a_wilson_interval() -> None:
    found = score(ScoreKind.CSAT, tally(ScoreKind.CSAT, [5, 4, 4, 5, 3, 4, 5, 1, 4, 5]))
    assert found.score == 80.0
    # Wilson 95 % for 8 of 10, as printed by R's prop.test(8, 10, correct = FALSE).
    assert found.low is not None and isclose(found.low, 49.01625, abs_tol=1e-4)
    assert found.high is not None and isclose(found.high, 94.33178, abs_tol=1e-4)


def test_ces_is_the_mean_with_students_t() -> None:
    found = score(ScoreKind.CES, tally(ScoreKind.CES, [5, 6, 7, 4, 6]))
    assert found.score == 5.6
    half = 2.7764451 * sqrt(1.3 / 5)
    assert found.low is not None and isclose(found.low, 5.6 - half, rel_tol=2e-3)
    assert found.high == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(2, 4.30265), (3, 3.18245), (5, 2.57058), (10, 2.22814), (30, 2.04227)]
)
def test_students_t_is_within_one_percent_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_t(degrees) == pytest.approx(quantile, rel=0.01)


def test_too_few_answers_are_withheld_but_counted() -> None:
    found = score(ScoreKind.NPS, tally(ScoreKind.NPS, [10, 9]))
    assert (found.n, found.score, found.low, found.high, found.withheld) == (2, None, None, None, True)
    assert not score(ScoreKind.NPS, tally(ScoreKind.NPS, [10, 9, 1])).withheld
    assert score(ScoreKind.NPS, Tally(), minimum_n=0).withheld
    assert score(ScoreKind.NPS, tally(ScoreKind.NPS, [9] * 9), minimum_n=10).withheld


def test_answers_that_agree_are_not_certainty() -> None:
    few = score(ScoreKind.NPS, tally(ScoreKind.NPS, [10] * 3))
    many = score(ScoreKind.NPS, tally(ScoreKind.NPS, [10] * 300))
    assert few.score == many.score == few.high == 100.0
    assert few.low is not None and many.low is not None
    assert few.low < 50 and 98 < many.low < 100


def test_answers_off_the_scale_are_named_one_by_one() -> None:
    with pytest.raises(ScoreOutOfRange) as refused:
        tally(ScoreKind.NPS, [10, 11, 3, -1])
    assert [fault.pointer for fault in refused.value.faults] == ["/responses/1", "/responses/3"]
    assert "0 to 10, not 11" in refused.value.faults[0].message


@given(st.data(), KINDS)
def test_tallies_add_up_in_any_order(data: st.DataObject, kind: ScoreKind) -> None:
    first, second = data.draw(answers_of(kind)), data.draw(answers_of(kind))
    together = tally(kind, first + second)
    assert tally(kind, first) + tally(kind, second) == together == tally(kind, second[::-1] + first[::-1])


@given(st.data(), KINDS)
def test_a_score_lies_inside_its_interval_and_its_range(data: st.DataObject, kind: ScoreKind) -> None:
    found = score(kind, tally(kind, data.draw(answers_of(kind, min_size=3))))
    scale = SCALES[kind]
    assert found.score is not None and found.low is not None and found.high is not None
    assert scale.score_low <= found.low <= found.score + 1e-9
    assert found.score - 1e-9 <= found.high <= scale.score_high
    assert found.low < found.high


@given(st.data(), KINDS)
def test_a_better_answer_never_lowers_the_score(data: st.DataObject, kind: ScoreKind) -> None:
    answers = data.draw(answers_of(kind, min_size=1))
    at = data.draw(st.integers(0, len(answers) - 1))
    better = answers.copy()
    better[at] = data.draw(st.integers(answers[at], SCALES[kind].highest))
    assert estimate(kind, tally(kind, better)).point >= estimate(kind, tally(kind, answers)).point - 1e-9


def test_intervals_cover_the_truth_about_95_times_in_100() -> None:
    """Simulation with a fixed seed: 5,000 surveys of 80 to 220 answers for each kind and two populations.

    The size varies since coverage of a share swings with n by a percent or so, however the interval is made.
    """
    populations = {
        ScoreKind.NPS: ([1, 1, 1, 1, 2, 2, 4, 10, 20, 28, 30], [6, 5, 5, 5, 9, 10, 10, 15, 15, 12, 8]),
        ScoreKind.CSAT: ([5, 10, 20, 40, 25], [20, 20, 25, 20, 15]),
        ScoreKind.CES: ([2, 3, 8, 20, 30, 22, 15], [25, 20, 15, 15, 10, 10, 5]),
    }
    random, surveys = Random(20261124), 5_000
    for kind, cases in populations.items():
        scale = SCALES[kind]
        values = range(scale.lowest, scale.highest + 1)
        for weights in cases:
            truth = estimate(
                kind, tally(kind, [v for v, weight in zip(values, weights, strict=True) for _ in range(weight)])
            )
            covered = 0
            for _ in range(surveys):
                found = estimate(kind, tally(kind, random.choices(values, weights, k=random.randint(80, 220))))
                covered += found.low <= truth.point <= found.high
            assert 0.94 <= covered / surveys <= 0.96, (kind, weights, covered / surveys)
