"""Inputs that are not said but derived: `{"from": "goal_due"}` in place of a number, on a scale from 1 to 10.

| source          | derives                                                             |
|-----------------|---------------------------------------------------------------------|
| `goal_due`      | how near the goal's due date is, on the day of scoring               |
| `goal_step`     | how far the goal's target lies from its baseline, as a share of it   |
| `budget_share`  | how much of its business unit's available budget the demand takes    |

A score that has such inputs is made anew when what they derive from changes.

    Invalid
    ├── SourceUnknown
    └── SourceMissing    the demand has no goal, no business case or no known budget to derive from
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.errors import Fault, Invalid

# The highest number whose limit is not passed: (at most this, gives that).
_DAYS = ((30, 10), (60, 9), (90, 8), (120, 7), (180, 6), (270, 5), (365, 4), (540, 3), (730, 2))
_STEP = ((Fraction(1, 20), 1), (Fraction(1, 10), 2), (Fraction(1, 5), 4), (Fraction(1, 3), 6), (Fraction(1, 2), 8))
_SHARE = ((Fraction(1, 100), 1), (Fraction(1, 20), 2), (Fraction(1, 10), 4), (Fraction(1, 4), 6), (Fraction(1, 2), 8))


class SourceUnknown(Invalid): ...


class SourceMissing(Invalid): ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a demand now; `cost` and `available` are in one currency."""

    today: date
    goal_due: date | None = None
    goal_baseline: Decimal | None = None
    goal_target: Decimal | None = None
    cost: Decimal | None = None
    available: Decimal | None = None


def is_derived(value: Any) -> bool:
    return isinstance(value, Mapping) and "from" in value


def has_derived(inputs: Mapping[str, Any]) -> bool:
    return any(is_derived(value) for value in inputs.values())


def resolve(inputs: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """The inputs with a number for each derived one. Raises SourceUnknown and SourceMissing."""
    return {name: _derive(name, value, facts) if is_derived(value) else value for name, value in inputs.items()}


def _derive(name: str, value: Mapping[str, Any], facts: Facts) -> str:
    at = f"/inputs/{name}/from"
    source = value["from"]
    if not isinstance(source, str) or source not in ("goal_due", "goal_step", "budget_share") or len(value) != 1:
        raise SourceUnknown(
            "there is no such source", faults=[Fault(at, "must be goal_due, goal_step or budget_share, alone")]
        )
    if source == "goal_due":
        if facts.goal_due is None:
            raise SourceMissing("the demand serves no goal", faults=[Fault(at, "needs the demand's goal_id")])
        days = (facts.goal_due - facts.today).days
        return str(next((gives for limit, gives in _DAYS if days <= limit), 1))
    if source == "goal_step":
        if facts.goal_baseline is None or facts.goal_target is None:
            raise SourceMissing("the demand serves no goal", faults=[Fault(at, "needs the demand's goal_id")])
        step = abs(Fraction(facts.goal_target) - Fraction(facts.goal_baseline))
        if facts.goal_baseline == 0:
            return "10"  # from nothing to something is the longest way there is
        share = step / abs(Fraction(facts.goal_baseline))
        return str(next((gives for limit, gives in _STEP if share <= limit), 10))
    if facts.cost is None or facts.available is None:
        raise SourceMissing(
            "a budget share needs the demand's business case and its unit's budget, in one currency",
            faults=[Fault(at, "needs a business case and a known budget")],
        )
    if facts.available <= 0:
        return "10"
    share = Fraction(facts.cost) / Fraction(facts.available)
    return str(next((gives for limit, gives in _SHARE if share <= limit), 10))
