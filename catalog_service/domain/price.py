"""Which of an offering's prices a business unit gets, by the same rule as pricing itself (pricing's domain/plan.py).

Of the price plan versions in force, the one for the closest audience counts, then the latest, then the newer.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID


class PlanVersion(Protocol):
    """As much of one as the choice needs; `audience` holds ids of business units, or none where it is for all."""

    effective_from: datetime
    plan_version: int
    audience: list[str]


P = TypeVar("P", bound=PlanVersion)


def specificity(audience: Collection[str], path: Sequence[UUID]) -> int | None:
    """How close an audience is to a business unit: 0 where it is for all, None where the unit is not in it.

    `path` leads from the topmost unit down to the one at hand; an audience holds units and all below them.
    """
    if not audience:
        return 0
    return max((depth for depth, unit in enumerate(path, 1) if str(unit) in audience), default=None)


def in_force(versions: Iterable[P], path: Sequence[UUID], now: datetime) -> P | None:
    """The version that a new subscription of the unit at the end of `path` gets; an empty path: the price for all."""
    started = [
        (close, version.effective_from, version.plan_version, version)
        for version in versions
        if version.effective_from <= now and (close := specificity(version.audience, path)) is not None
    ]
    return max(started, key=lambda each: each[:3])[3] if started else None
