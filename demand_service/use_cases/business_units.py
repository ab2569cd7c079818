"""Business units and their goals. A goal is part of its unit: each change of one is a new version of the unit."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain import goal as goal_rules
from demand_service.domain.business_unit import require_tree
from demand_service.events import BusinessUnitChanged, BusinessUnitCreated
from demand_service.schemas import BusinessUnitCreate, BusinessUnitPatch, GoalCreate, GoalPatch
from demand_service.tables import BusinessUnit, BusinessUnitExternalId, Goal
from services.errors import Conflict, Fault, Invalid, NotFound
from services.events import record
from services.http import ExternalId, check_version
from services.identity import Units
from services.ids import uuid7


class BusinessUnitNotFound(NotFound): ...


class GoalNotFound(NotFound): ...


class ParentNotFound(Invalid): ...


class ExternalIdTaken(Conflict): ...


class ExternalIdDoubled(Invalid): ...


class GoalNameTaken(Conflict): ...


async def business_unit(session: AsyncSession, business_unit_id: UUID, *, units: Units) -> BusinessUnit:
    """Raises BusinessUnitNotFound, or BusinessUnitOutOfScope."""
    unit = await session.get(BusinessUnit, business_unit_id)
    if unit is None:
        raise BusinessUnitNotFound(f"there is no business unit {business_unit_id}")
    units.require(unit.id)
    return unit


async def create_business_unit(session: AsyncSession, body: BusinessUnitCreate, *, units: Units) -> BusinessUnit:
    units.require(body.parent_id, pointer="/parent_id")
    unit = BusinessUnit(
        name=body.name,
        parent_id=None,
        cost_centre=body.cost_centre,
        headcount=body.headcount,
        external_ids=[],
        goals=[],
    )
    await _put_under(session, unit, body.parent_id)
    await _go_by(session, unit, body.external_ids)
    session.add(unit)
    record(session, unit, BusinessUnitCreated)
    return unit


async def change_business_unit(
    session: AsyncSession,
    business_unit_id: UUID,
    body: BusinessUnitPatch,
    *,
    units: Units,
    if_match: frozenset[int] | None,
) -> BusinessUnit:
    unit = await business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    for name in body.model_fields_set - {"external_ids", "parent_id"}:
        setattr(unit, name, getattr(body, name))
    if "parent_id" in body.model_fields_set and body.parent_id != unit.parent_id:
        units.require(body.parent_id, pointer="/parent_id")
        await _put_under(session, unit, body.parent_id)
    if body.external_ids is not None:
        await _go_by(session, unit, body.external_ids)
    record(session, unit, BusinessUnitChanged)
    return unit


async def set_goal(
    session: AsyncSession, business_unit_id: UUID, body: GoalCreate, *, units: Units, if_match: frozenset[int] | None
) -> tuple[BusinessUnit, Goal]:
    unit = await business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    goal_rules.direction(body.name, baseline=body.baseline, target=body.target)
    _require_free_name(unit, body.name)
    goal = Goal(id=uuid7(), business_unit_id=unit.id, **dict(body))
    unit.goals.append(goal)
    record(session, unit, BusinessUnitChanged)
    return unit, goal


async def change_goal(
    session: AsyncSession,
    business_unit_id: UUID,
    goal_id: UUID,
    body: GoalPatch,
    *,
    units: Units,
    if_match: frozenset[int] | None,
) -> tuple[BusinessUnit, Goal]:
    unit = await business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    goal = next((goal for goal in unit.goals if goal.id == goal_id), None)
    if goal is None:
        raise GoalNotFound(f"business unit {business_unit_id} has no goal {goal_id}")
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    values: dict[str, Any] = {"name": goal.name, "baseline": goal.baseline, "target": goal.target} | changes
    goal_rules.direction(values["name"], baseline=values["baseline"], target=values["target"])
    if values["name"] != goal.name:
        _require_free_name(unit, values["name"])
    for name, value in changes.items():
        setattr(goal, name, value)
    record(session, unit, BusinessUnitChanged)
    return unit, goal


def _require_free_name(unit: BusinessUnit, name: str) -> None:
    if any(goal.name == name for goal in unit.goals):
        raise GoalNameTaken(
            f"business unit {unit.name!r} already has a goal {name!r}", faults=[Fault("/name", "is taken")]
        )


async def _put_under(session: AsyncSession, unit: BusinessUnit, parent_id: UUID | None) -> None:
    """Move the unit, holding everything above its new place still: two moves at once could close a circle together."""
    above = await queries.units_above(session, parent_id, lock=True)
    if parent_id is not None and not above:
        raise ParentNotFound(
            f"there is no business unit {parent_id} to be the parent", faults=[Fault("/parent_id", "does not exist")]
        )
    require_tree(
        unit.id,
        parent_id,
        parents={step.id: step.parent_id for step in above},
        names={step.id: step.name for step in [unit, *above]},
    )
    unit.parent_id = parent_id


async def _go_by(session: AsyncSession, unit: BusinessUnit, external_ids: list[ExternalId]) -> None:
    wanted = {(external.system, external.id) for external in external_ids}
    if len(wanted) < len(external_ids):
        raise ExternalIdDoubled(
            "an external id is given more than once", faults=[Fault("/external_ids", "holds the same one twice")]
        )
    taken = await queries.holders_of(session, wanted, but=unit.id)
    for (system, external), holder in taken.items():
        raise ExternalIdTaken(
            f"{system}:{external} is business unit {holder} already",
            faults=[Fault("/external_ids", f"{system}:{external} is taken")],
        )
    kept = {(row.system, row.id): row for row in unit.external_ids}
    unit.external_ids = [
        kept.get(pair) or BusinessUnitExternalId(system=pair[0], id=pair[1], business_unit_id=unit.id)
        for pair in sorted(wanted)
    ]
