"""Whom a campaign addresses: the business units that fit its audience and may ask for what it offers.

| line | fits |
|---|---|
| everyone | every business unit |
| business unit | it and all below it |
| capability | units one of whose processes, or which themselves, use the capability |
| goal | units with such a goal: all words in its name or metric, and in the status asked for |

Lines of one kind are alternatives; `match` says whether a unit must fit *all* the kinds that are given, or *any*.
Who fits is left out if no offering is left that the unit may ask for and, unless told otherwise, does not hold.
Roles are no matter of units: they decide who of an addressed unit is shown the campaign.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

MOST_LEVELS = 100  # of the tree of business units; deeper is a cycle


class Match(StrEnum):
    ALL = "all"
    ANY = "any"


class GoalStatus(StrEnum):
    ANY = "any"
    UNMET = "unmet"
    OVERDUE = "overdue"


class LeftOutWhy(StrEnum):
    NOT_ENTITLED = "not_entitled"
    SUBSCRIBED = "subscribed"


@dataclass(frozen=True, slots=True)
class Goal:
    """`current` is None as long as demand has not told of any progress."""

    name: str
    metric: str
    baseline: Decimal | None
    target: Decimal | None
    due: date | None
    current: Decimal | None = None

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Goal":
        """From the members of a kept goal, decimals and dates as text."""
        numbers = {name: kept.get(name) for name in ("baseline", "target", "current")}
        return cls(
            name=kept["name"],
            metric=kept["metric"],
            due=None if kept.get("due") is None else date.fromisoformat(kept["due"]),
            **{name: None if number is None else Decimal(number) for name, number in numbers.items()},
        )

    def met(self) -> bool:
        """Whether the metric has come as far as the target, on the side on which the baseline is not.

        Without a current value it stands at its baseline, from which a goal differs: then it is unmet.
        """
        if self.current is None or self.target is None or self.baseline is None:
            return False
        return self.current >= self.target if self.target > self.baseline else self.current <= self.target


@dataclass(frozen=True, slots=True)
class GoalLine:
    """All `words` occur in the goal's name or metric, whatever their case. `due_within_days` counts from today."""

    words: str
    status: GoalStatus = GoalStatus.UNMET
    due_within_days: int | None = None

    def fits(self, goal: Goal, *, today: date) -> bool:
        text = f"{goal.name} {goal.metric}".casefold()
        if not all(word in text for word in self.words.casefold().split()):
            return False
        if self.status is not GoalStatus.ANY and goal.met():
            return False
        if self.status is GoalStatus.OVERDUE and (goal.due is None or goal.due >= today):
            return False
        if self.due_within_days is None:
            return True
        return goal.due is not None and goal.due <= today + timedelta(days=self.due_within_days)


@dataclass(frozen=True, slots=True)
class Unit:
    """`capabilities` are the references that demand published (ids or names), in lower case."""

    id: UUID
    name: str
    parent_id: UUID | None = None
    goals: tuple[Goal, ...] = ()
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CapabilityLine:
    """`known_as`: the capability's id, name and external ids, in lower case."""

    name: str
    known_as: frozenset[str]


@dataclass(frozen=True, slots=True)
class Offered:
    """What may be asked for, and by whom: everyone, or (none: any unit) those units and all below them."""

    id: UUID
    everyone: bool
    unit_ids: frozenset[UUID] = frozenset()
    has_audience: bool = True


@dataclass(frozen=True, slots=True)
class Audience:
    match: Match = Match.ALL
    everyone: bool = False
    unit_ids: tuple[UUID, ...] = ()
    capabilities: tuple[CapabilityLine, ...] = ()
    goals: tuple[GoalLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Addressed:
    unit: Unit
    reasons: tuple[Reason, ...]
    offering_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    unit: Unit
    why: LeftOutWhy


@dataclass(frozen=True, slots=True)
class Selection:
    addressed: list[Addressed] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def left_out_by_reason(self) -> dict[LeftOutWhy, int]:
        return {why: sum(1 for out in self.left_out if out.why is why) for why in LeftOutWhy}


def select_units(
    audience: Audience,
    units: Mapping[UUID, Unit],
    offered: Sequence[Offered],
    *,
    holders: Iterable[tuple[UUID, UUID]],
    leave_out_subscribers: bool,
    today: date,
) -> Selection:
    """Who is addressed and why, in the order of names. `holders`: (unit, offering) of active subscriptions."""
    held = frozenset(holders) if leave_out_subscribers else frozenset()
    selection = Selection()
    for unit in sorted(units.values(), key=lambda unit: (unit.name.casefold(), unit.id)):
        path = path_of(unit, units)
        reasons = reasons_for(audience, unit, path, units, today=today)
        if not reasons:
            continue
        entitled = [offer.id for offer in offered if may_ask(offer, path)]
        wanted = tuple(offering for offering in entitled if (unit.id, offering) not in held)
        if wanted:
            selection.addressed.append(Addressed(unit, reasons, wanted))
        else:
            why = LeftOutWhy.SUBSCRIBED if entitled else LeftOutWhy.NOT_ENTITLED
            selection.left_out.append(LeftOut(unit, why))
    return selection


def path_of(unit: Unit, units: Mapping[UUID, Unit]) -> tuple[UUID, ...]:
    """The unit and those above it, as far as they are known; a cycle ends it."""
    path = [unit.id]
    parent = unit.parent_id
    while parent is not None and parent not in path and len(path) < MOST_LEVELS:
        path.append(parent)
        above = units.get(parent)
        parent = None if above is None else above.parent_id
    return tuple(path)


def may_ask(offer: Offered, path: Sequence[UUID]) -> bool:
    """Whether somebody of the unit at `path` may: role lines say which of its people, not whether any of them."""
    if offer.everyone:
        return True
    return offer.has_audience and (not offer.unit_ids or not offer.unit_ids.isdisjoint(path))


def reasons_for(
    audience: Audience, unit: Unit, path: Sequence[UUID], units: Mapping[UUID, Unit], *, today: date
) -> tuple[Reason, ...]:
    """Every line that the unit fits; none at all if it does not fit the audience."""
    kinds: list[list[Reason]] = []
    if audience.everyone:
        kinds.append([Reason("everyone", "every business unit is addressed")])
    if audience.unit_ids:
        kinds.append(
            [
                Reason("business_unit", _at_or_below(unit, line, units))
                for line in sorted(audience.unit_ids, key=str)
                if line in path
            ]
        )
    if audience.capabilities:
        kinds.append(
            [
                Reason("capability", f"uses the capability {line.name}")
                for line in audience.capabilities
                if not line.known_as.isdisjoint(unit.capabilities)
            ]
        )
    if audience.goals:
        kinds.append(
            [
                Reason("goal", _goal_words(goal))
                for goal in unit.goals
                if any(line.fits(goal, today=today) for line in audience.goals)
            ]
        )
    fits = all(kinds) if audience.match is Match.ALL else any(kinds)
    return tuple(reason for kind in kinds for reason in kind) if kinds and fits else ()


def _at_or_below(unit: Unit, line: UUID, units: Mapping[UUID, Unit]) -> str:
    above = units.get(line)
    return "is addressed itself" if unit.id == line else f"is below {above.name if above else line}"


def _goal_words(goal: Goal) -> str:
    at = goal.baseline if goal.current is None else goal.current
    numbers = "" if at is None or goal.target is None else f" from {at:f} to {goal.target:f}"
    due = "" if goal.due is None else f", due {goal.due.isoformat()}"
    return f"goal {goal.name!r} ({goal.metric}{numbers}{due}) is {'met' if goal.met() else 'unmet'}"
