"""What pricing publishes of costs per unit and of prices."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pricing_service.events.examples import (
    OFFERING,
    PLAN,
    RUN,
    SERVICE,
    usd,
)
from services.events import EventData, event_type
from services.http import DecimalString, MoneyModel


@event_type(
    "itaas.pricing.unit-cost.published.v1",
    summary="An allocation run found what a unit of a service costs",
    example={
        "service_id": SERVICE,
        "period": "2026-10",
        "cost": usd("4980.123456789012"),
        "volume": "240",
        "unit_of_measure": "server",
        "unit_cost": "20.7505144033",
        "currency": "USD",
        "allocation_run_id": RUN,
    },
)
class UnitCostPublished(EventData):
    """Cost per unit, to ten decimals, half-even."""

    service_id: UUID
    period: str
    cost: MoneyModel
    volume: DecimalString
    unit_of_measure: str
    unit_cost: DecimalString
    currency: str
    allocation_run_id: UUID


@event_type(
    "itaas.pricing.price.changed.v1",
    summary="An offering got a new price plan version",
    example={
        "offering_id": OFFERING,
        "price_plan_id": PLAN,
        "plan_version": 1,
        "currency": "USD",
        "effective_from": "2026-11-01T00:00:00Z",
        "charges": [{"key": "server", "name": "Server", "recurring": "year", "model": "per_unit", "unit_price": "270"}],
    },
)
class PriceChanged(EventData):
    offering_id: UUID
    price_plan_id: UUID
    plan_version: int
    currency: str
    effective_from: datetime
    charges: list[dict[str, Any]]


PUBLISHED: list[type[EventData]] = [UnitCostPublished, PriceChanged]
