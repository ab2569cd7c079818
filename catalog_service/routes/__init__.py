"""The catalogue over HTTP."""

from typing import Annotated

from fastapi import Query

from services.identity import Principal, Role, may

Reader = Annotated[Principal, may(*Role)]
# PostgreSQL cannot compare with NUL, so that nothing could ever match it.
NO_NUL = r"^[^\x00]*$"
ExternalIdFilter = Annotated[str | None, Query(max_length=300, pattern=NO_NUL, description="`<system>:<id>`")]
Designer = Annotated[Principal, may(Role.SERVICE_OWNER)]


def sees_drafts(principal: Principal) -> bool:
    """Those who design, cost or advise see what is not live yet; everyone else sees what can be asked for."""
    return principal.has(Role.SERVICE_OWNER, Role.FINANCE, Role.DEMAND_LEADER, Role.INTEGRATION)


def sees_figures(principal: Principal) -> bool:
    return principal.has(Role.SERVICE_OWNER, Role.FINANCE)
