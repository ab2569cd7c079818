"""Allocation models in versions, and the figures that costs are shared by."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service.schemas import allocation_models as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import AllocationModel, AllocationStatistic
from pricing_service.use_cases import allocation_models
from services.http import Api, Etag, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Allocation"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]


@router.post("/allocation-models", status_code=201, summary="Save a version of the allocation model")
async def create_allocation_model(
    body: bodies.AllocationModelCreate, principal: Finance, session: WriteSession, etag: Etag
) -> bodies.AllocationModelRead:
    """Ordered steps: pools → towers → services → business units, each with its driver and fallback. Never changed.

    It counts from its period on, until a newer version does. A circular model under step_down is refused.
    """
    return allocation_models.model_read(etag(await allocation_models.create_model(session, body)))


@router.get(
    "/allocation-models", response_model=Page[bodies.AllocationModelSummary], summary="List versions of the model"
)
async def list_allocation_models(principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """The oldest first."""
    return await paginate(session, select(AllocationModel), AllocationModel.id, paging)


@router.get("/allocation-models/{model_id}", summary="Read a version of the allocation model")
async def read_allocation_model(
    model_id: UUID, principal: Reader, session: ReadSession, etag: Etag
) -> bodies.AllocationModelRead:
    """Its steps, drivers and fallbacks."""
    return allocation_models.model_read(etag(await allocation_models.saved_model(session, model_id)))


@router.put("/allocation-statistics", summary="Set the figures of a statistic")
async def set_allocation_statistic(
    body: bodies.StatisticPut, principal: Finance, session: WriteSession, if_match: RequiredIfMatch, etag: Etag
) -> bodies.StatisticRead:
    """Of a period, by name: square metres, tickets, full-time equivalents. They replace those that were set before.

    `If-Match: *` where there are none yet. "headcount" takes the place of what demand says of business units.
    """
    return allocation_models.statistic_read(
        etag(await allocation_models.set_statistic(session, body, if_match=if_match))
    )


@router.get("/allocation-statistics", summary="List statistics")
async def list_allocation_statistics(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    period: Annotated[PeriodText | None, Query()] = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[bodies.StatisticRead]:
    """Those that were set, the oldest first."""
    query = select(AllocationStatistic)
    if period is not None:
        query = query.where(AllocationStatistic.period == period)
    if name is not None:
        query = query.where(AllocationStatistic.name == name)
    page = await paginate(session, query, AllocationStatistic.id, paging)
    items = [allocation_models.statistic_read(stored) for stored in page.items]
    return Page[bodies.StatisticRead](items=items, next_cursor=page.next_cursor)
