"""Scorecards: a ladder of levels, and rules that belong to them.

A service stands on the highest level whose rules, and those of every level below it, have all passed; on none
(null) where the lowest level is not reached. There are no weights: points of one rule would make up for another that
was missed (ADR-0024). A rule that cannot be decided is `unknown`, which is told apart from `failed` but reaches no
level either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog_service.domain import predicate
from catalog_service.domain.facts import Facts
from catalog_service.domain.predicate import Outcome
from services.errors import Fault, Forbidden, Invalid

NO_LEVEL = "none"  # as a list of results can be asked for those that reach none


class ScorecardInvalid(Invalid): ...


class NotYourScorecard(Forbidden): ...


@dataclass(frozen=True, slots=True)
class RuleResult:
    key: str
    outcome: Outcome
    facts: dict[str, bool | str | list[str] | None]  # those that the rule looked at


@dataclass(frozen=True, slots=True)
class Standing:
    """`applies` is False where the card says that it is not for such a service; it then has no level and no rules."""

    applies: bool
    level: str | None
    rules: tuple[RuleResult, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(rule.outcome is outcome for rule in self.rules)


def check(
    levels: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]], applies_to: Mapping[str, Any] | None
) -> None:
    """Raises ScorecardInvalid with every fault of a card: keys twice, levels that are none, checks that say nothing."""
    faults = [*_twice(levels, "levels"), *_twice(rules, "rules")]
    known = [level["key"] for level in levels]
    if NO_LEVEL in known:
        faults.append(Fault(f"/levels/{known.index(NO_LEVEL)}/key", f"{NO_LEVEL} is the word for no level at all"))
    for index, rule in enumerate(rules):
        if rule["level"] not in known:
            message = f"{rule['level']!r} is none of the card's levels: {', '.join(known)}"
            faults.append(Fault(f"/rules/{index}/level", message))
        faults.extend(predicate.faults_of(rule["check"], f"/rules/{index}/check"))
    for index, level in enumerate(levels[1:], start=1):
        if not any(rule["level"] == level["key"] for rule in rules):
            faults.append(Fault(f"/levels/{index}", "no rule sets it apart from the level below"))
    if applies_to is not None:
        faults.extend(predicate.faults_of(applies_to, "/applies_to"))
    if faults:
        raise ScorecardInvalid(f"{faults[0].pointer}: {faults[0].message}", faults=faults)


def stand(
    levels: Sequence[Mapping[str, Any]],
    rules: Sequence[Mapping[str, Any]],
    applies_to: Mapping[str, Any] | None,
    facts: Facts,
) -> Standing:
    """Where a service with `facts` stands on a card in which `check` found nothing."""
    if applies_to is not None and predicate.evaluate(applies_to, facts) is not Outcome.PASSED:
        return Standing(applies=False, level=None, rules=())
    results = tuple(
        RuleResult(
            rule["key"],
            predicate.evaluate(rule["check"], facts),
            {name: predicate.shown(facts.get(name)) for name in predicate.facts_in(rule["check"])},
        )
        for rule in rules
    )
    missed = {
        rule["level"] for rule, result in zip(rules, results, strict=True) if result.outcome is not Outcome.PASSED
    }
    reached = None
    for level in levels:
        if level["key"] in missed:
            break
        reached = level["key"]
    return Standing(applies=True, level=reached, rules=results)


def _twice(parts: Sequence[Mapping[str, Any]], where: str) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for index, part in enumerate(parts):
        earlier = first.setdefault(part["key"], index)
        if earlier != index:
            faults.append(Fault(f"/{where}/{index}/key", f"is the key of /{where}/{earlier} too"))
    return faults
