"""What services are planned to cost and to deliver, and how actuals differ."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field, model_validator

from pricing_service.schemas.numbers import Key, PeriodText, Quantity
from services.http import Body, CurrencyCode, DecimalString, MoneyModel, Read


class PlannedCost(Body):
    amount: Quantity
    currency: CurrencyCode


class ServicePlanPut(Body):
    """Of a period, or of a fiscal year, which is then spread evenly over its periods to the last unit."""

    service_id: UUID
    period: PeriodText | None = None
    fiscal_year: int | None = Field(None, ge=3, le=9989)
    planned_cost: PlannedCost
    planned_volume: Quantity
    practical_capacity: Quantity = Field(description="What can be delivered; above 0")
    meter: Key | None = Field(None, description="Counts the actual volume; null: what is subscribed")

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        if (self.period is None) == (self.fiscal_year is None):
            raise ValueError("name either a period or a fiscal year")
        return self


class ServicePlanRead(Read):
    id: UUID
    service_id: UUID
    period: str
    fiscal_year: int | None = Field(description="Of the year's plan that it is a part of")
    planned_cost: DecimalString
    currency: str
    planned_volume: DecimalString
    practical_capacity: DecimalString
    planned_rate: DecimalString = Field(description="planned cost ÷ practical capacity, to ten decimals, half-even")
    meter: str | None
    updated_at: datetime


class ServicePlans(Read):
    items: list[ServicePlanRead]


class ActualRead(Read):
    allocation_run_id: UUID
    cost: MoneyModel
    volume: DecimalString
    volume_source: str = Field(description="subscriptions, or usage of a meter")
    rate: DecimalString | None = Field(description="cost ÷ volume to ten decimals; null without volume")


class IdleRead(Read):
    """planned cost = absorbed + idle cost + rounding."""

    volume: DecimalString = Field(description="capacity − actual volume; negative: more was used than the capacity")
    cost: MoneyModel
    planned_cost: MoneyModel = Field(description="Of the capacity that the plan itself leaves unused")
    absorbed: MoneyModel = Field(description="planned rate × actual volume")
    rounding: MoneyModel = Field(description="planned cost − planned rate × capacity: the planned rate is rounded")


class VarianceRead(Read):
    """rate + volume = total = actual cost − planned rate × planned volume, exactly."""

    rate: MoneyModel = Field(description="(actual rate − planned rate) × actual volume")
    volume: MoneyModel = Field(description="(actual volume − planned volume) × planned rate")
    total: MoneyModel
    formulas: list[str]


class CostVarianceRead(Read):
    service_id: UUID
    period: str
    unit: str
    plan: ServicePlanRead
    actual: ActualRead
    idle_capacity: IdleRead
    variance: VarianceRead
