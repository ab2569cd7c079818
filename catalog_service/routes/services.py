"""Services: what IT provides, from the first idea to retirement."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.service import ServiceState
from catalog_service.routes import Designer, ExternalIdFilter, NarrowedSight, Reader, Sight, sees_figures
from catalog_service.tables import Service, ServiceTransition, ServiceUnitCost
from catalog_service.use_cases import services as use_cases
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate

router = Api(prefix="/v1", tags=["Services"])


@router.post("/services", response_model=schemas.ServiceRead, status_code=201, summary="Create a service")
async def create_service(
    body: schemas.ServiceCreate, response: Response, session: WriteSession, now: Now, etag: Etag, principal: Designer
) -> Service:
    """It starts as a draft. 409 if one of its external ids names another service."""
    service = await use_cases.create_service(session, body, now=now)
    response.headers["Location"] = f"/v1/services/{service.id}"
    return etag(service)


@router.get("/services", response_model=Page[schemas.ServiceRead], summary="List services")
async def list_services(
    session: ReadSession,
    paging: Paging,
    sight: NarrowedSight,
    state: Annotated[ServiceState | None, Query(description="Only those in this state")] = None,
    external_id: ExternalIdFilter = None,
) -> Page[Any]:
    """Oldest first. Consumers and approvers see those that have been published."""
    query = queries.services(state=state, external_id=external_id, sight=sight)
    return await paginate(session, query, Service.id, paging)


@router.get("/services/{service_id}", response_model=schemas.ServiceDetail, summary="Read a service")
async def read_service(
    service_id: UUID, session: ReadSession, etag: Etag, principal: Reader, sight: Sight
) -> schemas.ServiceDetail:
    """With its latest unit cost, for service owners and finance."""
    service = etag(await queries.the_service_for(session, service_id, sight))
    detail = schemas.ServiceDetail.model_validate(service)
    if sees_figures(principal) and (cost := await session.get(ServiceUnitCost, service_id)) is not None:
        detail.unit_cost = schemas.UnitCostRead.model_validate(cost)
    return detail


@router.patch("/services/{service_id}", response_model=schemas.ServiceRead, summary="Describe a service anew")
async def change_service(
    service_id: UUID,
    body: schemas.ServiceChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Service:
    """Fields that are left out stay as they are. 409 once the service is on its way out."""
    return etag(await use_cases.change_service(session, service_id, body, if_match=if_match))


@router.post("/services/{service_id}/evaluate", response_model=schemas.ServiceRead, summary="Evaluate a service")
async def evaluate_service(
    service_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Service:
    """From draft to under_evaluation. Publishing its first revision then publishes the service."""
    to = ServiceState.UNDER_EVALUATION
    return etag(await use_cases.move_service(session, service_id, to, reason=body.reason, if_match=if_match, now=now))


@router.post("/services/{service_id}/cancel", response_model=schemas.ServiceRead, summary="Cancel a service")
async def cancel_service(
    service_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Service:
    """Give up a service that has not been published."""
    to = ServiceState.CANCELLED
    return etag(await use_cases.move_service(session, service_id, to, reason=body.reason, if_match=if_match, now=now))


@router.post(
    "/services/{service_id}/announce-retirement",
    response_model=schemas.ServiceRead,
    summary="Announce a service's retirement",
)
async def announce_retirement(
    service_id: UUID,
    body: schemas.RetirementAnnouncement,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Service:
    """From published to pending_retirement: no more revisions and offerings. 409 names whom it touches."""
    to = ServiceState.PENDING_RETIREMENT
    return etag(
        await use_cases.move_service(
            session,
            service_id,
            to,
            reason=body.reason,
            if_match=if_match,
            now=now,
            acknowledge_impact=body.acknowledge_impact,
        )
    )


@router.post("/services/{service_id}/retire", response_model=schemas.ServiceRead, summary="Retire a service")
async def retire_service(
    service_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Service:
    """From pending_retirement to retired. 409 while it is offered, held or required."""
    to = ServiceState.RETIRED
    return etag(await use_cases.move_service(session, service_id, to, reason=body.reason, if_match=if_match, now=now))


@router.get(
    "/services/{service_id}/transitions",
    response_model=Page[schemas.TransitionRead],
    summary="List a service's transitions",
)
async def list_transitions(service_id: UUID, session: ReadSession, paging: Paging, principal: Designer) -> Page[Any]:
    """Who moved it from one state to the next, when and why; oldest first."""
    await queries.the_service(session, service_id)
    query = select(ServiceTransition).where(ServiceTransition.service_id == service_id)
    return await paginate(session, query, ServiceTransition.id, paging)
