"""What it costs: sums by any dimension, and the rows that they are made of."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from pricing_service.schemas.costs import CostRowRead, CostView
from pricing_service.schemas.numbers import PeriodText
from pricing_service.use_cases import allocated_rows, cost_views
from services.http import Api, Page, ReadSession
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Costs"])
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER)]
Filters = Annotated[
    list[str],
    Query(
        alias="filter",
        max_length=50,
        description="dimension=value, several times: of one dimension any of the values, of several all. "
        "An empty value asks for rows without one",
        examples=[["ProviderName=AWS", "tag:environment=prod"]],
    ),
]
Cursor = Annotated[str | None, Query(max_length=8000, description="`next_cursor` of the page before")]


@router.get("/costs", summary="View costs")
async def view_costs(
    principal: Reader,
    session: ReadSession,
    period: PeriodText | None = None,
    first: Annotated[PeriodText | None, Query(alias="from")] = None,
    last: Annotated[PeriodText | None, Query(alias="to")] = None,
    group_by: Annotated[
        list[str],
        Query(
            max_length=8,
            description="FOCUS columns such as ServiceName, account, cost_centre, origin, Source, x_…, or tag:<key>; "
            "several times, or with commas between",
            examples=[["ServiceName"]],
        ),
    ] = ["ServiceName"],  # noqa: B006  # FastAPI copies it
    filters: Filters = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    cursor: Cursor = None,
) -> CostView:
    """Exact sums over the rows that count in a fiscal period, or in each from one to another, by any dimensions."""
    span = await cost_views.span(session, period, first, last)
    return await cost_views.view(session, span, group_by, filters, limit=limit, cursor=cursor)


@router.get("/cost-rows", summary="List cost rows")
async def list_rows(
    principal: Reader,
    session: ReadSession,
    period: PeriodText | None = None,
    first: Annotated[PeriodText | None, Query(alias="from")] = None,
    last: Annotated[PeriodText | None, Query(alias="to")] = None,
    filters: Filters = [],  # noqa: B006
    cleared: Annotated[
        bool, Query(description="The ledger rows that a source details, in place of what counts")
    ] = False,
    import_id: Annotated[UUID | None, Query(description="Of one import or entry alone")] = None,
    allocation_run_id: Annotated[
        UUID | None,
        Query(description="In place of a period: what this run took, whether or not it has been superseded since"),
    ] = None,
    pool: Annotated[
        str | None, Query(max_length=200, description="With a run: what fell into this pool by the run's own rules")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> Page[CostRowRead]:
    """The rows behind a view or an allocation run, each with its import and line; in the order of both."""
    if allocation_run_id is None and pool is None:
        query = cost_views.rows_of_periods(await cost_views.span(session, period, first, last), cleared=cleared)
    else:
        given = [("period", period), ("from", first), ("to", last), ("cleared", cleared or None)]
        allocated_rows.check([name for name, value in given if value is not None], allocation_run_id)
        query = await allocated_rows.taken(session, allocation_run_id, pool)
    return await cost_views.rows(session, query, filters, import_id=import_id, limit=limit, cursor=cursor)
