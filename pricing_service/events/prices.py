"""What pricing publishes of costs per unit and of prices."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.events.examples import CHANGE, OFFERING, PLAN, RUN, SERVICE, UNIT, usd
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
    "itaas.pricing.unit-cost.planned.v1",
    summary="A unit of a service got a planned rate for a period, or another one",
    example={
        "service_plan_id": PLAN,
        "service_id": SERVICE,
        "period": "2026-11",
        "starts_at": "2026-11-01T00:00:00Z",
        "ends_at": "2026-12-01T00:00:00Z",
        "fiscal_year": 2026,
        "planned_cost": usd("5000"),
        "planned_volume": "240",
        "practical_capacity": "250",
        "unit_of_measure": "server",
        "planned_rate": "20",
        "currency": "USD",
    },
)
class UnitCostPlanned(EventData):
    """Of one period: a year's plan is told period by period. The subject is the service plan, a row of each period."""

    service_plan_id: UUID
    service_id: UUID
    period: str
    starts_at: datetime = Field(description="The period's first instant")
    ends_at: datetime = Field(description="The first instant after it")
    fiscal_year: int | None = Field(description="Of the year's plan that it is a part of")
    planned_cost: MoneyModel
    planned_volume: DecimalString
    practical_capacity: DecimalString
    unit_of_measure: str | None = Field(description="null until the catalogue has told of the service")
    planned_rate: DecimalString = Field(description="planned cost ÷ practical capacity, to ten decimals, half-even")
    currency: str


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
    discounts: list[dict[str, Any]] = Field(default_factory=list)
    minimum: dict[str, Any] | None = None
    maximum: DecimalString | None = None
    audience: list[UUID] = Field(default_factory=list)
    existing_subscriptions: str = "follow"


class PriceChangeData(EventData):
    """A price that is to come. The subject is the offering, so that it stays in order with price.changed."""

    price_change_id: UUID
    offering_id: UUID
    state: str
    currency: str
    effective_from: datetime
    existing_subscriptions: str
    charges: list[dict[str, Any]]
    discounts: list[dict[str, Any]]
    minimum: dict[str, Any] | None
    maximum: DecimalString | None
    audience: list[UUID]
    notice: str | None
    shadow_periods: list[str]
    subscriptions: int
    business_unit_ids: list[UUID]
    old_amount: DecimalString
    new_amount: DecimalString


_ANNOUNCED: dict[str, Any] = {
    "price_change_id": CHANGE,
    "offering_id": OFFERING,
    "state": "announced",
    "currency": "USD",
    "effective_from": "2027-01-01T00:00:00Z",
    "existing_subscriptions": "renewal",
    "charges": [{"key": "server", "name": "Server", "recurring": "year", "model": "per_unit", "unit_price": "290"}],
    "discounts": [],
    "minimum": None,
    "maximum": None,
    "audience": [],
    "notice": "Licences cost more from January on.",
    "shadow_periods": ["2026-10"],
    "subscriptions": 12,
    "business_unit_ids": [UNIT],
    "old_amount": "270.00",
    "new_amount": "290.00",
}


@event_type(
    "itaas.pricing.price.announced.v1", summary="A price change was announced to those it affects", example=_ANNOUNCED
)
class PriceAnnounced(PriceChangeData): ...


@event_type(
    "itaas.pricing.price.withdrawn.v1",
    summary="An announced price change will not happen",
    example=_ANNOUNCED | {"state": "withdrawn"},
)
class PriceWithdrawn(PriceChangeData): ...


@event_type(
    "itaas.pricing.recovery.drifted.v1",
    summary="A period closed in which a service recovered more or less of its cost than it was meant to",
    example={
        "service_id": SERVICE,
        "period": "2026-10",
        "strategy": "cost_recovery",
        "target_recovery_percentage": "100",
        "tolerance_percentage_points": "5",
        "recovery_percentage": "88.4000",
        "drift_percentage_points": "-11.6000",
        "cost": "1000.00",
        "revenue": "884.00",
        "currency": "USD",
    },
)
class RecoveryDrifted(EventData):
    """The subject is the service."""

    service_id: UUID
    period: str
    strategy: str
    target_recovery_percentage: DecimalString
    tolerance_percentage_points: DecimalString
    recovery_percentage: DecimalString
    drift_percentage_points: DecimalString
    cost: DecimalString
    revenue: DecimalString
    currency: str


PUBLISHED: list[type[EventData]] = [
    UnitCostPublished,
    UnitCostPlanned,
    PriceChanged,
    PriceAnnounced,
    PriceWithdrawn,
    RecoveryDrifted,
]
