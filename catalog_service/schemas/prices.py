"""Bodies of what pricing has told of an offering: its price, and what a unit of its service costs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from services.http import DecimalString, Read


class PriceRead(Read):
    """The version of its price plan that a new subscription of the business unit would get."""

    plan_version: int
    currency: str = Field(examples=["USD"])
    effective_from: datetime
    charges: list[dict[str, Any]] = Field(
        description="As pricing told them",
        examples=[
            [{"key": "server", "name": "Server", "recurring": "monthly", "model": "flat", "unit_price": "41.50"}]
        ],
    )
    discounts: list[dict[str, Any]]
    business_unit_ids: list[UUID] = Field(description="Whose price it is, with those below; empty: everybody's")


class ServiceCostRead(Read):
    """Of the service, per unit of measure: actual as pricing published it last, planned as it stands now."""

    currency: str | None
    unit_of_measure: str | None
    actual: DecimalString | None = Field(examples=["31.20"])
    actual_period: str | None = Field(examples=["2026-10"])
    planned: DecimalString | None
    planned_period: str | None
