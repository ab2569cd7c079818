"""What a caller may do, as FastAPI dependencies that show in OpenAPI as a security scheme.

Every route declares `may(...)` (or `public()`): an app that has a route without a rule does not start.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services import context
from services.clock import utc_now
from services.errors import Fault, Forbidden, Unauthenticated
from services.identity.principal import Principal, Role
from services.identity.unit_tree import with_descendants

BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    description="A token of the organisation's identity provider; in embedded mode: `itaas token --role …`.",
    auto_error=False,
)


__all__ = ["BEARER", "Principal", "Role", "RoleRule", "UnitScope", "Units", "authenticate", "may", "public"]


class RoleNotAllowed(Forbidden): ...


class BusinessUnitOutOfScope(Forbidden): ...


class TokenMissing(Unauthenticated): ...


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
) -> Principal:
    """The caller. Raises TokenMissing or TokenRefused."""
    if credentials is None:
        raise TokenMissing("send a bearer token in the Authorization header")
    principal: Principal = await request.app.state.runtime.verifier.principal(credentials.credentials)
    context.current().actor_id = principal.person_id
    request.state.principal = principal
    return principal


class RoleRule:
    """Lets pass who holds one of `roles`; an admin holds them all."""

    def __init__(self, roles: tuple[Role, ...]) -> None:
        self.roles = roles

    async def __call__(self, principal: Annotated[Principal, Depends(authenticate)]) -> Principal:
        if not principal.has(*self.roles):
            needed = ", ".join([*self.roles, Role.ADMIN])
            raise RoleNotAllowed(f"this needs one of the roles {needed}")
        return principal


class PublicRule:
    async def __call__(self) -> None:
        return None


def has_rule(dependant: Dependant) -> bool:
    """Whether a route says who may call it."""
    return any(
        isinstance(dependency.call, RoleRule | PublicRule) or has_rule(dependency)
        for dependency in dependant.dependencies
    )


def may(*roles: Role) -> Any:
    """For `Annotated[Principal, may(Role.FINANCE)]`: who may call this route (an admin always may)."""
    return Depends(RoleRule(roles))


def public() -> Any:
    """For `dependencies=[public()]`: anybody may call this route."""
    return Depends(PublicRule())


class Units:
    """The business units in the caller's sight: all (`visible` is None), or the token's units and those below.

    In place of the token's, a demand leader who was ever aligned has the units that they are aligned with today.
    """

    def __init__(self, visible: frozenset[UUID] | None) -> None:
        self.visible = visible

    def includes(self, business_unit_id: UUID | None) -> bool:
        return self.visible is None or business_unit_id in self.visible

    def require(self, business_unit_id: UUID | None, *, pointer: str = "/business_unit_id") -> None:
        """Raises BusinessUnitOutOfScope unless the unit is in sight."""
        if not self.includes(business_unit_id):
            raise BusinessUnitOutOfScope(
                f"business unit {business_unit_id} is not yours to see",
                faults=[Fault(pointer, "not your business unit, nor below it")],
            )


async def unit_scope(request: Request, principal: Annotated[Principal, Depends(authenticate)]) -> Units:
    if principal.sees_all_units:
        return Units(None)
    runtime = request.app.state.runtime
    aligned_units = runtime.definition.aligned_units
    async with runtime.database.reading() as session:
        roots = principal.business_units
        if aligned_units is not None and Role.DEMAND_LEADER in principal.roles:
            aligned = await aligned_units(session, principal.person_id, utc_now())
            roots = roots if aligned is None else aligned
        return Units(await with_descendants(session, runtime.unit_table, roots))


UnitScope = Annotated[Units, Depends(unit_scope)]
