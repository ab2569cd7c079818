"""Policies: every outcome, always with the policy, the rule and a sentence that says why."""

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand_service.domain.approval import (
    NO_RULE,
    BudgetState,
    Case,
    Decision,
    NothingToApprove,
    Outcome,
    OwnDemand,
    Policy,
    Rule,
    RuleNotPossible,
    check_rules,
    decide_by_person,
    evaluate,
)
from demand_service.domain.funnel import DemandKind
from services.money import Money

QUOTE = UUID(int=1)
ALICE = "person-alice"
BOB = "person-bob"

SMALL = Rule(
    "small and budgeted",
    Outcome.APPROVED,
    budget_states=frozenset({BudgetState.ENOUGH}),
    amount_at_most={"USD": Decimal(5000), "EUR": Decimal(4500)},
)
CATALOGUE = Rule(
    "from the shelf", Outcome.APPROVED, kinds=frozenset({DemandKind.REQUEST}), amount_at_most={"USD": Decimal(500)}
)
SHORT = Rule("no money", Outcome.NEEDS_APPROVAL, budget_states=frozenset({BudgetState.SHORT}))
STANDARD = Policy("standard", (SHORT, CATALOGUE, SMALL))


def case(
    amount: str = "100",
    currency: str = "USD",
    budget: BudgetState = BudgetState.ENOUGH,
    kind: DemandKind = DemandKind.PROJECT,
) -> Case:
    return Case(kind, budget, Money(Decimal(amount), currency))


@pytest.mark.parametrize(
    ("asked", "outcome", "rule", "reason"),
    [
        (
            case("5000.00"),
            Outcome.APPROVED,
            "small and budgeted",
            "the budget is enough and a year costs 5000.00 USD, at most the limit of 5000",
        ),
        (
            case("1", kind=DemandKind.REQUEST, budget=BudgetState.NONE),
            Outcome.APPROVED,
            "from the shelf",
            "the kind is request and a year costs 1 USD, at most the limit of 500",
        ),
        (case("1", budget=BudgetState.SHORT), Outcome.NEEDS_APPROVAL, "no money", "the budget is short"),
        (
            case("5000.01"),
            Outcome.NEEDS_APPROVAL,
            NO_RULE,
            "no rule applies, so a person decides; not by 'no money': the budget is enough; "
            "not by 'from the shelf': the kind is project and a year costs 5000.01 USD, more than the limit of 500; "
            "not by 'small and budgeted': a year costs 5000.01 USD, more than the limit of 5000",
        ),
        (
            case("1", "CHF", kind=DemandKind.REQUEST),
            Outcome.NEEDS_APPROVAL,
            NO_RULE,
            "no rule applies, so a person decides; not by 'no money': the budget is enough; "
            "not by 'from the shelf': there is no limit in CHF; not by 'small and budgeted': there is no limit in CHF",
        ),
        (
            case("1", budget=BudgetState.NONE),
            Outcome.NEEDS_APPROVAL,
            NO_RULE,
            "no rule applies, so a person decides; not by 'no money': there is no budget; "
            "not by 'from the shelf': the kind is project; not by 'small and budgeted': there is no budget",
        ),
    ],
)
def test_the_first_rule_that_applies_decides_and_says_why(
    asked: Case, outcome: Outcome, rule: str, reason: str
) -> None:
    assert evaluate([STANDARD], asked, quote_id=QUOTE) == Decision(outcome, "standard", rule, reason, QUOTE)


def test_policies_are_asked_in_their_order() -> None:
    everything = Policy("generous", (Rule("all", Outcome.APPROVED),))
    assert evaluate([everything, STANDARD], case("9999999"), quote_id=QUOTE).policy == "generous"
    decision = evaluate([STANDARD, everything], case("9999999"), quote_id=QUOTE)
    assert (decision.policy, decision.rule, decision.reason) == ("generous", "all", "the rule applies to every demand")


def test_without_any_policy_a_person_decides() -> None:
    decision = evaluate([], case(), quote_id=QUOTE)
    assert (decision.outcome, decision.policy, decision.rule) == (Outcome.NEEDS_APPROVAL, "no policy", NO_RULE)


@given(st.decimals("0", "1e12", places=4), st.decimals("0", "1e12", places=4))
def test_a_limit_is_kept_to_the_last_digit(amount: Decimal, limit: Decimal) -> None:
    policy = Policy("p", (Rule("r", Outcome.APPROVED, amount_at_most={"USD": limit}),))
    outcome = evaluate(
        [policy], Case(DemandKind.PROJECT, BudgetState.NONE, Money(amount, "USD")), quote_id=QUOTE
    ).outcome
    assert (outcome is Outcome.APPROVED) == (amount <= limit)


def test_a_person_takes_the_decision_over_with_the_rule_that_asked_for_one() -> None:
    asked = evaluate([STANDARD], case(budget=BudgetState.SHORT), quote_id=QUOTE)
    decision = decide_by_person(asked, Outcome.APPROVED, approver=ALICE, requested_by=BOB, quote_in_force=QUOTE)
    assert (decision.outcome, decision.rule, decision.decided_by) == (Outcome.APPROVED, "no money", ALICE)
    assert decision.reason == "approved by an approver; policy asked for one: the budget is short"


def test_nobody_approves_their_own() -> None:
    asked = evaluate([STANDARD], case(budget=BudgetState.SHORT), quote_id=QUOTE)
    with pytest.raises(OwnDemand):
        decide_by_person(asked, Outcome.APPROVED, approver=BOB, requested_by=BOB, quote_in_force=QUOTE)


@pytest.mark.parametrize("in_force", [None, UUID(int=2)])
def test_there_is_nothing_to_approve_without_the_quote_that_policy_saw(in_force: UUID | None) -> None:
    asked = evaluate([STANDARD], case(budget=BudgetState.SHORT), quote_id=QUOTE)
    for decision in (None, asked):
        with pytest.raises(NothingToApprove, match="no quote in force"):
            decide_by_person(decision, Outcome.APPROVED, approver=ALICE, requested_by=BOB, quote_in_force=in_force)


def test_rules_that_could_never_apply_are_refused_with_a_pointer_each() -> None:
    check_rules(STANDARD.rules)
    with pytest.raises(RuleNotPossible) as refused:
        check_rules(
            [
                Rule("a", Outcome.REJECTED),
                Rule("a", Outcome.APPROVED, kinds=frozenset(), budget_states=frozenset(), amount_at_most={}),
                Rule("b", Outcome.APPROVED, amount_at_most={"usd": Decimal(1), "EUR": Decimal(-1)}),
            ]
        )
    assert [fault.pointer for fault in refused.value.faults] == [
        "/rules/0/outcome",
        "/rules/1/name",
        "/rules/1/kinds",
        "/rules/1/budget_states",
        "/rules/1/amount_at_most",
        "/rules/2/amount_at_most/usd",
        "/rules/2/amount_at_most/EUR",
    ]
