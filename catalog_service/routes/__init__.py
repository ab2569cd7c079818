"""The catalogue over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from catalog_service import queries
from catalog_service.queries import sees_drafts
from services.http import Now, ReadSession
from services.identity import Principal, Role, may

__all__ = ["NO_NUL", "Designer", "ExternalIdFilter", "NarrowedSight", "Reader", "Sight", "sees_drafts", "sees_figures"]

Reader = Annotated[Principal, may(*Role)]
# PostgreSQL cannot compare with NUL, so that nothing could ever match it.
NO_NUL = r"^[^\x00]*$"
ExternalIdFilter = Annotated[str | None, Query(max_length=300, pattern=NO_NUL, description="`<system>:<id>`")]
Designer = Annotated[Principal, may(Role.SERVICE_OWNER)]


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
