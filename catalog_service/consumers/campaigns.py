"""What campaigns are aimed by: demand's profiles of business units.

Demand publishes goals with baseline, target and due date today. A goal's `current` value, a unit's `capabilities`
and those of its `processes` are read as soon as they stand in the event; until then no unit uses a capability, and
a goal counts as unmet.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownUnitProfile
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class GoalSeen(EventSeen):
    name: str
    metric: str = ""
    baseline: Decimal | None = None
    target: Decimal | None = None
    current: Decimal | None = None
    due: date | None = None


class UnitProfileSeen(EventSeen):
    """What is not published yet is read whatever its shape: an event that others need too is not refused for it."""

    goals: list[GoalSeen] = Field(default_factory=list)
    capabilities: Any = None
    processes: Any = None


@consumers.projection("itaas.demand.business-unit.*", KnownUnitProfile)
async def know_profile(session: AsyncSession, event: Delivery[UnitProfileSeen], now: datetime) -> None:
    used = set(_references(event.data.capabilities))
    for process in event.data.processes if isinstance(event.data.processes, list) else ():
        if isinstance(process, Mapping):
            used.update(_references(process.get("capabilities")))
    goals = [goal.model_dump(mode="json") for goal in event.data.goals]
    await project(session, KnownUnitProfile, event, {"goals": goals, "capabilities": sorted(used)})


def _references(said: Any) -> Iterable[str]:
    """How capabilities are named in an event: by id or name, as text or as the members of an object."""
    for one in said if isinstance(said, list) else ():
        members = [one.get(key) for key in ("id", "capability_id", "name")] if isinstance(one, Mapping) else [one]
        for member in members:
            if isinstance(member, str) and member.strip():
                yield member.strip().casefold()
