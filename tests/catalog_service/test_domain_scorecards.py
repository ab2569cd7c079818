"""The language of checks: what can be saved, three-valued tables, never an error; and the ladder of levels."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import facts as facts_of
from catalog_service.domain import predicate, scorecard
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.facts import FACTS, FactKind
from catalog_service.domain.predicate import OPERATORS, Outcome

ID = "0192f0c1-7b00-7000-8000-000000000001"
PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN
# Checks of each outcome over FACTS_KNOWN.
FACTS_KNOWN: dict[str, Any] = {"capabilities": 3, "nps": None}
OF = {
    PASSED: {"fact": "capabilities", "op": ">=", "value": 3},
    FAILED: {"fact": "capabilities", "op": "<", "value": "3"},
    UNKNOWN: {"fact": "nps", "op": ">", "value": "0"},
}


def values(kind: FactKind, op: str) -> st.SearchStrategy[Any]:
    match kind:
        case FactKind.BOOLEAN:
            return st.booleans()
        case FactKind.NUMBER:
            return st.integers(-(10**15), 10**15) | st.decimals(min_value=-(10**20), max_value=10**20, places=5).map(
                lambda value: format(value, "f")
            )
        case FactKind.TEXT if op == "in":
            return st.lists(st.text(max_size=5), min_size=1, max_size=3)
        case FactKind.TEXT:
            return st.text(max_size=200)
        case FactKind.IDS:
            return st.uuids().map(str)


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(FACTS)))
    op = draw(st.sampled_from(OPERATORS[FACTS[name].kind]))
    check = {"fact": name, "op": op}
    return check if op == "known" else check | {"value": draw(values(FACTS[name].kind, op))}


CHECKS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


def fact_values(kind: FactKind) -> st.SearchStrategy[Any]:
    known: dict[FactKind, st.SearchStrategy[Any]] = {
        FactKind.BOOLEAN: st.booleans(),
        FactKind.NUMBER: st.integers() | st.decimals(allow_nan=False, allow_infinity=False),
        FactKind.TEXT: st.text(),
        FactKind.IDS: st.frozensets(st.uuids().map(str), max_size=3),
    }
    return st.none() | known[kind]


FACT_SETS = st.fixed_dictionaries({}, optional={name: fact_values(fact.kind) for name, fact in FACTS.items()})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(sorted(FACTS)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["fact", "op", "value", "all", "any", "not", "x/~"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(CHECKS, FACT_SETS)
def test_what_can_be_saved_never_raises(check: dict[str, Any], known: dict[str, Any]) -> None:
    if not predicate.faults_of(check, ""):
        assert predicate.evaluate(check, known) in Outcome
        assert {predicate.shown(known.get(name)) is None for name in predicate.facts_in(check)} <= {True, False}


@given(JSON, FACT_SETS)
def test_whatever_is_sent_is_either_refused_with_places_or_evaluated(check: Any, known: dict[str, Any]) -> None:
    faults = predicate.faults_of(check, "/rules/0/check")
    assert all(fault.pointer.startswith("/rules/0/check") for fault in faults)
    if not faults:
        predicate.evaluate(check, known)


@given(CHECKS, FACT_SETS)
def test_not_turns_passed_and_failed_and_leaves_unknown(check: dict[str, Any], known: dict[str, Any]) -> None:
    turned = {PASSED: FAILED, FAILED: PASSED, UNKNOWN: UNKNOWN}
    assert predicate.evaluate({"not": check}, known) is turned[predicate.evaluate(check, known)]


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (PASSED, PASSED, PASSED, PASSED),
        (PASSED, FAILED, FAILED, PASSED),
        (PASSED, UNKNOWN, UNKNOWN, PASSED),
        (FAILED, FAILED, FAILED, FAILED),
        (FAILED, UNKNOWN, FAILED, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_three_valued_tables(left: Outcome, right: Outcome, both: Outcome, either: Outcome) -> None:
    for pair in ([OF[left], OF[right]], [OF[right], OF[left]]):
        assert predicate.evaluate({"all": pair}, FACTS_KNOWN) is both
        assert predicate.evaluate({"any": pair}, FACTS_KNOWN) is either


@pytest.mark.parametrize(
    ("check", "known", "outcome"),
    [
        (
            {"fact": "availability_target", "op": ">=", "value": "99.5"},
            {"availability_target": Decimal("99.50")},
            PASSED,
        ),
        (
            {"fact": "availability_target", "op": "==", "value": "99.5"},
            {"availability_target": Decimal("99.50")},
            PASSED,
        ),
        ({"fact": "capabilities", "op": "!=", "value": 3}, {"capabilities": 3}, FAILED),
        ({"fact": "state", "op": "in", "value": ["draft", "published"]}, {"state": "published"}, PASSED),
        ({"fact": "state", "op": "!=", "value": "retired"}, {"state": "retired"}, FAILED),
        ({"fact": "has_owner", "op": "==", "value": False}, {"has_owner": False}, PASSED),
        ({"fact": "taxonomy", "op": "contains", "value": ID.upper()}, {"taxonomy": frozenset({ID})}, PASSED),
        ({"fact": "taxonomy", "op": "contains", "value": ID}, {"taxonomy": frozenset()}, FAILED),
        ({"fact": "nps", "op": "known"}, {"nps": None}, FAILED),
        ({"fact": "nps", "op": "known"}, {"nps": Decimal(0)}, PASSED),
        ({"fact": "nps", "op": "<", "value": "0"}, {}, UNKNOWN),
    ],
)
def test_comparisons(check: dict[str, Any], known: dict[str, Any], outcome: Outcome) -> None:
    assert predicate.faults_of(check, "") == []
    assert predicate.evaluate(check, known) is outcome


def nested(depth: int) -> dict[str, Any]:
    check: dict[str, Any] = OF[PASSED]
    for _ in range(depth - 1):
        check = {"not": check}
    return check


@pytest.mark.parametrize(
    ("check", "pointer", "message"),
    [
        ({"fact": "colour", "op": "==", "value": "red"}, "/fact", "'colour' is no fact"),
        ({"fact": ["nps"], "op": "known"}, "/fact", "is no fact"),
        ({"fact": "nps", "op": "in", "value": "3"}, "/op", "nps is a number"),
        ({"fact": "nps", "value": "3"}, "/op", "compared by"),
        ({"fact": "nps", "op": ["=="], "value": "3"}, "/op", "compared by"),
        ({"fact": "nps", "op": ">"}, "/value", "is missing"),
        ({"fact": "nps", "op": ">", "value": 3.5}, "/value", "must be a decimal as a string"),
        ({"fact": "nps", "op": ">", "value": True}, "/value", "must be a decimal as a string"),
        ({"fact": "nps", "op": ">", "value": 10**400}, "/value", "must be a decimal as a string"),
        ({"fact": "nps", "op": ">", "value": "NaN"}, "/value", "must be a decimal as a string"),
        ({"fact": "nps", "op": "known", "value": 3}, "/value", "leave the value out"),
        ({"fact": "has_owner", "op": "==", "value": "yes"}, "/value", "must be true or false"),
        ({"fact": "state", "op": "in", "value": []}, "/value", "must be a list of 1 to 100"),
        ({"fact": "state", "op": "==", "value": "x" * 201}, "/value", "up to 200 characters"),
        ({"fact": "taxonomy", "op": "contains", "value": "servers"}, "/value", "must be the id"),
        ({"fact": "nps", "op": "known", "x/y": 1}, "/x~1y", "is not known here"),
        ({"all": []}, "/all", "at least one"),
        ({"any": {}}, "/any", "at least one"),
        ({"all": [OF[PASSED], {"fact": "nps", "op": ">", "value": None}]}, "/all/1/value", "must be a decimal"),
        ({"not": "nps"}, "/not", "must be an object"),
        ({"all": [OF[PASSED]], "any": [OF[PASSED]]}, "", "exactly one"),
        ({}, "", "exactly one"),
        (nested(9), "/not" * 8, "more than 8 deep"),
        ({"all": [OF[PASSED]] * 101}, "", "more than 100 parts"),
    ],
)
def test_each_fault_is_named_where_it_is(check: Any, pointer: str, message: str) -> None:
    (fault,) = predicate.faults_of(check, "/rules/0/check")
    assert (fault.pointer, message in fault.message) == ("/rules/0/check" + pointer, True), fault


def test_faults_stand_in_the_order_of_the_document() -> None:
    wrong = {"all": [{"any": [{"fact": "a"}, {"fact": "b"}]}, {"fact": "c"}]}
    pointers = [fault.pointer for fault in predicate.faults_of(wrong, "")]
    assert pointers == ["/all/0/any/0/fact", "/all/0/any/1/fact", "/all/1/fact"]


def test_the_deepest_and_the_widest_are_still_taken() -> None:
    assert predicate.faults_of(nested(8), "") == []
    assert predicate.faults_of({"all": [OF[PASSED]] * 99}, "") == []


LEVELS = [{"key": key, "name": key} for key in ("bronze", "silver", "gold")]


def rule(level: str, outcome: Outcome, key: str = "r") -> dict[str, Any]:
    return {"key": f"{key}-{level}-{outcome}", "level": level, "title": "x", "check": OF[outcome]}


@pytest.mark.parametrize(
    ("outcomes", "level"),
    [
        ((PASSED, PASSED, PASSED), "gold"),
        ((PASSED, PASSED, FAILED), "silver"),
        ((PASSED, PASSED, UNKNOWN), "silver"),
        ((PASSED, FAILED, PASSED), "bronze"),
        ((PASSED, UNKNOWN, PASSED), "bronze"),
        ((FAILED, PASSED, PASSED), None),
        ((UNKNOWN, PASSED, PASSED), None),
    ],
)
def test_a_level_needs_all_rules_up_to_it(outcomes: tuple[Outcome, ...], level: str | None) -> None:
    rules = [rule(each["key"], outcome) for each, outcome in zip(LEVELS, outcomes, strict=True)]
    scorecard.check(LEVELS, rules, None)
    standing = scorecard.stand(LEVELS, rules, None, FACTS_KNOWN)
    assert (standing.applies, standing.level) == (True, level)
    assert tuple(each.outcome for each in standing.rules) == outcomes
    assert standing.count(UNKNOWN) == outcomes.count(UNKNOWN)
    for applies_to, applies in ((OF[PASSED], True), (OF[FAILED], False), (OF[UNKNOWN], False)):
        other = scorecard.stand(LEVELS, rules, applies_to, FACTS_KNOWN)
        assert (other.applies, other.level) == ((True, level) if applies else (False, None))


def test_a_rule_shows_the_facts_that_it_looked_at() -> None:
    check = {"any": [OF[UNKNOWN], {"not": {"fact": "taxonomy", "op": "contains", "value": ID}}]}
    rules = [{"key": "r", "level": "bronze", "title": "x", "check": check}]
    known = {"nps": None, "taxonomy": frozenset({ID})}
    (result,) = scorecard.stand(LEVELS[:1], rules, None, known).rules
    assert (result.outcome, result.facts) == (UNKNOWN, {"nps": None, "taxonomy": [ID]})


def test_all_faults_of_a_card_are_listed() -> None:
    levels = [{"key": "bronze"}, {"key": "bronze"}, {"key": "none"}]
    rules = [rule("bronze", PASSED), rule("bronze", PASSED), {"key": "x", "level": "gold", "check": {}}]
    with pytest.raises(scorecard.ScorecardInvalid) as refused:
        scorecard.check(levels, rules, {"fact": "x"})
    assert [fault.pointer for fault in refused.value.faults] == [
        "/levels/1/key",
        "/rules/1/key",
        "/levels/2/key",
        "/rules/2/level",
        "/rules/2/check",
        "/levels/2",
        "/applies_to/fact",
    ]


def test_targets_are_told_in_one_unit_and_the_weakest_counts() -> None:
    assert facts_of.in_unit(Decimal(36), "hours", "days") == Decimal("1.5")
    assert facts_of.in_unit(Decimal(2), "hours", "minutes") == 120
    assert facts_of.in_unit(Decimal("99.5"), "percent", "percent") == Decimal("99.5")
    assert facts_of.weakest(CommitmentKind.AVAILABILITY, [Decimal(99), Decimal("99.9")]) == 99
    assert facts_of.weakest(CommitmentKind.RTO, [Decimal(4), Decimal(8)]) == 8
    assert facts_of.weakest(CommitmentKind.RPO, []) is None


def test_the_documentation_lists_exactly_these_facts() -> None:
    page = (Path(__file__).parents[2] / "docs/catalogue/scorecards.md").read_text()
    page = page[page.index("## Facts") : page.index("## When")]
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("| `"): (row[1].strip(), row[2].strip(" |")) for row in rows if len(row) == 3}
    assert listed == {name: (str(fact.kind), fact.meaning) for name, fact in FACTS.items()}


def test_ids_are_compared_as_ids() -> None:
    assert predicate.wanted_of(FactKind.IDS, "{" + ID.upper() + "}") == str(UUID(ID))
