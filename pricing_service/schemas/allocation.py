"""Cost pools, drivers, volumes, and the allocation calculator."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from pricing_service.domain.allocation import DriverKind, Method
from pricing_service.schemas.cost_rules import CostRule
from pricing_service.schemas.numbers import Key, Name, Number, PeriodText, Quantity
from services.http import Body, CurrencyCode, DecimalString, MoneyModel, Read


class ShareBody(Body):
    service_id: UUID
    weight: Quantity = Decimal(1)


class DriverSpec(Body):
    """By what cost is shared; see `kind`."""

    kind: DriverKind = Field(
        description="fixed: weights given; volume: the services' volumes of the period; usage: what a meter counted, "
        "or without a meter what is subscribed; headcount; statistic: figures given for the period; cost_weighted: "
        "the cost received so far; even"
    )
    meter: Key | None = Field(None, description="Of a usage driver")
    statistic: Name | None = Field(None, description="Of a statistic driver: its name")

    @model_validator(mode="after")
    def what_the_kind_needs(self) -> Self:
        if self.meter is not None and self.kind is not DriverKind.USAGE:
            raise ValueError("only a usage driver has a meter")
        if (self.statistic is not None) != (self.kind is DriverKind.STATISTIC):
            raise ValueError("a statistic driver, and no other, names its statistic")
        return self


class DriverBody(DriverSpec):
    """How the pool is shared, and among whom; of a fixed driver the weights count, of the others only who receives.

    No shares: whoever the driver measures (not of fixed and volume).
    """

    shares: list[ShareBody] = Field(max_length=1000)
    fallback: DriverSpec | None = Field(None, description="Where the driver is unknown or sums to zero")

    @model_validator(mode="after")
    def each_service_once(self) -> Self:
        ids = [share.service_id for share in self.shares]
        if len(set(ids)) != len(ids):
            raise ValueError("a service stands in the shares twice")
        return self


class CostPoolCreate(Body):
    """Rows that match all rules fall into the pool, unless a pool before it takes them. No rule: all that are left."""

    name: Name
    position: int | None = Field(None, ge=0, le=1_000_000, description="Order among the pools; absent: the last")
    rules: list[CostRule] = Field(max_length=50)
    driver: DriverBody


class CostPoolRead(Read):
    id: UUID
    name: str
    position: int
    rules: list[dict[str, Any]]
    driver: dict[str, Any]
    created_at: datetime


class ServiceVolumePut(Body):
    """The practical capacity of a service in a period; a second one for the same period replaces the first."""

    service_id: UUID
    period: PeriodText
    volume: Quantity


class ServiceVolumeRead(Read):
    id: UUID
    service_id: UUID
    period: str
    volume: DecimalString
    updated_at: datetime


class PreviewPool(Body):
    name: Name
    amount: Number


class AllocationPreview(Body):
    """How would these pools be shared? Nothing is stored."""

    method: Method
    currency: CurrencyCode
    pools: list[PreviewPool] = Field(min_length=1, max_length=20)
    services: list[Name] = Field(min_length=1, max_length=200)
    drivers: dict[str, dict[str, Number]] = Field(description="pool → receiver (a service, or another pool) → weight")
    order: list[str] = Field([], max_length=20, description="For step_down; absent: derived from the drivers")


class ReceiverRead(Read):
    service: str
    pools: dict[str, MoneyModel] = Field(description="What of each pool's own cost ends here, by whatever way")
    total: MoneyModel


class PreviewUnallocated(Read):
    pool: str
    stuck_in: str
    amount: MoneyModel
    reason: str


class AllocationPreviewRead(Read):
    method: Method
    receivers: list[ReceiverRead]
    unallocated: list[PreviewUnallocated]
    gross: dict[str, DecimalString] = Field(description="Each pool's own cost and what others passed on to it")
    total: MoneyModel
