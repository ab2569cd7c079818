"""Business units and their goals. A goal is part of its unit: each change of one is a new version of the unit."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain import goal as goal_rules
from demand_service.domain.profile import FactKind
from demand_service.domain.unit_moves import MoveState
from demand_service.events import BusinessUnitChanged, BusinessUnitCreated, BusinessUnitData, BusinessUnitMoved
from demand_service.schemas import BusinessUnitCreate, BusinessUnitPatch, GoalCreate, GoalPatch, UnitUpsert
from demand_service.tables import BusinessUnit, BusinessUnitExternalId, Goal
from demand_service.use_cases import unit_tree
from demand_service.use_cases.profiles import new_fact, note_headcount
from services.errors import Conflict, Fault, Invalid, NotFound, PreconditionFailed
from services.events import record
from services.http import ExternalId, check_version
from services.identity import Units
from services.ids import uuid7


class BusinessUnitNotFound(NotFound): ...


class GoalNotFound(NotFound): ...


class NameNeeded(Invalid): ...


class NothingToMatch(PreconditionFailed): ...


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


async def create_business_unit(
    session: AsyncSession, body: BusinessUnitCreate, *, units: Units, now: datetime
) -> BusinessUnit:
    units.require(body.parent_id, pointer="/parent_id")
    unit = BusinessUnit(
        name=body.name,
        parent_id=None,
        cost_centre=body.cost_centre,
        headcount=body.headcount,
        external_ids=[],
        goals=[],
        facts=[],
    )
    await unit_tree.require_place(session, unit, body.parent_id)
    await _go_by(session, unit, body.external_ids)
    unit.parent_id = body.parent_id
    await settle_in(session, unit, now=now)
    return unit


async def settle_in(
    session: AsyncSession, unit: BusinessUnit, *, now: datetime, source: str = "the business unit's record"
) -> None:
    """Add a unit whose place was checked, with the first line of its history and of its profile."""
    session.add(unit)
    record(session, unit, BusinessUnitCreated)
    if unit.headcount is not None:
        note_headcount(unit, source=source, today=now.date())
    await session.flush()  # the unit before the row that refers to it
    session.add(unit_tree.placement(unit, unit.parent_id, on=now.date(), state=MoveState.APPLIED, reason=None))


async def change_business_unit(
    session: AsyncSession,
    business_unit_id: UUID,
    body: BusinessUnitPatch,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> BusinessUnit:
    unit = await business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    event: type[BusinessUnitData] = BusinessUnitChanged
    for name in body.model_fields_set - {"external_ids", "parent_id"}:
        setattr(unit, name, getattr(body, name))
    if "parent_id" in body.model_fields_set and body.parent_id != unit.parent_id:
        units.require(body.parent_id, pointer="/parent_id")
        await unit_tree.put_under(session, unit, body.parent_id, on=now.date())
        event = BusinessUnitMoved
    if "headcount" in body.model_fields_set:
        note_headcount(unit, source="the business unit's record", today=now.date())
    if body.external_ids is not None:
        await _go_by(session, unit, body.external_ids)
    record(session, unit, event)
    return unit


async def upsert_business_unit(
    session: AsyncSession,
    key: tuple[str, str],
    body: UnitUpsert,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> tuple[BusinessUnit, bool]:
    """The unit, and whether it is new. External ids are added, never taken away: the others are other systems'."""
    await unit_tree.alone_with_the_tree(session)  # of two first upserts by one id the second finds the unit
    unit = await queries.unit_known_as(session, *key)
    given = [ExternalId(system=key[0], id=key[1])]
    given += [external for external in body.external_ids if external != given[0]]
    if unit is None:
        if if_match is not None:
            raise NothingToMatch(f"no business unit is known as {key[0]}:{key[1]}, so that none has that version")
        if body.name is None:
            raise NameNeeded("a new business unit needs a name", faults=[Fault("/name", "is needed for a new one")])
        made = BusinessUnitCreate(**body.model_dump(exclude={"external_ids"}), external_ids=given)
        return await create_business_unit(session, made, units=units, now=now), True
    units.require(unit.id)
    sent = body.model_fields_set - {"external_ids"}
    if "name" in sent and body.name is None:
        raise NameNeeded("a business unit has a name", faults=[Fault("/name", "must not be null")])
    changes: dict[str, Any] = {name: getattr(body, name) for name in sent if getattr(body, name) != getattr(unit, name)}
    there = [ExternalId.model_validate(row) for row in unit.external_ids]
    added = [external for external in given if external not in there]
    if added:
        changes["external_ids"] = there + added
    check_version(unit, if_match)
    if changes:
        patch = BusinessUnitPatch(**changes)
        unit = await change_business_unit(session, unit.id, patch, units=units, if_match=if_match, now=now)
    return unit, False


async def set_goal(
    session: AsyncSession,
    business_unit_id: UUID,
    body: GoalCreate,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> tuple[BusinessUnit, Goal]:
    unit = await business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    goal_rules.direction(body.name, baseline=body.baseline, target=body.target)
    _require_free_name(unit, body.name)
    of_goal = body.model_dump(exclude={"source", "review_every_days"})
    goal = Goal(id=uuid7(), business_unit_id=unit.id, set_on=now.date(), current=None, measured_on=None, **of_goal)
    unit.goals.append(goal)
    await session.flush()  # the goal before the fact that refers to it
    today = now.date()
    new_fact(
        unit,
        FactKind.GOAL,
        goal.name,
        source=body.source,
        confirmed_on=today,
        review_every_days=body.review_every_days,
        today=today,
        goal_id=goal.id,
    )
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
    goal = goal_of(unit, goal_id)
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    values: dict[str, Any] = {"name": goal.name, "baseline": goal.baseline, "target": goal.target} | changes
    goal_rules.direction(values["name"], baseline=values["baseline"], target=values["target"])
    if values["name"] != goal.name:
        _require_free_name(unit, values["name"])
    for name, value in changes.items():
        setattr(goal, name, value)
    for fact in unit.facts:
        if fact.goal_id == goal.id:
            fact.name = goal.name
    record(session, unit, BusinessUnitChanged)
    return unit, goal


def goal_of(unit: BusinessUnit, goal_id: UUID) -> Goal:
    goal = next((goal for goal in unit.goals if goal.id == goal_id), None)
    if goal is None:
        raise GoalNotFound(f"business unit {unit.id} has no goal {goal_id}")
    return goal


def _require_free_name(unit: BusinessUnit, name: str) -> None:
    if any(goal.name == name for goal in unit.goals):
        raise GoalNameTaken(
            f"business unit {unit.name!r} already has a goal {name!r}", faults=[Fault("/name", "is taken")]
        )


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
