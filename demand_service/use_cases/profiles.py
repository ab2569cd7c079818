"""Profiles of business units: facts that are kept, confirmed and go stale, and what was measured of goals."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.profile import FactIsGoal, FactKind, stale_on
from demand_service.events import BusinessUnitChanged
from demand_service.schemas import Confirmation, FactBody, MeasurementBody
from demand_service.tables import BusinessUnit, Goal, GoalMeasurement, ProfileFact
from services import context
from services.errors import Conflict, Fault, Invalid, NotFound
from services.events import record
from services.http import check_version
from services.identity import Units


class ProfileFactNotFound(NotFound): ...


class FactNameTaken(Conflict): ...


class KindStays(Invalid): ...


class MeasuredInFuture(Invalid): ...


async def profile_fact(session: AsyncSession, fact_id: UUID, *, units: Units) -> ProfileFact:
    fact = await session.get(ProfileFact, fact_id)
    if fact is None:
        raise ProfileFactNotFound(f"there is no profile fact {fact_id}")
    units.require(fact.business_unit_id)
    return fact


async def keep_fact(session: AsyncSession, unit: BusinessUnit, body: FactBody, *, now: datetime) -> ProfileFact:
    today = now.date()
    _require_free_name(unit, body.kind, body.name, but=None)
    fact = new_fact(
        unit,
        body.kind,
        body.name,
        source=body.source,
        confirmed_on=body.confirmed_on or today,
        review_every_days=body.review_every_days,
        today=today,
        details=body.details.model_dump(mode="json"),
    )
    _take_over_headcount(unit, fact)
    record(session, unit, BusinessUnitChanged)
    await session.flush()
    return fact


async def replace_fact(
    session: AsyncSession,
    fact_id: UUID,
    body: FactBody,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> ProfileFact:
    fact = await profile_fact(session, fact_id, units=units)
    check_version(fact, if_match)
    _require_own(fact)
    if body.kind != fact.kind:
        raise KindStays(f"the fact is a {fact.kind}", faults=[Fault("/kind", f"must be {fact.kind}")])
    unit = await session.get_one(BusinessUnit, fact.business_unit_id)
    _require_free_name(unit, fact.kind, body.name, but=fact.id)
    fact.name, fact.details, fact.source = body.name, body.details.model_dump(mode="json"), body.source
    fact.review_every_days = body.review_every_days
    _confirm(fact, body.confirmed_on or now.date(), today=now.date())
    _take_over_headcount(unit, fact)
    record(session, unit, BusinessUnitChanged)
    return fact


async def confirm_fact(
    session: AsyncSession,
    fact_id: UUID,
    body: Confirmation,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> ProfileFact:
    """Nothing that others are told of changes: no event."""
    fact = await profile_fact(session, fact_id, units=units)
    check_version(fact, if_match)
    fact.source = body.source or fact.source
    fact.review_every_days = body.review_every_days or fact.review_every_days
    _confirm(fact, body.confirmed_on or now.date(), today=now.date())
    return fact


async def remove_fact(session: AsyncSession, fact_id: UUID, *, units: Units, if_match: frozenset[int] | None) -> None:
    fact = await profile_fact(session, fact_id, units=units)
    check_version(fact, if_match)
    _require_own(fact)
    unit = await session.get_one(BusinessUnit, fact.business_unit_id)
    unit.facts.remove(fact)
    record(session, unit, BusinessUnitChanged)


async def measure(
    session: AsyncSession, unit: BusinessUnit, goal: Goal, body: MeasurementBody, *, now: datetime
) -> Goal:
    """The latest day's value is the goal's current one; measuring a goal confirms its fact. Raises MeasuredInFuture."""
    on = body.measured_on or now.date()
    if on > now.date():
        raise MeasuredInFuture(
            f"nobody has measured on {on} yet", faults=[Fault("/measured_on", f"must be {now.date()} or earlier")]
        )
    await session.merge(
        GoalMeasurement(
            goal_id=goal.id,
            measured_on=on,
            value=body.value,
            source=body.source,
            person_id=context.current().actor_id,
        )
    )
    if goal.measured_on is None or on >= goal.measured_on:
        goal.current, goal.measured_on = body.value, on
    fact = next((fact for fact in unit.facts if fact.goal_id == goal.id), None)
    if fact is not None and on >= fact.confirmed_on:
        fact.source = body.source
        _confirm(fact, on, today=now.date())
    record(session, unit, BusinessUnitChanged)
    return goal


async def profile(session: AsyncSession, unit: BusinessUnit, *, now: datetime) -> dict[str, Any]:
    measured = await queries.measurements_of(session, unit.id)
    columns = ("id", "name", "metric", "baseline", "target", "due", "priority", "current", "measured_on", "status")
    return {
        "business_unit_id": unit.id,
        "facts": unit.facts,
        "goals": [
            {name: getattr(goal, name) for name in columns} | {"measurements": measured.get(goal.id, [])}
            for goal in sorted(unit.goals, key=lambda goal: (goal.priority, goal.id))
        ],
        "stale": sum(fact.stale_on <= now.date() for fact in unit.facts),
    }


def new_fact(
    unit: BusinessUnit,
    kind: FactKind,
    name: str,
    *,
    source: str,
    confirmed_on: date,
    review_every_days: int,
    today: date,
    details: dict[str, Any] | None = None,
    goal_id: UUID | None = None,
) -> ProfileFact:
    fact = ProfileFact(
        business_unit_id=unit.id,
        kind=kind,
        name=name,
        goal_id=goal_id,
        details=details or {},
        source=source,
        confirmed_on=confirmed_on,
        confirmed_by=context.current().actor_id,
        review_every_days=review_every_days,
        stale_on=stale_on(confirmed_on, review_every_days=review_every_days, today=today),
    )
    unit.facts.append(fact)
    return fact


def note_headcount(unit: BusinessUnit, *, source: str, today: date) -> None:
    """The unit's headcount is a fact of its profile too, whichever way it came in."""
    fact = next((fact for fact in unit.facts if fact.kind is FactKind.HEADCOUNT), None)
    if unit.headcount is None:
        if fact is not None:
            unit.facts.remove(fact)
    elif fact is None:
        details = {"value": unit.headcount}
        new_fact(
            unit,
            FactKind.HEADCOUNT,
            "Headcount",
            source=source,
            confirmed_on=today,
            review_every_days=90,
            today=today,
            details=details,
        )
    else:
        fact.details, fact.source = {"value": unit.headcount}, source
        _confirm(fact, today, today=today)


def _confirm(fact: ProfileFact, on: date, *, today: date) -> None:
    fact.stale_on = stale_on(on, review_every_days=fact.review_every_days, today=today)
    fact.confirmed_on, fact.confirmed_by = on, context.current().actor_id


def _take_over_headcount(unit: BusinessUnit, fact: ProfileFact) -> None:
    if fact.kind is FactKind.HEADCOUNT:
        unit.headcount = fact.details["value"]


def _require_own(fact: ProfileFact) -> None:
    if fact.kind is FactKind.GOAL:
        raise FactIsGoal("a goal is changed as a goal of its business unit", faults=[Fault("/kind", "is goal")])


def _require_free_name(unit: BusinessUnit, kind: FactKind, name: str, *, but: UUID | None) -> None:
    for fact in unit.facts:
        if fact.kind is kind and fact.id != but and (fact.name == name or kind is FactKind.HEADCOUNT):
            raise FactNameTaken(
                f"the profile already has the {kind} {fact.name!r}", faults=[Fault("/name", f"is fact {fact.id}")]
            )
