"""Planned cost, volume and capacity of services, and the variance of a period's actuals."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.costing import subscribed_volumes
from pricing_service.domain.periods import Period
from pricing_service.domain.planned_rate import Planned, Variance, phased, variance
from pricing_service.events import UnitCostPlanned
from pricing_service.schemas import service_plans as bodies
from pricing_service.tables import KnownService, ServiceCost, ServicePlan
from pricing_service.use_cases.periods import require_open
from pricing_service.use_cases.subscribed import subscribed_in
from services.errors import Conflict, Fault, NotFound
from services.events import current_thread, record
from services.http import MoneyModel, check_version, plain
from services.money import exact_total


class PlanMissing(NotFound): ...


class ActualsMissing(NotFound): ...


class PlanCurrencyDiffers(Conflict): ...


async def set_plan(
    session: AsyncSession, body: bodies.ServicePlanPut, *, if_match: frozenset[int] | None
) -> list[ServicePlan]:
    """Set or replace the plan of a period or a year, and tell of each period whose plan is another one now.

    Raises PeriodClosed, PeriodUnreadable, NoCapacity, VersionIsStale.
    """
    calendar = await queries.fiscal_calendar(session)
    cost, volume, capacity = body.planned_cost.amount, body.planned_volume, body.practical_capacity
    periods: tuple[Period, ...]
    if body.period is not None:
        periods, plans = (calendar.parse(body.period),), [Planned.of(cost, volume, capacity)]
    else:
        assert body.fiscal_year is not None
        periods, plans = calendar.periods_of_year(body.fiscal_year), phased(cost, volume, capacity)
    for period in periods:
        await require_open(session, period, "/period" if body.period is not None else "/fiscal_year")
    return [
        await _set(session, body, period, planned, if_match) for period, planned in zip(periods, plans, strict=True)
    ]


async def _set(
    session: AsyncSession,
    body: bodies.ServicePlanPut,
    period: Period,
    planned: Planned,
    if_match: frozenset[int] | None,
) -> ServicePlan:
    values = {
        "fiscal_year": body.fiscal_year,
        "currency": body.planned_cost.currency,
        "planned_cost": planned.cost,
        "planned_volume": planned.volume,
        "practical_capacity": planned.capacity,
        "planned_rate": planned.rate,
        "meter": body.meter,
    }
    service = await session.get(KnownService, body.service_id)
    stored = await _plan(session, body.service_id, period.name)
    if stored is None:
        stored = ServicePlan(service_id=body.service_id, period=period.name, **values)
        session.add(stored)
    else:
        check_version(stored, if_match)
        changes = {name: value for name, value in values.items() if getattr(stored, name) != value}
        if not changes:
            return stored
        for name, value in changes.items():
            setattr(stored, name, value)
    record(session, stored, _planned(stored, period, service), thread=current_thread())
    return stored


def _planned(plan: ServicePlan, period: Period, service: KnownService | None) -> UnitCostPlanned:
    return UnitCostPlanned(
        service_plan_id=plan.id,
        service_id=plan.service_id,
        period=plan.period,
        starts_at=period.start,
        ends_at=period.end,
        fiscal_year=plan.fiscal_year,
        planned_cost=MoneyModel(amount=plan.planned_cost, currency=plan.currency),
        planned_volume=plan.planned_volume,
        practical_capacity=plan.practical_capacity,
        unit_of_measure=None if service is None else service.unit_of_measure,
        planned_rate=plan.planned_rate,
        currency=plan.currency,
    )


async def _plan(session: AsyncSession, service_id: UUID, period: str) -> ServicePlan | None:
    found: ServicePlan | None = await session.scalar(
        select(ServicePlan).where(ServicePlan.service_id == service_id, ServicePlan.period == period)
    )
    return found


async def cost_variance(session: AsyncSession, service_id: UUID, period_name: str) -> bodies.CostVarianceRead:
    """Of the period's plan and its newest run. Raises PlanMissing, ActualsMissing, PlanCurrencyDiffers."""
    period = (await queries.fiscal_calendar(session)).parse(period_name, pointer="period")
    plan = await _plan(session, service_id, period.name)
    if plan is None:
        raise PlanMissing(f"service {service_id} has no plan for {period}", faults=[Fault("period", "has no plan")])
    run = await queries.latest_run(session, period.name)
    cost = None
    if run is not None:
        cost = await session.scalar(
            select(ServiceCost).where(ServiceCost.allocation_run_id == run.id, ServiceCost.service_id == service_id)
        )
    if cost is None:
        raise ActualsMissing(
            f"no allocation run of {period} gives service {service_id} a cost",
            faults=[Fault("period", "has no actual cost of the service")],
        )
    if cost.currency != plan.currency:
        raise PlanCurrencyDiffers(
            f"the plan is in {plan.currency}, the actual cost in {cost.currency}",
            faults=[Fault("period", f"plan the service in {cost.currency}")],
        )
    volume = await _actual_volume(session, plan, period)
    planned = Planned(plan.planned_cost, plan.planned_volume, plan.practical_capacity, plan.planned_rate)
    return _read(plan, cost, volume, variance(planned, cost.cost_amount, volume))


async def _actual_volume(session: AsyncSession, plan: ServicePlan, period: Period) -> Decimal:
    """What was used or subscribed, whatever capacity the unit cost was divided by."""
    if plan.meter is not None:
        days = (period.first_day, period.end_day)
        used = await queries.usage_by_service_and_unit(session, days, [plan.meter])
        return exact_total([q for (service, _), q in used.get(plan.meter, {}).items() if service == plan.service_id])
    volumes = subscribed_volumes(period, await subscribed_in(session, period))
    return volumes.get(f"service:{plan.service_id}", Decimal(0))


def _read(plan: ServicePlan, cost: ServiceCost, volume: Decimal, found: Variance) -> bodies.CostVarianceRead:
    def money(amount: Decimal) -> MoneyModel:
        return MoneyModel(amount=amount, currency=plan.currency)

    rate, actual_cost = plain(plan.planned_rate), plain(cost.cost_amount)
    return bodies.CostVarianceRead(
        service_id=plan.service_id,
        period=plan.period,
        unit=cost.unit,
        plan=bodies.ServicePlanRead.model_validate(plan),
        actual=bodies.ActualRead(
            allocation_run_id=cost.allocation_run_id,
            cost=MoneyModel.of(cost.cost),
            volume=volume,
            volume_source="subscriptions" if plan.meter is None else f"usage of {plan.meter}",
            rate=found.actual_rate,
        ),
        idle_capacity=bodies.IdleRead(
            volume=found.idle_volume,
            cost=money(found.idle_cost),
            planned_cost=money(found.planned_idle_cost),
            absorbed=money(found.absorbed),
            rounding=money(found.rounding),
        ),
        variance=bodies.VarianceRead(
            rate=money(found.rate),
            volume=money(found.volume),
            total=money(found.total),
            formulas=[
                f"rate: {actual_cost} − {rate} × {plain(volume)} = {plain(found.rate)}",
                f"volume: ({plain(volume)} − {plain(plan.planned_volume)}) × {rate} = {plain(found.volume)}",
                f"total: {actual_cost} − {rate} × {plain(plan.planned_volume)} = {plain(found.total)}",
            ],
        ),
    )
