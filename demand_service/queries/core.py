"""Named reads of more than one clause."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from demand_service.domain.agreement import Quote, quote_in_force
from demand_service.domain.funnel import DemandState, Step
from demand_service.domain.lead_time import rank
from demand_service.tables import (
    ApprovalPolicy,
    BusinessUnit,
    BusinessUnitExternalId,
    Demand,
    DemandTransition,
    FulfilmentOrder,
    KnownQuote,
    Subscription,
)
from services.identity import Units


def business_units(units: Units, *, system: str | None, external_id: str | None) -> Select[Any]:
    query = select(BusinessUnit)
    if units.visible is not None:
        query = query.where(BusinessUnit.id.in_(units.visible))
    if system is not None:
        query = query.join(BusinessUnitExternalId).where(
            BusinessUnitExternalId.system == system, BusinessUnitExternalId.id == external_id
        )
    return query


async def holders_of(
    session: AsyncSession, external_ids: set[tuple[str, str]], *, but: UUID
) -> dict[tuple[str, str], UUID]:
    """Which other business units already go by one of these (system, id)."""
    systems = {system for system, _ in external_ids}
    query = select(BusinessUnitExternalId).where(
        BusinessUnitExternalId.system.in_(systems), BusinessUnitExternalId.business_unit_id != but
    )
    query = query.where(BusinessUnitExternalId.id.in_({external for _, external in external_ids}))
    rows = await session.scalars(query)
    return {(row.system, row.id): row.business_unit_id for row in rows if (row.system, row.id) in external_ids}


async def units_above(
    session: AsyncSession, business_unit_id: UUID | None, *, lock: bool = False
) -> list[BusinessUnit]:
    """The unit and those above it, nearest first; with `lock`, none of them can move until this transaction ends."""
    found: list[BusinessUnit] = []
    seen: set[UUID] = set()
    while business_unit_id is not None and business_unit_id not in seen:
        seen.add(business_unit_id)
        unit = await session.get(BusinessUnit, business_unit_id, with_for_update=True if lock else None)
        if unit is None:
            break
        found.append(unit)
        business_unit_id = unit.parent_id
    return found


def demands(units: Units, *, business_unit_id: UUID | None, state: DemandState | None) -> Select[Any]:
    query = select(Demand)
    if units.visible is not None:
        query = query.where(Demand.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(Demand.business_unit_id == business_unit_id)
    if state is not None:
        query = query.where(Demand.state == state)
    return query


async def demand_with_history(session: AsyncSession, demand_id: UUID) -> Demand | None:
    return await session.get(Demand, demand_id, options=[selectinload(Demand.history), selectinload(Demand.quote)])


async def quote_in_force_of(session: AsyncSession, demand: Demand) -> KnownQuote | None:
    """The known quote that answers what the demand proposes now."""
    rows = (await session.scalars(select(KnownQuote).where(KnownQuote.demand_id == demand.id))).all()
    chosen: Quote | None = quote_in_force((row.as_quote() for row in rows), demand.proposal)
    return None if chosen is None else next(row for row in rows if row.id == chosen.id)


async def newest_quote_of(session: AsyncSession, demand: Demand) -> UUID | None:
    """Whatever its terms and its state: what is proposed next is answered by a newer one."""
    query = select(KnownQuote.id).where(KnownQuote.demand_id == demand.id).order_by(KnownQuote.id.desc()).limit(1)
    return (await session.scalars(query)).one_or_none()


async def latest_proposal_of(session: AsyncSession, demand: Demand) -> DemandTransition | None:
    """By a person: policy puts a demand back to proposed too, on the terms that stand already."""
    query = select(DemandTransition).where(
        DemandTransition.demand_id == demand.id,
        DemandTransition.step == Step.PROPOSE,
        DemandTransition.person_id.is_not(None),
    )
    return (await session.scalars(query.order_by(DemandTransition.id.desc()).limit(1))).one_or_none()


async def policies_in_order(session: AsyncSession) -> list[ApprovalPolicy]:
    query = select(ApprovalPolicy).order_by(ApprovalPolicy.position, ApprovalPolicy.key)
    return list((await session.scalars(query)).all())


async def policy_of_key(session: AsyncSession, key: str) -> ApprovalPolicy | None:
    query = select(ApprovalPolicy).where(ApprovalPolicy.key == key)
    return (await session.scalars(query)).one_or_none()


async def hold_demand_of_order(session: AsyncSession, order_id: UUID) -> None:
    """Lock the demand that the order delivers until the transaction ends."""
    query = select(Demand).join(FulfilmentOrder, FulfilmentOrder.demand_id == Demand.id)
    await session.execute(query.where(FulfilmentOrder.id == order_id).with_for_update(of=Demand))


async def lead_times_of(
    session: AsyncSession, offering_id: UUID, *, since: datetime, percents: tuple[int, ...]
) -> tuple[int, list[Decimal]]:
    """How many orders of the offering were fulfilled after `since`, and the nearest-rank percentiles of their days."""
    fulfilled = select(FulfilmentOrder.lead_time_days).where(
        FulfilmentOrder.offering_id == offering_id,
        FulfilmentOrder.fulfilled_at > since,
        FulfilmentOrder.lead_time_days.is_not(None),
    )
    n = await session.scalar(select(func.count()).select_from(fulfilled.subquery())) or 0
    in_order = fulfilled.order_by(FulfilmentOrder.lead_time_days).limit(1)
    found = [await session.scalar(in_order.offset(rank(percent, n) - 1)) for percent in percents] if n else []
    return n, [days for days in found if days is not None]


def orders(units: Units, *, demand_id: UUID | None, business_unit_id: UUID | None) -> Select[Any]:
    return _held(FulfilmentOrder, units, demand_id, business_unit_id)


def subscriptions(units: Units, *, demand_id: UUID | None, business_unit_id: UUID | None) -> Select[Any]:
    return _held(Subscription, units, demand_id, business_unit_id)


def _held(
    table: type[FulfilmentOrder] | type[Subscription],
    units: Units,
    demand_id: UUID | None,
    business_unit_id: UUID | None,
) -> Select[Any]:
    query = select(table)
    if units.visible is not None:
        query = query.where(table.business_unit_id.in_(units.visible))
    if demand_id is not None:
        query = query.where(table.demand_id == demand_id)
    if business_unit_id is not None:
        query = query.where(table.business_unit_id == business_unit_id)
    return query
