"""Approval: ordered rules, held as data, that say which demands need no person.

Policies are asked in their order, and within one its rules in theirs; the first rule that applies decides.
Where none applies a person decides: nothing is approved by accident. Each decision names its policy and its
rule and says why in a sentence.

    rule condition      applies when
    kinds               the demand's kind is among them
    budget_states       the quote found the budget in one of these states (none, enough, short)
    amount_at_most      there is a limit for the quote's currency and a year of it costs no more
    (not given)         always

    Invalid
    └── RuleNotPossible      names the rule and what is wrong with it
    Forbidden
    ├── OwnDemand            nobody approves their own
    └── OwnProposal          nor what they proposed for somebody else
    Conflict
    └── NothingToApprove     there is no quote in force, so policy has not been asked
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from demand_service.domain.funnel import DemandKind
from services.errors import Conflict, Fault, Forbidden, Invalid
from services.money import Money, UnknownCurrency, exponent


class Outcome(StrEnum):
    APPROVED = "approved"
    NEEDS_APPROVAL = "needs_approval"
    REJECTED = "rejected"


class BudgetState(StrEnum):
    NONE = "none"
    ENOUGH = "enough"
    SHORT = "short"


class RuleNotPossible(Invalid): ...


class OwnDemand(Forbidden): ...


class OwnProposal(Forbidden): ...


class NothingToApprove(Conflict): ...


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, all of which must hold, and what follows. None: that condition is not asked."""

    name: str
    outcome: Outcome
    kinds: frozenset[DemandKind] | None = None
    budget_states: frozenset[BudgetState] | None = None
    amount_at_most: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be decided. `annual_total` is what the quote costs in its first year."""

    kind: DemandKind
    budget_state: BudgetState
    annual_total: Money


@dataclass(frozen=True, slots=True)
class Decision:
    outcome: Outcome
    policy: str
    rule: str
    reason: str
    quote_id: UUID
    decided_by: str | None = None


# The rule's name in a decision that no rule made.
NO_RULE = "no rule applies"


def check_rules(rules: Sequence[Rule]) -> None:
    """Refuse rules that could never be right. Raises RuleNotPossible with a pointer to each fault."""
    faults = []
    names = [rule.name for rule in rules]
    for index, rule in enumerate(rules):
        at = f"/rules/{index}"
        if names.index(rule.name) < index:
            faults.append(Fault(f"{at}/name", f"{rule.name!r} is the name of an earlier rule"))
        if rule.outcome is Outcome.REJECTED:
            faults.append(Fault(f"{at}/outcome", "a policy approves or asks a person; it does not reject"))
        if rule.kinds is not None and not rule.kinds:
            faults.append(Fault(f"{at}/kinds", "is empty, so the rule can never apply; leave it out instead"))
        if rule.budget_states is not None and not rule.budget_states:
            faults.append(Fault(f"{at}/budget_states", "is empty, so the rule can never apply; leave it out instead"))
        if rule.amount_at_most is not None and not rule.amount_at_most:
            faults.append(Fault(f"{at}/amount_at_most", "is empty, so the rule can never apply; leave it out instead"))
        for currency, limit in (rule.amount_at_most or {}).items():
            try:
                exponent(currency)
            except UnknownCurrency as unknown:
                faults.append(Fault(f"{at}/amount_at_most/{currency}", unknown.detail))
            if not limit.is_finite() or limit < 0:
                faults.append(Fault(f"{at}/amount_at_most/{currency}", "must not be negative"))
    if faults:
        raise RuleNotPossible("the policy's rules cannot be applied as they are", faults=faults)


def evaluate(policies: Sequence[Policy], case: Case, *, quote_id: UUID) -> Decision:
    """What the first applicable rule says about `case`; a person decides where there is none."""
    passed_over: list[str] = []
    for policy in policies:
        for rule in policy.rules:
            holds, misses = _conditions(rule, case)
            if misses:
                passed_over.append(f"not by {rule.name!r}: {' and '.join(misses)}")
                continue
            reason = " and ".join(holds) or "the rule applies to every demand"
            if rule.outcome is Outcome.NEEDS_APPROVAL:
                reason = "; ".join([reason, *passed_over])
            return Decision(rule.outcome, policy.name, rule.name, reason, quote_id)
    name = policies[-1].name if policies else "no policy"
    reason = "; ".join(["no rule applies, so a person decides", *passed_over])
    return Decision(Outcome.NEEDS_APPROVAL, name, NO_RULE, reason, quote_id)


def decide_by_person(
    decision: Decision | None, outcome: Outcome, *, approver: str, requested_by: str, quote_in_force: UUID | None
) -> Decision:
    """The decision after `approver` (a person_id) has taken it over from the policy, which stays named on it.

    Raises OwnDemand if they asked for it themselves, NothingToApprove if no quote in force was put to policy.
    """
    require_other_person(approver, requested_by)
    if decision is None or decision.quote_id != quote_in_force:
        raise NothingToApprove("there is no quote in force to approve; propose the demand again for a new one")
    reason = f"{outcome} by an approver; policy asked for one: {decision.reason}"
    return Decision(outcome, decision.policy, decision.rule, reason, decision.quote_id, decided_by=approver)


def require_other_person(approver: str, requested_by: str) -> None:
    """Nobody decides on their own demand, whatever their roles. Raises OwnDemand."""
    if approver == requested_by:
        raise OwnDemand("nobody decides on a demand that they asked for themselves; another approver has to")


def require_other_than_proposer(approver: str, proposed_by: str | None) -> None:
    """Nobody approves the terms that they proposed last, whoever asked for them. Raises OwnProposal."""
    if approver == proposed_by:
        raise OwnProposal("nobody approves what they proposed themselves; another approver has to")


def _conditions(rule: Rule, case: Case) -> tuple[list[str], list[str]]:
    """The rule's conditions in words: those that hold, and those that do not."""
    holds: list[str] = []
    misses: list[str] = []
    if rule.kinds is not None:
        sentence = f"the kind is {case.kind}"
        (holds if case.kind in rule.kinds else misses).append(sentence)
    if rule.budget_states is not None:
        no_budget = case.budget_state is BudgetState.NONE
        sentence = "there is no budget" if no_budget else f"the budget is {case.budget_state}"
        (holds if case.budget_state in rule.budget_states else misses).append(sentence)
    if rule.amount_at_most is not None:
        amount, currency = case.annual_total.amount, case.annual_total.currency
        limit = rule.amount_at_most.get(currency)
        if limit is None:
            misses.append(f"there is no limit in {currency}")
        elif amount <= limit:
            holds.append(f"a year costs {amount:f} {currency}, at most the limit of {limit:f}")
        else:
            misses.append(f"a year costs {amount:f} {currency}, more than the limit of {limit:f}")
    return holds, misses
