"""Goals of a business unit: what is measured, where it is, where it shall be, and by when.

Invalid
├── GoalWithoutBaseline    a goal that nobody measured before cannot be reached
├── GoalWithoutTarget
└── GoalStandsStill        baseline and target are the same
"""

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
