"""Goals of a business unit: what is measured, where it is, where it shall be, and by when.

Invalid
├── GoalWithoutBaseline    a goal that nobody measured before cannot be reached
├── GoalWithoutTarget
└── GoalStandsStill        baseline and target are the same
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.errors import Fault, Invalid


class GoalWithoutBaseline(Invalid): ...


class GoalWithoutTarget(Invalid): ...


class GoalStandsStill(Invalid): ...


class Direction(StrEnum):
    RISE = "rise"
    FALL = "fall"


def direction(name: str, *, baseline: Decimal | None, target: Decimal | None) -> Direction:
    """Which way the metric has to go. Both values are in the metric's own measure and may have any sign.

    Raises GoalWithoutBaseline, GoalWithoutTarget or GoalStandsStill; a goal that passes can be measured.
    """
    if baseline is None:
        raise GoalWithoutBaseline(
            f"goal {name!r} has no baseline", faults=[Fault("/baseline", "measure where the metric is today")]
        )
    if target is None:
        raise GoalWithoutTarget(f"goal {name!r} has no target", faults=[Fault("/target", "say where it shall be")])
    if baseline == target:
        raise GoalStandsStill(
            f"goal {name!r} has the baseline {baseline:f} for its target too",
            faults=[Fault("/target", "must differ from the baseline")],
        )
    return Direction.RISE if target > baseline else Direction.FALL


class GoalStatus(StrEnum):
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    MISSED = "missed"
    MET = "met"


AT_RISK_BELOW = Decimal("0.8")  # of the progress that an even pace would have made by today


def status(
    *, baseline: Decimal, target: Decimal, current: Decimal | None, set_on: date, due: date, today: date
) -> GoalStatus:
    """How a goal stands today, from its latest measurement (None: as if still at the baseline).

    met: the target is reached or passed. missed: not met, and the due date has passed. Otherwise the progress
    (current − baseline) ÷ (target − baseline) is held against an even pace from `set_on` to `due`: below 0.8 of it
    the goal is at risk. On its first day every goal is on track.
    """
    way = target - baseline
    done = (baseline if current is None else current) - baseline
    if way < 0:
        way, done = -way, -done
    if done >= way:
        return GoalStatus.MET
    if today > due:
        return GoalStatus.MISSED
    days, gone = max((due - set_on).days, 1), max((today - set_on).days, 0)
    return GoalStatus.ON_TRACK if done * days >= AT_RISK_BELOW * gone * way else GoalStatus.AT_RISK
