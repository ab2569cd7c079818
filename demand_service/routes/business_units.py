"""Business units and their goals, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from demand_service import queries
from demand_service.schemas import (
    BusinessUnitCreate,
    BusinessUnitPatch,
    BusinessUnitRead,
    GoalCreate,
    GoalPatch,
    GoalRead,
)
from demand_service.tables import BusinessUnit, Goal
from demand_service.use_cases import business_units
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Business units"])

Reader = Annotated[Principal, may(*Role)]
Keeper = Annotated[Principal, may(Role.DEMAND_LEADER, Role.INTEGRATION)]


@router.post("/business-units", response_model=BusinessUnitRead, status_code=201, summary="Add a business unit")
async def create_business_unit(
    body: BusinessUnitCreate, session: WriteSession, etag: Etag, principal: Keeper, units: UnitScope, now: Now
) -> BusinessUnit:
    """A business unit without a parent is added by who sees all business units."""
    return etag(await business_units.create_business_unit(session, body, units=units, now=now))


@router.get("/business-units", response_model=Page[BusinessUnitRead], summary="List business units")
async def list_business_units(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    external_id: Annotated[
        str | None,
        Query(pattern=r"^[A-Za-z0-9._-]+:[^\x00-\x1f]+$", max_length=261, description="system:id, as in hr:BU-0042"),
    ] = None,
) -> Page[Any]:
    """The caller's business units and those below them; or the one that another system knows by `external_id`."""
    system, _, known_as = (external_id or "").partition(":")
    query = queries.business_units(units, system=system or None, external_id=known_as)
    return await paginate(session, query, BusinessUnit.id, paging)


@router.get("/business-units/{business_unit_id}", response_model=BusinessUnitRead, summary="Read a business unit")
async def read_business_unit(
    business_unit_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> BusinessUnit:
    """With its goals and external ids."""
    return etag(await business_units.business_unit(session, business_unit_id, units=units))


@router.patch("/business-units/{business_unit_id}", response_model=BusinessUnitRead, summary="Change a business unit")
async def change_business_unit(
    business_unit_id: UUID,
    body: BusinessUnitPatch,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Keeper,
    units: UnitScope,
    now: Now,
) -> BusinessUnit:
    """What is sent changes; `parent_id` moves it, `external_ids` replaces them all. Never into its own descendants."""
    return etag(
        await business_units.change_business_unit(
            session, business_unit_id, body, units=units, if_match=if_match, now=now
        )
    )


@router.post("/business-units/{business_unit_id}/goals", response_model=GoalRead, status_code=201, summary="Set a goal")
async def set_goal(
    business_unit_id: UUID,
    body: GoalCreate,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    principal: Keeper,
    units: UnitScope,
    now: Now,
) -> Goal:
    """A goal needs a baseline and a different target. The ETag is the business unit's, of which it is a part."""
    unit, goal = await business_units.set_goal(session, business_unit_id, body, units=units, if_match=if_match, now=now)
    etag(unit)
    return goal


@router.patch("/business-units/{business_unit_id}/goals/{goal_id}", response_model=GoalRead, summary="Change a goal")
async def change_goal(
    business_unit_id: UUID,
    goal_id: UUID,
    body: GoalPatch,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Keeper,
    units: UnitScope,
) -> Goal:
    """What is sent changes. If-Match and ETag are the business unit's, of which the goal is a part."""
    unit, goal = await business_units.change_goal(
        session, business_unit_id, goal_id, body, units=units, if_match=if_match
    )
    etag(unit)
    return goal
