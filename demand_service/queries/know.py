"""Reads of the unit tree's history, of profiles, promises and people."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.engagement import PromiseState
from demand_service.domain.profile import FactKind
from demand_service.domain.unit_moves import MoveState
from demand_service.tables import (
    BusinessUnit,
    BusinessUnitExternalId,
    Goal,
    GoalMeasurement,
    Meeting,
    Person,
    PersonExternalId,
    ProfileFact,
    Promise,
    UnitPlacement,
)
from services.identity import Units


async def placements_of(session: AsyncSession, business_unit_id: UUID) -> list[UnitPlacement]:
    query = select(UnitPlacement).where(UnitPlacement.business_unit_id == business_unit_id)
    return list((await session.scalars(query.order_by(UnitPlacement.effective_on, UnitPlacement.id))).all())


async def last_move_of(session: AsyncSession, business_unit_id: UUID) -> date | None:
    query = select(UnitPlacement.effective_on).where(
        UnitPlacement.business_unit_id == business_unit_id, UnitPlacement.state == MoveState.APPLIED
    )
    return (await session.scalars(query.order_by(UnitPlacement.effective_on.desc()).limit(1))).one_or_none()


async def unit_known_as(session: AsyncSession, system: str, external_id: str) -> BusinessUnit | None:
    query = select(BusinessUnit).join(BusinessUnitExternalId)
    query = query.where(BusinessUnitExternalId.system == system, BusinessUnitExternalId.id == external_id)
    return (await session.scalars(query)).one_or_none()


def profile_facts(
    units: Units, *, business_unit_id: UUID | None, kind: FactKind | None, stale: bool | None, today: date
) -> Select[Any]:
    query = select(ProfileFact)
    if units.visible is not None:
        query = query.where(ProfileFact.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(ProfileFact.business_unit_id == business_unit_id)
    if kind is not None:
        query = query.where(ProfileFact.kind == kind)
    if stale is not None:
        query = query.where(ProfileFact.stale_on <= today if stale else ProfileFact.stale_on > today)
    return query


async def measurements_of(session: AsyncSession, business_unit_id: UUID) -> dict[UUID, list[GoalMeasurement]]:
    """Of all goals of the business unit, each in the order of its days."""
    query = select(GoalMeasurement).join(Goal, Goal.id == GoalMeasurement.goal_id)
    query = query.where(Goal.business_unit_id == business_unit_id)
    found: dict[UUID, list[GoalMeasurement]] = {}
    for row in await session.scalars(query.order_by(GoalMeasurement.goal_id, GoalMeasurement.measured_on)):
        found.setdefault(row.goal_id, []).append(row)
    return found


def meetings(units: Units, *, business_unit_id: UUID | None) -> Select[Any]:
    query = select(Meeting)
    if units.visible is not None:
        query = query.where(Meeting.business_unit_id.in_(units.visible))
    return query if business_unit_id is None else query.where(Meeting.business_unit_id == business_unit_id)


def promises(
    units: Units,
    *,
    business_unit_id: UUID | None,
    owner_id: str | None,
    state: PromiseState | None,
    overdue: bool | None,
    today: date,
) -> Select[Any]:
    query = select(Promise)
    if units.visible is not None:
        query = query.where(Promise.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Promise.business_unit_id == business_unit_id)
    if owner_id is not None:
        query = query.where(Promise.owner_id == owner_id)
    if state is not None:
        query = query.where(Promise.state == state)
    if overdue is not None:
        late = (Promise.state == PromiseState.OPEN) & (Promise.due_on < today)
        query = query.where(late if overdue else ~late)
    return query


def people(units: Units, *, business_unit_id: UUID | None, system: str | None, external_id: str) -> Select[Any]:
    query = select(Person)
    if units.visible is not None:
        query = query.where(Person.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Person.business_unit_id == business_unit_id)
    if system is not None:
        query = query.join(PersonExternalId)
        query = query.where(PersonExternalId.system == system, PersonExternalId.id == external_id)
    return query
