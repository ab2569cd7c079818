"""Reads of allocation: what a period is shared by, which run and which plan count."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.periods import Period
from pricing_service.queries.usage import aggregations, in_days, metered_quantities
from pricing_service.tables import (
    AllocationModel,
    AllocationRun,
    AllocationStatistic,
    CostImport,
    CostPool,
    CostSnapshot,
    CostSource,
    ExchangeRate,
    FiscalCalendarRow,
    KnownService,
    KnownSubscription,
    KnownUnitProfile,
    Meter,
    ServicePlan,
    ServiceVolume,
    SubscriptionStep,
    UnitCostShare,
    UsageEvent,
)
from services.money import exact_total


async def effective_model(session: AsyncSession, period: str) -> AllocationModel | None:
    """The newest version that is effective in the period."""
    query = select(AllocationModel).where(AllocationModel.effective_from <= period)
    found: AllocationModel | None = await session.scalar(query.order_by(AllocationModel.model_version.desc()).limit(1))
    return found


async def latest_run(session: AsyncSession, period: str) -> AllocationRun | None:
    """The newest allocation run of exactly this period: the one that counts."""
    query = select(AllocationRun).where(AllocationRun.period == period).order_by(AllocationRun.id.desc()).limit(1)
    found: AllocationRun | None = await session.scalar(query)
    return found


async def cost_by_unit(session: AsyncSession, run_id: UUID) -> dict[UUID, dict[UUID, Decimal]]:
    """service → business unit → what it carries of the service's cost in a run."""
    shares: dict[UUID, dict[UUID, Decimal]] = {}
    query = select(UnitCostShare.service_id, UnitCostShare.business_unit_id, UnitCostShare.amount)
    for service_id, unit_id, amount in await session.execute(query.where(UnitCostShare.run_id == run_id)):
        shares.setdefault(service_id, {})[unit_id] = amount
    return shares


async def planned_rate(session: AsyncSession, service_id: UUID, period: Period) -> ServicePlan | None:
    """The plan (its `planned_rate` and `currency`) of the newest period up to `period` that has one."""
    query = (
        select(ServicePlan)
        .where(ServicePlan.service_id == service_id, ServicePlan.period <= period.name)
        .order_by(ServicePlan.period.desc())
    )
    found: ServicePlan | None = await session.scalar(query.limit(1))
    return found


async def snapshot_identities(session: AsyncSession, period: str) -> list[dict[str, Any]]:
    """What the period's costs are made of, in words that stay the same for the same files and entries."""
    query = (
        select(
            CostSnapshot.source,
            CostSnapshot.billing_month,
            CostSnapshot.import_id,
            CostImport.content_sha256,
            CostImport.cost_basis,
            CostSnapshot.currency,
            CostSnapshot.rows,
            CostSnapshot.cost,
        )
        .outerjoin(CostImport, CostImport.id == CostSnapshot.import_id)
        .where(CostSnapshot.period == period, CostSnapshot.superseded_by.is_(None))
        .order_by(CostSnapshot.source, CostSnapshot.billing_month, CostSnapshot.number)
    )
    return [
        {
            "source": source,
            "billing_month": month,
            "content": sha256 or str(import_id),  # what is no file (an accrual, an entry) is known by its own id
            "cost_basis": basis or "entry",
            "currency": currency,
            "rows": rows,
            "cost": cost,
        }
        for source, month, import_id, sha256, basis, currency, rows, cost in await session.execute(query)
    ]


async def held_in(session: AsyncSession, period: Period) -> list[KnownSubscription]:
    """The subscriptions that were active in some of the period."""
    query = select(KnownSubscription).where(
        KnownSubscription.activated_at < period.end,
        or_(KnownSubscription.ended_at.is_(None), KnownSubscription.ended_at > period.start),
    )
    return list(await session.scalars(query.order_by(KnownSubscription.id)))


async def usage_by_service_and_unit(
    session: AsyncSession, window: tuple[date, date], meters: Collection[str]
) -> dict[str, dict[tuple[UUID, UUID], Decimal]]:
    """Per meter what was used of (service, business unit), as the meter aggregates within a subscription."""
    if not meters:
        return {}
    quantities = await metered_quantities(
        session, UsageEvent.counts.is_(True), window, await aggregations(session), meters=meters
    )
    holders: dict[UUID, tuple[UUID, UUID]] = {
        subscription: (service, unit)
        for subscription, service, unit in await session.execute(
            select(KnownSubscription.id, KnownSubscription.service_id, KnownSubscription.business_unit_id)
        )
    }
    found: dict[str, dict[tuple[UUID, UUID], Decimal]] = {}
    for (subscription, meter), groups in quantities.items():
        if subscription in holders:
            of_meter = found.setdefault(meter, {})
            held = of_meter.get(holders[subscription], Decimal(0))
            of_meter[holders[subscription]] = exact_total([held, *groups.values()])
    return found


async def input_stamp(session: AsyncSession, period: Period, meters: Collection[str]) -> tuple[Any, ...]:
    """A cheap fingerprint of all that an allocation of the period reads: the same stamp, the same inputs.

    Cost rows count through snapshots, and what is not a row of them has a version or a sequence that only grows.
    """
    snapshots = await session.execute(
        select(CostSnapshot.import_id, CostSnapshot.billing_month)
        .where(CostSnapshot.period == period.name, CostSnapshot.superseded_by.is_(None))
        .order_by(CostSnapshot.import_id, CostSnapshot.billing_month)
    )
    stamp: list[Any] = [tuple(tuple(row) for row in snapshots)]
    for table in (CostPool, AllocationModel, CostSource, FiscalCalendarRow, ExchangeRate, Meter):
        stamp.append(await _grown(session, table.id, table.version))
    for dated in (ServiceVolume, AllocationStatistic, ServicePlan):
        stamp.append(await _grown(session, dated.id, dated.version, dated.period == period.name))
    for known in (KnownService, KnownSubscription, KnownUnitProfile):
        stamp.append(await _grown(session, known.id, known.sequence))
    stamp.append(await _grown(session, SubscriptionStep.id, SubscriptionStep.sequence))
    if meters:
        counted = select(func.count(), func.max(UsageEvent.received_at)).where(
            UsageEvent.counts, UsageEvent.meter.in_(meters), *in_days(period.first_day, period.end_day)
        )
        stamp.append(tuple((await session.execute(counted)).one()))
    return tuple(stamp)


async def _grown(session: AsyncSession, key: Any, version: Any, *where: Any) -> tuple[Any, ...]:
    query = select(func.count(key), func.sum(version)).where(*where)  # integers
    return tuple((await session.execute(query)).one())
