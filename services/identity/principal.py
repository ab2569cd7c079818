"""Who calls: the roles of DESIGN.md and the principal that a verified token stands for."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    CONSUMER = "consumer"
    DEMAND_LEADER = "demand_leader"
    APPROVER = "approver"
    SERVICE_OWNER = "service_owner"
    FINANCE = "finance"
    INTEGRATION = "integration"
    ADMIN = "admin"


# These see every business unit; the others see the units their token names, and those below.
SEES_ALL_UNITS = frozenset({Role.APPROVER, Role.SERVICE_OWNER, Role.FINANCE, Role.INTEGRATION, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Principal:
    """`person_id` is opaque: it is what events, audit rows and logs may hold. `subject` stays inside this process."""

    subject: str
    person_id: str
    roles: frozenset[Role]
    business_units: frozenset[UUID]

    @property
    def sees_all_units(self) -> bool:
        return bool(self.roles & SEES_ALL_UNITS)

    def has(self, *roles: Role) -> bool:
        """Whether it holds one of `roles`; an admin holds them all."""
        return Role.ADMIN in self.roles or bool(self.roles.intersection(roles))
