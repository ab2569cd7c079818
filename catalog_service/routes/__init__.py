"""The catalogue over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query

from catalog_service import queries
from catalog_service.queries import sees_drafts
from services.http import Now, ReadSession
from services.identity import Principal, Role, may

__all__ = [
    "NO_NUL",
    "Designer",
    "ExternalIdFilter",
    "Identifier",
    "NarrowedSight",
    "Reader",
    "Sight",
    "System",
    "sees_drafts",
    "sees_figures",
]

Reader = Annotated[Principal, may(*Role)]
# PostgreSQL cannot compare with NUL, so that nothing could ever match it.
NO_NUL = r"^[^\x00]*$"
ExternalIdFilter = Annotated[str | None, Query(max_length=300, pattern=NO_NUL, description="`<system>:<id>`")]
# The external id of an upsert, as services.http.ExternalId has it; the id may hold slashes.
System = Annotated[str, Path(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$", examples=["cmdb"])]
Identifier = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["SVC-0042"])]
Designer = Annotated[Principal, may(Role.SERVICE_OWNER)]
# Who sees how the portfolio hangs together and how well it is kept.
Planner = Annotated[Principal, may(Role.SERVICE_OWNER, Role.FINANCE, Role.DEMAND_LEADER, Role.INTEGRATION)]


def sees_figures(principal: Principal) -> bool:
    return principal.has(Role.SERVICE_OWNER, Role.FINANCE)


async def _sight(session: ReadSession, principal: Reader, now: Now) -> queries.Sight:
    return await queries.sight_of(session, principal, now=now)


async def _narrowed_sight(
    session: ReadSession,
    principal: Reader,
    now: Now,
    business_unit_id: Annotated[
        UUID | None, Query(description="Only what this business unit may ask for: one of yours, or below them")
    ] = None,
) -> queries.Sight:
    return await queries.sight_of(session, principal, now=now, business_unit_id=business_unit_id)


# What the caller may see, for the condition that every read of offerings and services has in its query.
Sight = Annotated[queries.Sight, Depends(_sight)]
NarrowedSight = Annotated[queries.Sight, Depends(_narrowed_sight)]
