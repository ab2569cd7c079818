"""What the catalogue keeps of pricing's facts: unit costs, actual and planned, and prices."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import KnownPrice, KnownPriceChange, PlannedUnitCost, ServiceUnitCost
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class UnitCostSeen(EventSeen):
    service_id: UUID
    period: str
    unit_cost: Decimal | None
    unit_of_measure: str
    currency: str
    allocation_run_id: UUID


@consumers.projection("itaas.pricing.unit-cost.published.v1", ServiceUnitCost)
async def know_unit_cost(session: AsyncSession, event: Delivery[UnitCostSeen], now: datetime) -> None:
    row = replace(event, subject=event.data.service_id)
    await project(session, ServiceUnitCost, row, event.data.model_dump(exclude={"service_id"}))


class UnitCostPlannedSeen(EventSeen):
    service_id: UUID
    period: str
    starts_at: datetime
    ends_at: datetime
    fiscal_year: int | None
    planned_rate: Decimal
    unit_of_measure: str | None
    currency: str


@consumers.projection("itaas.pricing.unit-cost.planned.v1", PlannedUnitCost)
async def know_planned_unit_cost(session: AsyncSession, event: Delivery[UnitCostPlannedSeen], now: datetime) -> None:
    await project(session, PlannedUnitCost, event, event.data.model_dump())


class PriceSeen(EventSeen):
    offering_id: UUID
    price_plan_id: UUID
    plan_version: int
    currency: str
    effective_from: datetime
    charges: list[dict[str, Any]]
    discounts: list[dict[str, Any]] = Field(default_factory=list)
    audience: list[UUID] = Field(default_factory=list)


@consumers.projection("itaas.pricing.price.changed.v1", KnownPrice)
async def know_price(session: AsyncSession, event: Delivery[PriceSeen], now: datetime) -> None:
    # The subject is the offering, each of whose versions has a row: an older one may be for another audience.
    row = replace(event, subject=event.data.price_plan_id)
    values = event.data.model_dump(exclude={"price_plan_id", "audience"})
    await project(session, KnownPrice, row, values | {"audience": [str(unit) for unit in event.data.audience]})


class PriceChangeSeen(EventSeen):
    price_change_id: UUID
    offering_id: UUID
    state: str
    currency: str
    effective_from: datetime
    charges: list[dict[str, Any]]
    audience: list[UUID]
    notice: str | None


@consumers.projection("itaas.pricing.price.announced.v1", KnownPriceChange)
@consumers.projection("itaas.pricing.price.withdrawn.v1", KnownPriceChange)
async def know_price_change(session: AsyncSession, event: Delivery[PriceChangeSeen], now: datetime) -> None:
    row = replace(event, subject=event.data.price_change_id)
    values = event.data.model_dump(exclude={"price_change_id", "audience"})
    await project(session, KnownPriceChange, row, values | {"audience": [str(unit) for unit in event.data.audience]})
