"""Planned rates, practical capacity and variances of services."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service.schemas import service_plans as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import ServicePlan
from pricing_service.use_cases import service_plans
from services.http import Api, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Allocation"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]


@router.put("/service-plans", summary="Plan a service's cost and capacity")
async def set_service_plan(
    body: bodies.ServicePlanPut, principal: Finance, session: WriteSession, if_match: RequiredIfMatch
) -> bodies.ServicePlans:
    """Planned rate = planned cost ÷ practical capacity. A plan of a fiscal year is answered period by period.

    `If-Match: *` where there is none yet. In the period the unit cost divides by this capacity, unless a volume is set.
    """
    stored = await service_plans.set_plan(session, body, if_match=if_match)
    return bodies.ServicePlans(items=[bodies.ServicePlanRead.model_validate(plan) for plan in stored])


@router.get("/service-plans", response_model=Page[bodies.ServicePlanRead], summary="List service plans")
async def list_service_plans(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    service_id: UUID | None = None,
    period: Annotated[PeriodText | None, Query()] = None,
) -> Page[Any]:
    """Period by period."""
    query = select(ServicePlan)
    if service_id is not None:
        query = query.where(ServicePlan.service_id == service_id)
    if period is not None:
        query = query.where(ServicePlan.period == period)
    return await paginate(session, query, ServicePlan.id, paging)


@router.get("/services/{service_id}/cost-variance", summary="Compare a service's cost with its plan")
async def read_cost_variance(
    service_id: UUID, principal: Reader, session: ReadSession, period: Annotated[PeriodText, Query()]
) -> bodies.CostVarianceRead:
    """Rate and volume variance, which add up to the whole exactly, and the cost of idle capacity beside it."""
    return await service_plans.cost_variance(session, service_id, period)
