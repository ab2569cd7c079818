"""Allocation runs, what-ifs, comparisons, explanations, and how well costs are attributed."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from sqlalchemy import select

from pricing_service.schemas import allocation_runs as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import AllocationRun
from pricing_service.use_cases import allocation_reports, allocation_runs
from pricing_service.use_cases.allocation_runs import Prepared
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Allocation"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]


async def _prepared(body: bodies.AllocationRunCreate, principal: Finance, session: ReadSession) -> Prepared:
    """Before the route's own session: it opens its transaction only once all is added up."""
    return await allocation_runs.prepare_run(session, body)


@router.post("/allocation-runs", status_code=201, summary="Run an allocation")
async def run_allocation(
    principal: Finance, prepared: Annotated[Prepared, Depends(_prepared)], session: WriteSession, etag: Etag
) -> bodies.AllocationRunRead:
    """Share a period's costs among services and business units, to the last unit, and publish unit costs.

    By the model that is effective in the period or the one that is named; by the cost pools where there is none or a
    method is named.
    """
    etag(await allocation_runs.keep_run(session, prepared))
    return await allocation_runs.run_read(session, prepared.rows)


@router.get("/allocation-runs", response_model=Page[bodies.AllocationRunSummary], summary="List allocation runs")
async def list_allocation_runs(
    principal: Reader, session: ReadSession, paging: Paging, period: Annotated[PeriodText | None, Query()] = None
) -> Page[Any]:
    """The oldest first."""
    query = select(AllocationRun)
    if period is not None:
        query = query.where(AllocationRun.period == period)
    return await paginate(session, query, AllocationRun.id, paging)


@router.get("/allocation-runs/{run_id}", summary="Read an allocation run")
async def read_allocation_run(
    run_id: UUID, principal: Reader, session: ReadSession, etag: Etag
) -> bodies.AllocationRunRead:
    """Its pools and towers, what each service costs and each business unit carries, and what stayed, and why."""
    run = await allocation_reports.stored_run(session, run_id)
    return await allocation_runs.read_run(session, etag(run))


@router.get("/allocation-runs/{run_id}/comparison", summary="Compare an allocation run with another")
async def compare_allocation_runs(
    run_id: UUID, principal: Reader, session: ReadSession, with_: Annotated[UUID, Query(alias="with")]
) -> bodies.Comparison:
    """Per pool, tower, service and business unit both amounts and their difference, and which inputs differ."""
    return await allocation_reports.compare_runs(session, run_id, with_)


@router.get("/allocation-runs/{run_id}/explanation", summary="Explain a service's cost")
async def explain_allocation_run(
    run_id: UUID, principal: Reader, session: ReadSession, service_id: Annotated[UUID, Query()]
) -> bodies.AllocationExplanation:
    """Down to towers, pools, weights and the cost rows behind; its parts add up to the amount."""
    return await allocation_reports.explain(session, run_id, service_id)


@router.post("/allocation-what-ifs", summary="Ask what an allocation would find")
async def ask_what_if(body: bodies.WhatIf, principal: Finance, session: ReadSession) -> bodies.WhatIfRead:
    """A real period with another model, method, weights, volumes or statistics, beside its last run. Stores nothing."""
    return await allocation_reports.what_if(session, body)


@router.get("/periods/{period}/cost-quality", summary="Read how well a period's costs are attributed")
async def read_cost_quality(
    principal: Reader, session: ReadSession, period: Annotated[PeriodText, Path()]
) -> bodies.CostQuality:
    """The shares attributed by a rule, by a driver, only spread, and unallocated, of the period's newest run."""
    return await allocation_reports.cost_quality(session, period)
