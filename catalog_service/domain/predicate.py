"""A small language of checks over a service's facts, as data: no code runs, and nothing it says can fail to end.

    {"fact": "availability_target", "op": ">=", "value": "99.5"}
    {"fact": "state", "op": "in", "value": ["published", "pending_retirement"]}
    {"fact": "taxonomy", "op": "contains", "value": "<id>"}      {"fact": "nps", "op": "known"}
    {"all": [check, …]}   {"any": [check, …]}   {"not": check}

Three-valued (Kleene): a comparison with a fact that nobody knows is unknown, and so is what depends on it alone.

    all   failed if one failed, else unknown if one is unknown, else passed
    any   passed if one passed, else unknown if one is unknown, else failed
    not   passed ↔ failed; unknown stays unknown
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from catalog_service.domain.facts import FACTS, FactKind, Facts, FactValue
from services.errors import Fault

MOST_DEPTH = 8
MOST_PARTS = 100
MOST_VALUES = 100

_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_LARGEST_WHOLE = 10**15  # of a JSON number: beyond that other languages round it

OPERATORS: Mapping[FactKind, tuple[str, ...]] = {
    FactKind.BOOLEAN: ("==", "!=", "known"),
    FactKind.NUMBER: ("==", "!=", "<", "<=", ">", ">=", "known"),
    FactKind.TEXT: ("==", "!=", "in", "known"),
    FactKind.IDS: ("contains", "known"),
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda fact, values: fact in values,
    "contains": lambda fact, value: value in fact,
}


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


def faults_of(check: Any, pointer: str) -> list[Fault]:
    """Everything wrong with `check`, each with its place below `pointer`; empty if it can be saved."""
    faults: list[Fault] = []
    parts = 0
    waiting: list[tuple[Any, str, int]] = [(check, pointer, 1)]
    while waiting:
        part, where, depth = waiting.pop()
        parts += 1
        if parts > MOST_PARTS:
            faults.append(Fault(pointer, f"has more than {MOST_PARTS} parts"))
            break
        if depth > MOST_DEPTH:
            faults.append(Fault(where, f"is nested more than {MOST_DEPTH} deep"))
            continue
        if not isinstance(part, Mapping):
            faults.append(Fault(where, 'must be an object: {"fact", "op", "value"}, {"all"}, {"any"} or {"not"}'))
            continue
        form = [name for name in ("fact", "all", "any", "not") if name in part]
        if len(form) != 1:
            message = "must have exactly one of the members fact, all, any and not"
            faults.append(Fault(where, message))
        elif form[0] == "fact":
            faults.extend(_comparison_faults(part, where))
        else:
            name = form[0]
            faults.extend(_strangers(part, {name}, where))
            if name == "not":
                waiting.append((part["not"], f"{where}/not", depth + 1))
            elif not isinstance(part[name], list) or not part[name]:
                faults.append(Fault(f"{where}/{name}", "must be a list of at least one check"))
            else:
                inner = [
                    (each, f"{where}/{name}/{n}", depth + 1) for n, each in enumerate(part[name][: MOST_PARTS + 1])
                ]
                waiting.extend(reversed(inner))
    return faults


def evaluate(check: Mapping[str, Any], facts: Facts) -> Outcome:
    """The outcome of a check in which `faults_of` finds nothing. Never raises, whatever facts are missing."""
    if "not" in check:
        inner = evaluate(check["not"], facts)
        return {Outcome.PASSED: Outcome.FAILED, Outcome.FAILED: Outcome.PASSED}.get(inner, inner)
    for name, decides in (("all", Outcome.FAILED), ("any", Outcome.PASSED)):
        if name in check:
            outcomes = {evaluate(part, facts) for part in check[name]}
            if decides in outcomes:
                return decides
            if Outcome.UNKNOWN in outcomes:
                return Outcome.UNKNOWN
            return Outcome.PASSED if decides is Outcome.FAILED else Outcome.FAILED
    value, op = facts.get(check["fact"]), check["op"]
    if op == "known":
        return _of(value is not None)
    if value is None:
        return Outcome.UNKNOWN
    return _of(_COMPARE[op](value, wanted_of(FACTS[check["fact"]].kind, check["value"])))


def facts_in(check: Mapping[str, Any]) -> Iterator[str]:
    """The names of the facts that a saved check looks at, in its order, each as often as it stands there."""
    if "fact" in check:
        yield check["fact"]
    for part in (*check.get("all", ()), *check.get("any", ()), *([check["not"]] if "not" in check else ())):
        yield from facts_in(part)


def shown(value: FactValue) -> bool | str | list[str] | None:
    """A fact's value as JSON tells it: numbers as decimal strings, ids in order."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, frozenset):
        return sorted(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def wanted_of(kind: FactKind, value: Any) -> Any:
    """A saved value as it is compared."""
    if kind is FactKind.NUMBER:
        return Decimal(value)
    return str(UUID(value)) if kind is FactKind.IDS else value


def _of(holds: bool) -> Outcome:
    return Outcome.PASSED if holds else Outcome.FAILED


def _strangers(part: Mapping[str, Any], known: set[str], where: str) -> Iterator[Fault]:
    for name in part:
        if name not in known:
            escaped = str(name)[:60].replace("~", "~0").replace("/", "~1")
            yield Fault(f"{where}/{escaped}", "is not known here")


def _comparison_faults(part: Mapping[str, Any], where: str) -> Iterator[Fault]:
    yield from _strangers(part, {"fact", "op", "value"}, where)
    name, op = part["fact"], part.get("op")
    fact = FACTS.get(name) if isinstance(name, str) else None
    if fact is None:
        yield Fault(f"{where}/fact", f"{str(name)[:60]!r} is no fact; there are {', '.join(FACTS)}")
        return
    if "op" not in part or op not in OPERATORS[fact.kind]:
        yield Fault(f"{where}/op", f"{name} is a {fact.kind}, which is compared by {', '.join(OPERATORS[fact.kind])}")
        return
    if op == "known":
        if "value" in part:
            yield Fault(f"{where}/value", "known compares with nothing: leave the value out")
    elif "value" not in part:
        yield Fault(f"{where}/value", "is missing")
    elif (message := _value_fault(fact.kind, op, part["value"])) is not None:
        yield Fault(f"{where}/value", message)


def _value_fault(kind: FactKind, op: str, value: Any) -> str | None:
    match kind:
        case FactKind.BOOLEAN:
            return None if isinstance(value, bool) else "must be true or false"
        case FactKind.NUMBER:
            whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_WHOLE
            decimal = isinstance(value, str) and _DECIMAL.fullmatch(value)
            return None if whole or decimal else 'must be a decimal as a string ("99.5") or a whole number'
        case FactKind.TEXT if op == "in":
            fits = isinstance(value, list) and 0 < len(value) <= MOST_VALUES and all(map(_is_text, value))
            return None if fits else f"must be a list of 1 to {MOST_VALUES} strings of up to 200 characters"
        case FactKind.TEXT:
            return None if _is_text(value) else "must be a string of up to 200 characters"
        case FactKind.IDS:
            return None if _is_uuid(value) else "must be the id (a UUID) of one"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 45 and bool(UUID(value))
    except ValueError:
        return False
