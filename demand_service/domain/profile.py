"""Facts of a business unit's profile: each has a source, a day on which it was last confirmed, a review interval.

Invalid
├── ConfirmedInFuture
└── FactIsGoal          a goal's fact is made, named and removed with its goal
"""

from datetime import date, timedelta
from enum import StrEnum

from services.errors import Fault, Invalid


class ConfirmedInFuture(Invalid): ...


class FactIsGoal(Invalid): ...


class FactKind(StrEnum):
    HEADCOUNT = "headcount"
    SITE = "site"
    SYSTEM = "system"
    PROCESS = "process"
    GOAL = "goal"


class Criticality(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def stale_on(confirmed_on: date, *, review_every_days: int, today: date) -> date:
    """The first day on which the fact is stale: the one after its review interval. Raises ConfirmedInFuture."""
    if confirmed_on > today:
        raise ConfirmedInFuture(
            f"nobody can have confirmed it on {confirmed_on} yet",
            faults=[Fault("/confirmed_on", f"must be {today} or earlier")],
        )
    return confirmed_on + timedelta(days=review_every_days + 1)
