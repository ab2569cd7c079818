"""Who may change a service and what belongs to it: its owner; while it has none, any service owner."""

from catalog_service.tables import Service
from services.errors import Forbidden
from services.identity import Principal, Role


class NotYourService(Forbidden): ...


def require_ownership(service: Service, principal: Principal) -> None:
    """Raises NotYourService unless `principal` owns the service, is an admin, or the service has no owner."""
    if service.owner_id not in (None, principal.person_id) and not principal.has(Role.ADMIN):
        raise NotYourService(f"the service {service.name} is owned by somebody else")
