"""Approval policies as data: read, and put by their key."""

from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.approval import BudgetState, Outcome, Policy, Rule, check_rules
from demand_service.domain.funnel import DemandKind
from demand_service.schemas import PolicyPut
from demand_service.tables import ApprovalPolicy
from services.db import touch
from services.errors import Fault, NotFound
from services.http import check_version
from services.http.etags import IfMatchMissing

W = TypeVar("W", bound=StrEnum)


class PolicyNotFound(NotFound): ...


async def policy(session: AsyncSession, key: str) -> ApprovalPolicy:
    found = await queries.policy_of_key(session, key)
    if found is None:
        raise PolicyNotFound(f"there is no approval policy {key!r}")
    return found


async def put_policy(
    session: AsyncSession, key: str, body: PolicyPut, *, if_match: frozenset[int] | None, conditional: bool
) -> tuple[ApprovalPolicy, bool]:
    """Create the policy `key` or replace it; True if it is new. The same content again changes nothing.

    Raises IfMatchMissing where it would replace one without a condition, VersionIsStale, RuleNotPossible.
    """
    content = body.model_dump(mode="json")
    check_rules(rules_of(content["rules"]))
    policy = await queries.policy_of_key(session, key)
    if policy is None:
        policy = ApprovalPolicy(key=key, **content)
        session.add(policy)
        touch(policy)
        return policy, True
    check_version(policy, if_match)
    if all(getattr(policy, name) == value for name, value in content.items()):
        return policy, False
    if not conditional:
        raise IfMatchMissing(
            f"policy {key!r} exists: send If-Match with its ETag to replace it",
            faults=[Fault("If-Match", "is missing")],
        )
    for name, value in content.items():
        setattr(policy, name, value)
    touch(policy)
    return policy, False


def policy_of(row: ApprovalPolicy) -> Policy:
    return Policy(row.key, rules_of(row.rules))


def rules_of(rules: list[dict[str, Any]]) -> tuple[Rule, ...]:
    """Rules as they are kept (JSON) into rules as the domain asks them."""
    return tuple(
        Rule(
            rule["name"],
            Outcome(rule["outcome"]),
            kinds=_words(DemandKind, rule["kinds"]),
            budget_states=_words(BudgetState, rule["budget_states"]),
            amount_at_most=None
            if rule["amount_at_most"] is None
            else {currency: Decimal(limit) for currency, limit in rule["amount_at_most"].items()},
        )
        for rule in rules
    )


def _words(kind: type[W], words: list[str] | None) -> frozenset[W] | None:
    return None if words is None else frozenset(kind(word) for word in words)
