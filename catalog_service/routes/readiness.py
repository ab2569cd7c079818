"""Readiness: what is missing before a service's offerings can be published."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from catalog_service import queries, schemas
from catalog_service.domain.readiness import Check, Finding
from catalog_service.use_cases import readiness as use_cases
from services.http import Api, Now, ReadSession
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Readiness"])
SeesFigures = Annotated[Principal, may(Role.SERVICE_OWNER, Role.FINANCE)]


@router.get("/services/{service_id}/readiness", summary="Read what a service and its drafts lack")
async def read_service_readiness(
    service_id: UUID, session: ReadSession, now: Now, principal: SeesFigures
) -> schemas.ServiceReadiness:
    """The whole list, each with what to do and where; the same that publishing its drafts would be refused for."""
    found = await use_cases.of_service(session, await queries.the_service(session, service_id), now)
    drafts = [_offering_read(draft) for draft in found.drafts]
    missing, warnings = _read(found.missing), []
    for place, draft in enumerate(drafts):
        missing += _under(f"/offerings/{place}", draft.missing)
        warnings += _under(f"/offerings/{place}", draft.warnings)
    if not found.offered:
        told = f"nothing of it is offered: POST /v1/offerings with service_id {service_id}"
        warnings.append(schemas.FindingRead(check=Check.SERVICE, pointer="/offerings", message=told))
    return schemas.ServiceReadiness(
        service_id=service_id,
        name=found.service.name,
        state=found.service.state,
        ready=not missing and not found.left_off,
        missing=missing,
        warnings=warnings,
        offerings=drafts,
        offerings_left_off=found.left_off,
    )


@router.get("/offerings/{offering_id}/readiness", summary="Read what an offering lacks")
async def read_offering_readiness(
    offering_id: UUID, session: ReadSession, now: Now, principal: SeesFigures
) -> schemas.OfferingReadiness:
    """What publishing it would be refused for, its service's gaps first; and what deserves a look."""
    return _offering_read(await use_cases.of_offering(session, await queries.the_offering(session, offering_id), now))


def _offering_read(found: use_cases.OfferingFindings) -> schemas.OfferingReadiness:
    return schemas.OfferingReadiness(
        offering_id=found.offering.id,
        name=found.offering.name,
        state=found.offering.state,
        ready=not found.missing,
        missing=_read(found.missing),
        warnings=_read(found.warnings),
    )


def _read(findings: Iterable[Finding]) -> list[schemas.FindingRead]:
    return [schemas.FindingRead.model_validate(finding) for finding in findings]


def _under(prefix: str, findings: Iterable[schemas.FindingRead]) -> list[schemas.FindingRead]:
    return [finding.model_copy(update={"pointer": prefix + finding.pointer}) for finding in findings]
