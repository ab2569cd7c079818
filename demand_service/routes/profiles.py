"""The history of the unit tree, moves, profiles and what was measured of goals, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Response

from demand_service import queries
from demand_service.domain.profile import FactKind
from demand_service.routes.business_units import Keeper, Reader
from demand_service.schemas import (
    BusinessUnitRead,
    Confirmation,
    FactBody,
    FactRead,
    GoalProgress,
    MeasurementBody,
    Move,
    PlacementRead,
    ProfileRead,
    UnitUpsert,
)
from demand_service.tables import BusinessUnit, ProfileFact
from demand_service.use_cases import business_units, profiles, unit_tree
from services.http import (
    Api,
    Etag,
    IfMatch,
    Now,
    Page,
    Paging,
    ReadSession,
    RequiredIfMatch,
    WriteSession,
    check_version,
    paginate,
)
from services.identity import UnitScope

router = Api(prefix="/v1", tags=["Business units"])

System = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]+$", max_length=60, description="As in hr", examples=["hr"])]
Identifier = Annotated[str, Path(pattern=r"^[^\x00-\x1f]+$", max_length=200, examples=["BU-0042"])]


@router.put(
    "/business-units/by-external-id/{system}/{identifier:path}",
    response_model=BusinessUnitRead,
    responses={201: {"model": BusinessUnitRead, "description": "It is new"}},
    summary="Create or change a business unit by its external id",
    openapi_extra={"x-upsert": True},
)
async def upsert_business_unit(
    system: System,
    identifier: Identifier,
    body: UnitUpsert,
    response: Response,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Keeper,
    units: UnitScope,
) -> BusinessUnit:
    """201 if it is new, else 200; what the body leaves out stays as it is, and external ids are added."""
    unit, new = await business_units.upsert_business_unit(
        session, (system, identifier), body, units=units, if_match=if_match, now=now
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/business-units/{unit.id}"
    return etag(unit)


@router.get(
    "/business-units/{business_unit_id}/history",
    response_model=list[PlacementRead],
    summary="Read where a business unit stood",
)
async def read_history(
    business_unit_id: UUID, session: ReadSession, principal: Reader, units: UnitScope
) -> list[dict[str, Any]]:
    """Its parents with their days and reasons, the earliest first; planned and refused moves as well."""
    unit = await business_units.business_unit(session, business_unit_id, units=units)
    return await unit_tree.history(session, unit)


@router.post("/business-units/{business_unit_id}/move", response_model=BusinessUnitRead, summary="Move a business unit")
async def move_business_unit(
    business_unit_id: UUID,
    body: Move,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Keeper,
    units: UnitScope,
) -> BusinessUnit:
    """At once, or on a later day: until then the business unit answers as it stands, and its history has the plan."""
    unit = await business_units.business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    units.require(body.parent_id, pointer="/parent_id")
    return etag(await unit_tree.move(session, unit, body, now=now))


@router.get("/business-units/{business_unit_id}/profile", response_model=ProfileRead, summary="Read a profile")
async def read_profile(
    business_unit_id: UUID, session: ReadSession, principal: Reader, units: UnitScope, now: Now
) -> dict[str, Any]:
    """Operations, processes and goals, each with source and last confirmation; goals with status and measurements."""
    unit = await business_units.business_unit(session, business_unit_id, units=units)
    return await profiles.profile(session, unit, now=now)


@router.post(
    "/business-units/{business_unit_id}/profile-facts",
    response_model=FactRead,
    status_code=201,
    summary="Add a fact to a profile",
)
async def keep_fact(
    business_unit_id: UUID,
    body: FactBody,
    session: WriteSession,
    now: Now,
    etag: Etag,
    principal: Keeper,
    units: UnitScope,
) -> ProfileFact:
    """A headcount, site, system or process, with its source. Goals are added as goals and are facts by themselves."""
    unit = await business_units.business_unit(session, business_unit_id, units=units)
    return etag(await profiles.keep_fact(session, unit, body, now=now))


@router.get("/profile-facts", response_model=Page[FactRead], summary="List profile facts")
async def list_facts(
    session: ReadSession,
    paging: Paging,
    now: Now,
    principal: Reader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    kind: FactKind | None = None,
    stale: Annotated[bool | None, Query(description="Not confirmed within the review interval")] = None,
) -> Page[Any]:
    """Of the caller's business units and those below them."""
    query = queries.profile_facts(units, business_unit_id=business_unit_id, kind=kind, stale=stale, today=now.date())
    return await paginate(session, query, ProfileFact.id, paging)


@router.get("/profile-facts/{fact_id}", response_model=FactRead, summary="Read a profile fact")
async def read_fact(
    fact_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> ProfileFact:
    """With source, last confirmation and review interval."""
    return etag(await profiles.profile_fact(session, fact_id, units=units))


@router.put("/profile-facts/{fact_id}", response_model=FactRead, summary="Replace a profile fact")
async def replace_fact(
    fact_id: UUID,
    body: FactBody,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Keeper,
    units: UnitScope,
) -> ProfileFact:
    """The kind stays. A goal is changed as a goal."""
    return etag(await profiles.replace_fact(session, fact_id, body, units=units, if_match=if_match, now=now))


@router.post("/profile-facts/{fact_id}/confirm", response_model=FactRead, summary="Confirm a profile fact")
async def confirm_fact(
    fact_id: UUID,
    body: Confirmation,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Keeper,
    units: UnitScope,
) -> ProfileFact:
    """It still holds: its review interval begins anew."""
    return etag(await profiles.confirm_fact(session, fact_id, body, units=units, if_match=if_match, now=now))


@router.delete("/profile-facts/{fact_id}", status_code=204, summary="Remove a profile fact")
async def remove_fact(
    fact_id: UUID, session: WriteSession, if_match: RequiredIfMatch, principal: Keeper, units: UnitScope
) -> None:
    """It no longer holds; its audit records stay."""
    await profiles.remove_fact(session, fact_id, units=units, if_match=if_match)


@router.post(
    "/business-units/{business_unit_id}/goals/{goal_id}/measurements",
    response_model=GoalProgress,
    status_code=201,
    summary="Measure a goal",
)
async def measure_goal(
    business_unit_id: UUID,
    goal_id: UUID,
    body: MeasurementBody,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Keeper,
    units: UnitScope,
) -> dict[str, Any]:
    """Answers the goal with all its measurements. The ETag is the business unit's, of which the goal is a part."""
    unit = await business_units.business_unit(session, business_unit_id, units=units)
    check_version(unit, if_match)
    goal = business_units.goal_of(unit, goal_id)
    await profiles.measure(session, unit, goal, body, now=now)
    await session.flush()
    etag(unit)
    whole = await profiles.profile(session, unit, now=now)
    return next(one for one in whole["goals"] if one["id"] == goal_id)
