"""Services: what IT provides, from the first idea to retirement."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.service import ServiceState
from catalog_service.routes import (
    Designer,
    ExternalIdFilter,
    Identifier,
    NarrowedSight,
    Reader,
    Sight,
    System,
    sees_figures,
)
from catalog_service.tables import Capability, Service, ServiceTransition, ServiceUnitCost, TaxonomyNode
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
    taxonomy_node_id: Annotated[UUID | None, Query(description="Of this node, or of one below it")] = None,
    capability_id: Annotated[UUID | None, Query(description="Providing this capability, or one below it")] = None,
) -> Page[Any]:
    """Oldest first. Consumers and approvers see those that have been published."""
    query = queries.services(
        state=state,
        external_id=external_id,
        sight=sight,
        below_node=None if taxonomy_node_id is None else queries.below(TaxonomyNode, taxonomy_node_id),
        below_capability=None if capability_id is None else queries.below(Capability, capability_id),
    )
    return await paginate(session, query, Service.id, paging)


@router.get("/services/{service_id}", response_model=schemas.ServiceDetail, summary="Read a service")
async def read_service(
    service_id: UUID, session: ReadSession, etag: Etag, now: Now, principal: Reader, sight: Sight
) -> schemas.ServiceDetail:
    """With the way to its place in the taxonomy; for service owners and finance with its actual and planned cost."""
    service = etag(await queries.the_service_for(session, service_id, sight))
    detail = schemas.ServiceDetail.model_validate(service)
    if (node := service.taxonomy_node_id) is not None:
        steps = (await queries.paths(session, TaxonomyNode, [node])).get(node, [])
        detail.taxonomy_path = [schemas.StepRead.model_validate(step) for step in steps]
    if sees_figures(principal):
        if (cost := await session.get(ServiceUnitCost, service_id)) is not None:
            detail.unit_cost = schemas.UnitCostRead.model_validate(cost)
        if (planned := await queries.planned_unit_cost(session, service_id, now)) is not None:
            detail.planned_unit_cost = schemas.PlannedUnitCostRead.model_validate(planned)
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
    return etag(await use_cases.change_service(session, service_id, body, principal=principal, if_match=if_match))


@router.put(
    "/services/by-external-id/{system}/{identifier:path}",
    response_model=schemas.ServiceRead,
    responses={201: {"model": schemas.ServiceRead, "description": "It is new"}},
    summary="Create or change a service by its external id",
    openapi_extra={"x-upsert": True},
)
async def upsert_service(
    system: System,
    identifier: Identifier,
    body: schemas.ServiceCreate,
    response: Response,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Service:
    """201 if it is new, else 200; what the body leaves out stays as it is, and external ids are added."""
    service, new = await use_cases.upsert_service(
        session, (system, identifier), body, principal=principal, if_match=if_match, now=now
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/services/{service.id}"
    return etag(service)


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
    return etag(
        await use_cases.move_service(
            session, service_id, to, reason=body.reason, principal=principal, if_match=if_match, now=now
        )
    )


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
    return etag(
        await use_cases.move_service(
            session, service_id, to, reason=body.reason, principal=principal, if_match=if_match, now=now
        )
    )


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
    """From published to pending_retirement: no more revisions, nor offerings, nor does what is scheduled go live.
    409 names whom it touches. There is no way back."""
    to = ServiceState.PENDING_RETIREMENT
    return etag(
        await use_cases.move_service(
            session,
            service_id,
            to,
            reason=body.reason,
            principal=principal,
            if_match=if_match,
            now=now,
            acknowledge_impact=body.acknowledge_impact,
            planned_for=body.planned_for,
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
    return etag(
        await use_cases.move_service(
            session, service_id, to, reason=body.reason, principal=principal, if_match=if_match, now=now
        )
    )


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
