"""Cost pools, volumes, unit costs, and the allocation calculator."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service import queries
from pricing_service.schemas import allocation as bodies
from pricing_service.schemas.allocation_runs import ServiceCostRead
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import CostPool, ServiceCost, ServiceVolume
from pricing_service.use_cases import allocation
from services.errors import NotFound
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Allocation"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]
Anyone = Annotated[Principal, may(*Role)]


@router.post("/cost-pools", response_model=bodies.CostPoolRead, status_code=201, summary="Create a cost pool")
async def create_cost_pool(
    body: bodies.CostPoolCreate, principal: Finance, session: WriteSession, etag: Etag
) -> CostPool:
    """Which cost rows belong together, and how their cost is shared among services."""
    return etag(await allocation.create_cost_pool(session, body))


@router.get("/cost-pools", response_model=Page[bodies.CostPoolRead], summary="List cost pools")
async def list_cost_pools(principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """In the order in which they were created; `position` says in which they take rows."""
    return await paginate(session, select(CostPool), CostPool.id, paging)


@router.get("/cost-pools/{pool_id}", response_model=bodies.CostPoolRead, summary="Read a cost pool")
async def read_cost_pool(pool_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> CostPool:
    """Its rules and its driver."""
    pool = await session.get(CostPool, pool_id)
    if pool is None:
        raise NotFound(f"no cost pool {pool_id}")
    return etag(pool)


@router.post("/service-volumes", response_model=bodies.ServiceVolumeRead, summary="Set a service's volume")
async def set_service_volume(
    body: bodies.ServiceVolumePut, principal: Finance, session: WriteSession, etag: Etag
) -> ServiceVolume:
    """The practical capacity in a period, by which the service's cost is divided.

    Where none is set, it is what business units subscribe to, weighted by active days.
    """
    return etag(await allocation.set_service_volume(session, body))


@router.get("/service-volumes", response_model=Page[bodies.ServiceVolumeRead], summary="List volumes")
async def list_service_volumes(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    period: Annotated[PeriodText | None, Query()] = None,
    service_id: UUID | None = None,
) -> Page[Any]:
    """Those that were set."""
    query = select(ServiceVolume)
    if period is not None:
        query = query.where(ServiceVolume.period == period)
    if service_id is not None:
        query = query.where(ServiceVolume.service_id == service_id)
    return await paginate(session, query, ServiceVolume.id, paging)


@router.get("/unit-costs", response_model=Page[ServiceCostRead], summary="List unit costs")
async def list_unit_costs(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    service_id: UUID | None = None,
    period: Annotated[PeriodText | None, Query()] = None,
) -> Page[Any]:
    """What each run found; the last of a period counts."""
    query = select(ServiceCost)
    if service_id is not None:
        query = query.where(ServiceCost.service_id == service_id)
    if period is not None:
        calendar = await queries.fiscal_calendar(session)
        query = query.where(ServiceCost.period == calendar.parse(period, pointer="period").name)
    return await paginate(session, query, ServiceCost.id, paging)


@router.post("/allocation-previews", summary="Calculate an allocation")
async def preview_allocation(body: bodies.AllocationPreview, principal: Anyone) -> bodies.AllocationPreviewRead:
    """Direct, step-down or reciprocal, exact to the last unit. Stores nothing."""
    return await asyncio.to_thread(allocation.preview_allocation, body)
