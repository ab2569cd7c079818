"""What a body may refer to: services, offerings and business units that this app has heard of; and who owns them.

A service without an owner yet is everybody's who holds the role `service_owner`; an admin owns them all.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain.thread import SubjectType
from feedback_service.tables import KnownOffering, KnownService
from services.errors import Fault, Forbidden, Invalid
from services.identity import KnownBusinessUnit, Principal, Role


class UnknownService(Invalid): ...


class UnknownSubject(Invalid): ...


class UnknownBusinessUnit(Invalid): ...


class NotYourService(Forbidden): ...


async def require_own_service(session: AsyncSession, service_id: UUID, principal: Principal) -> None:
    """Raise UnknownService or NotYourService unless `principal` answers for the service `service_id` of a body."""
    service = await session.get(KnownService, service_id)
    if service is None:
        message = f"there is no service {service_id}"
        raise UnknownService(message, faults=[Fault("/service_id", message)])
    if not _owns(principal, service):
        message = f"service {service_id} has another owner"
        raise NotYourService(message, faults=[Fault("/service_id", message)])


async def answers_for(session: AsyncSession, service_id: UUID, principal: Principal) -> bool:
    return _owns(principal, await session.get(KnownService, service_id))


def _owns(principal: Principal, service: KnownService | None) -> bool:
    if Role.ADMIN in principal.roles:
        return True
    owner_id = None if service is None else service.owner_id
    return Role.SERVICE_OWNER in principal.roles and owner_id in (None, principal.person_id)


async def require_business_unit(session: AsyncSession, business_unit_id: UUID) -> None:
    if await session.get(KnownBusinessUnit, business_unit_id) is None:
        message = f"there is no business unit {business_unit_id}"
        raise UnknownBusinessUnit(message, faults=[Fault("/business_unit_id", message)])


async def service_of(session: AsyncSession, subject_type: SubjectType, subject_id: UUID) -> UUID:
    """The service that answers for a subject. Raises UnknownSubject."""
    match subject_type:
        case SubjectType.SERVICE:
            service = await session.get(KnownService, subject_id)
            service_id = None if service is None else service.id
        case SubjectType.OFFERING:
            offering = await session.get(KnownOffering, subject_id)
            service_id = None if offering is None else offering.service_id
    if service_id is None:
        message = f"there is no {subject_type} {subject_id}"
        raise UnknownSubject(message, faults=[Fault("/subject_id", message)])
    return service_id
