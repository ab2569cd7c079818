"""Cost pools, volumes, allocation runs, unit costs, and the allocation calculator."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from pricing_service.domain.allocation import Method
from pricing_service.domain.costing import DriverKind
from pricing_service.schemas.numbers import Name, Number, PeriodText, Quantity
from services.http import Body, CurrencyCode, DecimalString, MoneyModel, Read

COLUMNS = Literal[
    "ServiceName",
    "ServiceCategory",
    "ProviderName",
    "SubAccountId",
    "ResourceId",
    "ChargeCategory",
    "ChargeClass",
    "BillingCurrency",
    "Source",
]
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r'^[^"\\\x00-\x1f]+$')]
Text = Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00]*$")]


class PoolRule(Body):
    """A row matches where the column or the tag has exactly this value."""

    column: COLUMNS | None = None
    tag: TagKey | None = None
    equals: Text

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        if (self.column is None) == (self.tag is None):
            raise ValueError("name either a column or a tag")
        return self


class ShareBody(Body):
    service_id: UUID
    weight: Quantity = Decimal(1)


class DriverBody(Body):
    """How the pool is shared: `fixed` by the weights given, `volume` by the services' volumes of the period."""

    kind: DriverKind
    shares: list[ShareBody] = Field(max_length=1000)

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
    rules: list[PoolRule] = Field(max_length=50)
    driver: DriverBody


class CostPoolRead(Read):
    id: UUID
    name: str
    position: int
    rules: list[dict[str, str]]
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


class AllocationRunCreate(Body):
    period: PeriodText
    method: Method = Method.DIRECT


class ServiceCostRead(Read):
    service_id: UUID
    period: str
    cost: MoneyModel
    volume: DecimalString | None
    volume_source: str = Field(description="given, subscriptions (quantities weighted by active days), or none")
    unit: str = Field(description="The service's unit of measure")
    unit_cost: DecimalString | None = Field(description="cost ÷ volume to ten decimals, half-even; null without volume")
    currency: str
    cost_rows: int
    allocation_run_id: UUID
    published_at: datetime


class PoolShareRead(Read):
    service_id: UUID
    amount: DecimalString


class AllocatedPool(Read):
    name: str
    amount: DecimalString
    cost_rows: int
    shares: list[PoolShareRead]


class UnallocatedRead(Read):
    pool: str | None = Field(description="null: rows that no pool takes")
    amount: DecimalString
    cost_rows: int
    reason: str


class AllocationRunRead(Read):
    """An immutable run: `total` = what the services carry + what stays unallocated, to the last unit."""

    id: UUID
    period: str
    method: Method
    currency: str
    input_hash: str = Field(description="Of all that decides the outcome: same inputs, same hash")
    same_inputs_as: list[UUID] = Field([], description="Earlier runs over the same inputs")
    total: MoneyModel
    allocated: MoneyModel
    cost_rows: int
    services: list[ServiceCostRead]
    pools: list[AllocatedPool]
    unallocated: list[UnallocatedRead]
    created_at: datetime


class AllocationRunSummary(Read):
    id: UUID
    period: str
    method: Method
    currency: str
    input_hash: str
    total: MoneyModel
    allocated: MoneyModel
    cost_rows: int
    created_at: datetime


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
