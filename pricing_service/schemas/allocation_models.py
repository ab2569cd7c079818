"""Allocation models in versions, and figures to share by."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from pricing_service.domain.allocation import DriverKind, Method
from pricing_service.schemas.allocation import DriverSpec
from pricing_service.schemas.cost_rules import CostRule
from pricing_service.schemas.numbers import Name, PeriodText, Quantity
from services.http import Body, DecimalString, Read

NodeName = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]


class ReceiverName(Body):
    """A pool or tower of the model, or a service."""

    pool: NodeName | None = None
    tower: NodeName | None = None
    service_id: UUID | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> Self:
        if sum(name is not None for name in (self.pool, self.tower, self.service_id)) != 1:
            raise ValueError("name one of pool, tower and service_id")
        return self

    @property
    def key(self) -> str:
        if self.service_id is not None:
            return f"service:{self.service_id}"
        return f"pool:{self.pool}" if self.pool is not None else f"tower:{self.tower}"


class ReceiverBody(ReceiverName):
    weight: Quantity = Field(Decimal(1), description="Of a fixed driver; of the others it says only who receives")


class TowerBody(Body):
    """A stop between pools and services, such as compute or storage."""

    name: NodeName
    receivers: list[ReceiverBody] | None = Field(
        None, max_length=1000, description="Who may receive; null: whichever services the driver measures"
    )
    driver: DriverSpec
    fallback: DriverSpec | None = Field(None, description="Where the driver is unknown or sums to zero; null: none")

    @model_validator(mode="after")
    def each_receiver_once(self) -> Self:
        keys = [receiver.key for receiver in self.receivers or ()]
        if len(set(keys)) != len(keys):
            raise ValueError("a receiver stands there twice")
        return self


class PoolBody(TowerBody):
    """Rows that match all rules fall into the pool, unless a pool before it takes them. No rule: all that are left."""

    rules: list[CostRule] = Field(max_length=50)


class UnitWeight(Body):
    business_unit_id: UUID
    weight: Quantity


class UnitStep(Body):
    """How a service's cost is shared among business units: by what they hold of it, unless told otherwise."""

    driver: DriverSpec = DriverSpec(kind=DriverKind.USAGE)
    fallback: DriverSpec | None = None
    weights: list[UnitWeight] = Field([], max_length=1000, description="Of a fixed driver")

    @model_validator(mode="after")
    def what_units_are_measured_by(self) -> Self:
        for rule in (self.driver, self.fallback):
            if rule is not None and rule.kind is DriverKind.VOLUME:
                raise ValueError("volume measures services; business units are measured by usage")
            if rule is not None and (rule.kind is DriverKind.FIXED) and not self.weights:
                raise ValueError("a fixed driver needs weights")
        ids = [weight.business_unit_id for weight in self.weights]
        if len(set(ids)) != len(ids):
            raise ValueError("a business unit stands in the weights twice")
        return self


class ServiceUnitStep(UnitStep):
    service_id: UUID


class BusinessUnitsBody(UnitStep):
    exceptions: list[ServiceUnitStep] = Field([], max_length=1000, description="Services that are shared differently")

    @model_validator(mode="after")
    def each_exception_once(self) -> Self:
        ids = [exception.service_id for exception in self.exceptions]
        if len(set(ids)) != len(ids):
            raise ValueError("a service stands in the exceptions twice")
        return self


class ModelBody(Body):
    """Ordered steps: pools → towers → services → business units."""

    method: Method = Field(description="Who may give to whom within a step")
    pools: list[PoolBody] = Field(min_length=1, max_length=200)
    towers: list[TowerBody] = Field([], max_length=60)
    order: list[NodeName] = Field(
        [], max_length=260, description="For step_down, every pool and tower; absent: derived from who gives to whom"
    )
    business_units: BusinessUnitsBody = BusinessUnitsBody()


class AllocationModelCreate(ModelBody):
    name: Name = Field(examples=["Towers 2026"])
    effective_from: PeriodText


class AllocationModelSummary(Read):
    id: UUID
    model_version: int
    name: str
    effective_from: str
    method: Method
    created_at: datetime


class AllocationModelRead(AllocationModelSummary):
    """One immutable version. In a period the newest counts that is effective by then."""

    pools: list[PoolBody]
    towers: list[TowerBody]
    order: list[str]
    business_units: BusinessUnitsBody


class StatisticValue(Body):
    """A figure of one receiver."""

    tower: NodeName | None = None
    service_id: UUID | None = None
    business_unit_id: UUID | None = None
    pool: NodeName | None = None
    value: Quantity

    @model_validator(mode="after")
    def one_receiver(self) -> Self:
        names = (self.pool, self.tower, self.service_id, self.business_unit_id)
        if sum(name is not None for name in names) != 1:
            raise ValueError("name one of tower, service_id, business_unit_id and pool")
        return self

    @property
    def key(self) -> str:
        if self.business_unit_id is not None:
            return f"unit:{self.business_unit_id}"
        if self.service_id is not None:
            return f"service:{self.service_id}"
        return f"pool:{self.pool}" if self.pool is not None else f"tower:{self.tower}"


class StatisticBody(Body):
    """The statistic "headcount" takes the place of what demand says of business units."""

    name: Name = Field(examples=["square metres"])
    values: list[StatisticValue] = Field(min_length=1, max_length=2000)

    @model_validator(mode="after")
    def each_receiver_once(self) -> Self:
        keys = [value.key for value in self.values]
        if len(set(keys)) != len(keys):
            raise ValueError("a receiver stands in the values twice")
        return self

    @property
    def figures(self) -> dict[str, Decimal]:
        return {value.key: value.value for value in self.values}


class StatisticPut(StatisticBody):
    period: PeriodText


class StatisticFigure(Read):
    receiver: str = Field(description="pool:<name>, tower:<name>, service:<id> or unit:<id>")
    value: DecimalString


class StatisticRead(Read):
    id: UUID
    name: str
    period: str
    values: list[StatisticFigure]
    updated_at: datetime
