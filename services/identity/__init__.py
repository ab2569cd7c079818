"""Who calls, and what they may: bearer tokens, roles, and the business units in sight."""

from services.db.chassis_tables import KnownBusinessUnit
from services.identity.access import (
    BEARER,
    Principal,
    Role,
    RoleRule,
    Units,
    UnitScope,
    authenticate,
    may,
    public,
)
from services.identity.tokens import LocalKeys, TokenRefused, Verifier, build_verifier

__all__ = [
    "BEARER",
    "KnownBusinessUnit",
    "LocalKeys",
    "Principal",
    "Role",
    "RoleRule",
    "TokenRefused",
    "UnitScope",
    "Units",
    "Verifier",
    "authenticate",
    "build_verifier",
    "may",
    "public",
]
