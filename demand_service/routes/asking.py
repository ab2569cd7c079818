"""Who asks, for routes that change something: one dependency in place of four, with the roles that may.

`asking` accepts If-Match (POST actions), `asking_on_version` requires it (PATCH).
"""

from typing import Annotated, Any

from fastapi import Depends

from demand_service.use_cases.steps import Asked
from services.http import IfMatch, Now, RequiredIfMatch
from services.identity import Principal, Role, UnitScope, may


def asking(*roles: Role) -> Any:
    def ask(principal: Annotated[Principal, may(*roles)], units: UnitScope, if_match: IfMatch, now: Now) -> Asked:
        return Asked(principal.person_id, units, if_match, now)

    return Depends(ask)


def asking_on_version(*roles: Role) -> Any:
    def ask(
        principal: Annotated[Principal, may(*roles)], units: UnitScope, if_match: RequiredIfMatch, now: Now
    ) -> Asked:
        return Asked(principal.person_id, units, if_match, now)

    return Depends(ask)
