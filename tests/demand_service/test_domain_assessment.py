"""Scores, cash flows, RAID and the portfolio: worked cases, refusals, and the optimum against brute force."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand_service.domain import raid
from demand_service.domain.cash_flow import Periods, Returns, TooFewFlows, rates_of_return, worth
from demand_service.domain.portfolio import Candidate, CandidateUnknown, Limits, NoSetFits
from demand_service.domain.scoring import MethodUnknown, score, two_places
from demand_service.domain.scoring.derived import Facts, SourceMissing, SourceUnknown, resolve
from demand_service.domain.stakeholder import approach
from demand_service.portfolio_solver import best_set
from services.errors import Invalid

WSJF = {"business_value": 8, "time_criticality": 6, "risk_reduction": 4, "job_size": 3}
RICE = {"reach": 2000, "impact": 2, "confidence": "0.8", "effort": 4}


@pytest.mark.parametrize(
    ("method", "inputs", "wanted"),
    [
        ("wsjf", WSJF, "6.00"),
        ("wsjf", WSJF | {"job_size": 8}, "2.25"),
        ("wsjf", WSJF | {"business_value": 0, "time_criticality": 0, "risk_reduction": 1, "job_size": 8}, "0.12"),
        ("rice", RICE, "800.00"),
        ("rice", RICE | {"confidence": 0.5}, "500.00"),
        ("rice", {"reach": "1", "impact": "1", "confidence": "0.015", "effort": "1"}, "0.02"),
        ("value_effort", {"value": 8, "effort": 3}, "2.67"),
        ("weighted", {"criteria": {"fit": {"weight": 3, "value": 8}, "risk": {"weight": 1, "value": 2}}}, "6.50"),
    ],
)
def test_worked_scores(method: str, inputs: dict[str, Any], wanted: str) -> None:
    assert str(score(method, inputs).rounded) == wanted


def test_halves_go_to_the_even_neighbour() -> None:
    assert [str(two_places(Fraction(n, 1000))) for n in (125, 135, 145, 155)] == ["0.12", "0.14", "0.14", "0.16"]


def test_the_four_corners() -> None:
    corners = [score("value_effort", {"value": v, "effort": e}).terms["quadrant"] for v in (8, 2) for e in (2, 8)]
    assert corners == ["quick_win", "big_bet", "fill_in", "time_sink"]


@pytest.mark.parametrize(
    ("inputs", "refusal", "pointer"),
    [
        (WSJF | {"job_size": 0}, "SizeIsZero", "/inputs/job_size"),
        (WSJF | {"job_size": "0.000"}, "SizeIsZero", "/inputs/job_size"),
        (WSJF | {"job_size": -1}, "InputNegative", "/inputs/job_size"),
        (WSJF | {"job_size": 10**10}, "InputTooLarge", "/inputs/job_size"),
        (WSJF | {"job_size": 10**4000}, "InputTooLarge", "/inputs/job_size"),
        (WSJF | {"job_size": "9" * 200}, "InputTooLarge", "/inputs/job_size"),
        (WSJF | {"job_size": 1e300}, "InputTooLarge", "/inputs/job_size"),
        (WSJF | {"job_size": "0.0000001"}, "InputTooLarge", "/inputs/job_size"),
        (WSJF | {"job_size": "three"}, "InputNotNumber", "/inputs/job_size"),
        (WSJF | {"job_size": True}, "InputNotNumber", "/inputs/job_size"),
        (WSJF | {"job_size": None}, "InputNotNumber", "/inputs/job_size"),
        (WSJF | {"job_size": float("nan")}, "InputNotNumber", "/inputs/job_size"),
        (WSJF | {"a/b": 1}, "InputUnknown", "/inputs/a~1b"),
        ({"job_size": 1}, "InputsMissing", "/inputs/business_value"),
    ],
)
def test_refused_inputs_are_named(inputs: dict[str, Any], refusal: str, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        score("wsjf", inputs)
    assert (type(refused.value).__name__, refused.value.faults[0].pointer) == (refusal, pointer)


def test_an_unknown_method_and_criteria_without_weight() -> None:
    with pytest.raises(MethodUnknown):
        score("moscow", {})
    with pytest.raises(Invalid, match="every weight is zero"):
        score("weighted", {"criteria": {"fit": {"weight": 0, "value": 8}}})


def test_derived_inputs() -> None:
    facts = Facts(date(2026, 11, 25), date(2027, 1, 10), Decimal(12), Decimal(9), Decimal(45), Decimal(100))
    sources = ("goal_due", "goal_step", "budget_share")
    assert resolve({name: {"from": name} for name in sources} | {"job_size": 3}, facts) == {
        "goal_due": "9", "goal_step": "6", "budget_share": "8", "job_size": 3,
    }  # fmt: skip
    with pytest.raises(SourceMissing):
        resolve({"a": {"from": "goal_due"}}, Facts(date(2026, 11, 25)))
    with pytest.raises(SourceUnknown):
        resolve({"a": {"from": ["x"]}}, facts)


def test_worth_of_a_worked_table() -> None:
    flows = [Decimal(n) for n in (-1000, 500, 400, 300)]
    found = worth(flows, rate=Decimal("0.10"), periods=Periods.YEAR, places=2)
    assert (str(found.npv), found.returns, str(found.irr)) == ("10.52", Returns.ONE, "0.106517")
    assert (str(found.payback), str(found.discounted_payback)) == ("2.33", "2.95")
    monthly = worth([Decimal(-1000), *[Decimal(100)] * 11], rate=Decimal("0.12"), periods=Periods.MONTH, places=2)
    assert (str(monthly.npv), str(monthly.rate_per_period)) == ("36.76", "0.010000000000")
    never = worth([Decimal(-10), Decimal(5)], rate=Decimal(0), periods=Periods.YEAR, places=2)
    assert (never.payback, str(never.irr)) == (None, "-0.500000")
    with pytest.raises(TooFewFlows):
        worth([Decimal(1)], rate=Decimal(0), periods=Periods.YEAR, places=2)


@pytest.mark.parametrize(
    ("flows", "roots", "returns"),
    [
        ((-4000, 25000, -25000), ["0.250000", "4.000000"], Returns.SEVERAL),  # Brealey, Myers and Allen
        ((1000, -3000, 2500), [], Returns.NONE),
        ((-100, 220, -121), ["0.100000"], Returns.ONE),  # a double root changes no sign
        ((1, 2), [], Returns.NONE),
    ],
)
def test_several_and_no_rates_of_return_are_said(flows: tuple[int, ...], roots: list[str], returns: Returns) -> None:
    found = worth([Decimal(flow) for flow in flows], rate=Decimal("0.1"), periods=Periods.YEAR, places=2)
    assert ([str(root) for root in found.roots], found.returns) == (roots, returns)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-90, 300), min_size=1, max_size=4, unique=True))
def test_every_rate_that_is_built_in_is_found(percents: list[int]) -> None:
    flows = [Fraction(1)]
    for percent in percents:  # times (v − 1 − percent), as a polynomial in v
        root = 1 + Fraction(percent, 100)
        flows = [a - root * b for a, b in zip([*flows, Fraction(0)], [Fraction(0), *flows], strict=True)]
    assert [int(rate * 100) for rate in rates_of_return(flows)] == sorted(percents)


def test_raid_moves_by_the_table() -> None:
    kind, state, step = raid.RaidKind, raid.RaidState, raid.RaidStep
    assert raid.advance(kind.RISK, state.OPEN, step.MITIGATE, outcome=None) is state.MITIGATING
    assert raid.advance(kind.DECISION, state.OPEN, step.DECIDE, outcome="build") is state.DECIDED
    with pytest.raises(raid.RaidStepNotAllowed, match="the action is done, which allows nothing more"):
        raid.advance(kind.ACTION, state.DONE, step.START, outcome=None)
    with pytest.raises(raid.OutcomeMissing):
        raid.advance(kind.ISSUE, state.OPEN, step.RESOLVE, outcome=None)
    with pytest.raises(raid.RatingOutOfPlace):
        raid.require_ratings(kind.ACTION, likelihood=1, impact=None)
    assert approach(5, 2) == "keep_satisfied"


_money = st.integers(0, 4000).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(_money, _money, st.integers(0, 20)), min_size=2, max_size=8),
    _money.map(lambda money: money * 2),
    st.integers(0, 60),
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=3),
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=3),
)
def test_the_optimum_is_that_of_brute_force(
    rows: list[tuple[Decimal, Decimal, int]],
    budget: Decimal,
    days: int,
    exclusions: set[tuple[int, int]],
    needs: set[tuple[int, int]],
) -> None:
    candidates = [Candidate(str(n), value, cost, {"dev": Decimal(d)}) for n, (value, cost, d) in enumerate(rows)]
    n = len(rows)
    apart = [(a, b) for a, b in exclusions if a < n and b < n and a != b]
    together = [(a, b) for a, b in needs if a < n and b < n and a != b]
    best = max(
        sum((row[0] for row, x in zip(rows, xs, strict=True) if x), Decimal(0))
        for xs in product((False, True), repeat=n)
        if sum(row[1] for row, x in zip(rows, xs, strict=True) if x) <= budget
        and sum(row[2] for row, x in zip(rows, xs, strict=True) if x) <= days
        and not any(xs[a] and xs[b] for a, b in apart)
        and all(xs[b] or not xs[a] for a, b in together)
    )
    limits = Limits(
        budget,
        {"dev": Decimal(days)},
        exclusions=tuple((str(a), str(b)) for a, b in apart),
        needs=tuple((str(a), str(b)) for a, b in together),
    )
    found = best_set(candidates, limits)
    assert (found.value, found.proven_optimal, found.bound) == (best, True, best)
    assert found == best_set(candidates[::-1], limits)  # the order in which they come decides nothing


def test_not_greedy_and_what_just_missed() -> None:
    dense = Candidate("dense", Decimal(60), Decimal(50))
    others = [Candidate("a", Decimal(55), Decimal(50)), Candidate("big", Decimal(110), Decimal(99))]
    found = best_set([dense, *others], Limits(Decimal(100)))
    assert (found.chosen, found.value) == (("a", "dense"), Decimal(115))
    assert (found.misses[0].id, found.misses[0].lacks) == ("big", {"budget": Decimal(99)})
    assert found.shadows[0].worth_per_unit > 1
    with pytest.raises(NoSetFits):
        best_set([dense, *others], Limits(Decimal(100), must=frozenset({"dense", "big"})))
    with pytest.raises(CandidateUnknown):
        best_set([dense], Limits(None, must=frozenset({"x"})))
