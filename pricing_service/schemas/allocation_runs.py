"""Allocation runs, what-ifs, comparisons, explanations and the quality of attribution."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from pricing_service.domain.allocation import Attribution, Basis, Method
from pricing_service.schemas.allocation_models import ModelBody, ReceiverBody, StatisticBody
from pricing_service.schemas.cost_rules import CostRule
from pricing_service.schemas.numbers import PeriodText, Quantity
from services.http import Body, DecimalString, MoneyModel, Read


class AllocationRunCreate(Body):
    """By a model, or by the cost pools as they stand."""

    period: PeriodText
    method: Method | None = Field(None, description="By the cost pools as they stand, with this method")
    model_id: UUID | None = Field(
        None,
        description="By this version of the model. Neither this nor a method: by the newest version that is effective "
        "in the period; where there is none, by the cost pools as they stand, directly",
    )


class WeightChange(Body):
    """Another weight of a fixed driver."""

    pool: str | None = None
    tower: str | None = None
    receiver: ReceiverBody


class VolumeChange(Body):
    service_id: UUID
    volume: Quantity


class WhatIf(Body):
    """A period as it is, shared differently. All that is left out is as it would be in a run."""

    period: PeriodText
    model_id: UUID | None = None
    model: ModelBody | None = Field(None, description="A model that is not saved; not together with model_id")
    method: Method | None = Field(None, description="Instead of the model's; without any model, of the cost pools")
    weights: list[WeightChange] = Field([], max_length=1000)
    volumes: list[VolumeChange] = Field([], max_length=1000)
    statistics: list[StatisticBody] = Field([], max_length=50)
    compare_with: UUID | None = Field(None, description="A run; absent: the period's last one, if it has any")


class ServiceCostFigures(Read):
    service_id: UUID
    period: str
    cost: MoneyModel
    volume: DecimalString | None
    volume_source: str = Field(
        description="given, capacity (the plan's practical capacity), subscriptions (quantities weighted by active "
        "days), or none"
    )
    unit: str = Field(description="The service's unit of measure")
    unit_cost: DecimalString | None = Field(description="cost ÷ volume to ten decimals, half-even; null without volume")
    currency: str
    cost_rows: int


class ServiceCostRead(ServiceCostFigures):
    allocation_run_id: UUID
    published_at: datetime


class PoolShareRead(Read):
    service_id: UUID
    amount: DecimalString


class NodeRead(Read):
    """What a pool, a tower or a service was shared by."""

    driver: str | None = Field(description="The driver that was used; null where none was of use")
    basis: Basis = Field(description="Whether it was the driver, its declared fallback, or none of them")
    reason: str | None = Field(description="Why the driver was of no use")


class AllocatedPool(Read):
    name: str
    amount: DecimalString
    cost_rows: int
    shares: list[PoolShareRead] = Field(description="What of its own cost ended where, by whatever way")
    gross: DecimalString | None = Field(None, description="Own cost and what was passed on to it, to twelve decimals")
    sharing: NodeRead | None = Field(None, description="null: a run from before models")


class AllocatedTower(Read):
    name: str
    received: DecimalString
    gross: DecimalString = Field(description="With what towers charge each other, to twelve decimals")
    left_over: DecimalString = Field(description="What could not be shared; it is among the unallocated")
    sharing: NodeRead


class UnitAmount(Read):
    business_unit_id: UUID
    amount: DecimalString


class UnconsumedRead(Read):
    """Cost of a service that no business unit carries."""

    service_id: UUID
    amount: DecimalString
    reason: str | None


class UnallocatedRead(Read):
    pool: str | None = Field(description="null: rows that no pool takes")
    amount: DecimalString
    cost_rows: int
    reason: str


class ConversionRead(Read):
    """Costs of one currency, turned into the run's."""

    currency: str
    cost: DecimalString
    rate: DecimalString = Field(description="The average rate of the period, as it was stated")
    rate_inverse: bool = Field(description="Whether it was stated for the other direction: cost ÷ rate")
    amount: DecimalString


class AttributionRead(Read):
    attribution: str = Field(description="rule, driver, spread or unallocated")
    amount: DecimalString
    share: DecimalString | None = Field(description="Of the total, to six decimals; they add up to 1")


class AllocationFigures(Read):
    """`total` = what the services carry + what stays unallocated, to the last unit."""

    period: str
    method: Method
    model_id: UUID | None = None
    model_version: int | None = None
    currency: str
    input_hash: str = Field(description="Of all that decides the outcome: same inputs, same hash")
    total: MoneyModel
    allocated: MoneyModel
    cost_rows: int
    pools: list[AllocatedPool]
    towers: list[AllocatedTower] = Field([])
    business_units: list[UnitAmount] = Field([], description="What each carries of the services' costs")
    unconsumed: list[UnconsumedRead] = Field([])
    unallocated: list[UnallocatedRead]
    conversions: list[ConversionRead] = Field([], description="One per currency other than the run's")
    attribution: list[AttributionRead] = Field([])


class AllocationRunRead(AllocationFigures):
    """An immutable run."""

    id: UUID
    same_inputs_as: list[UUID] = Field([], description="Earlier runs over the same inputs")
    services: list[ServiceCostRead]
    created_at: datetime


class AllocationRunSummary(Read):
    id: UUID
    period: str
    method: Method
    model_id: UUID | None
    model_version: int | None
    currency: str
    input_hash: str
    total: MoneyModel
    allocated: MoneyModel
    cost_rows: int
    created_at: datetime


class Difference(Read):
    """`difference` = b − a. An absent side counts as 0."""

    name: str
    a: DecimalString
    b: DecimalString
    difference: DecimalString


class InputDifference(Read):
    pointer: str = Field(description="JSON pointer into the input")
    before: Any = Field(description="As run `a` had it; null: it had none")
    after: Any


class InputChange(Read):
    input: str = Field(description="snapshots, costs, model, rates, volumes, usage, headcounts, statistics, …")
    changes: list[InputDifference] = Field(
        description="What differs, at most a hundred; empty where only its hash is kept"
    )


class Comparison(Read):
    """Two runs side by side, the larger differences first."""

    a: UUID | None
    b: UUID | None = Field(description="null: the what-if")
    currency: str
    same_inputs: bool
    inputs_changed: list[InputChange]
    total: Difference
    allocated: Difference
    unallocated: Difference
    pools: list[Difference]
    towers: list[Difference]
    services: list[Difference]
    business_units: list[Difference]


class WhatIfRead(AllocationFigures):
    """What a run would have found. Nothing is stored, nothing is published."""

    services: list[ServiceCostFigures]
    comparison: Comparison | None = Field(description="With a run; null where there is none, or in another currency")


class ExplainedThread(Read):
    pool: str
    attribution: Attribution
    amount: DecimalString


class ExplainedPart(Read):
    """What one pool or tower gave; the amounts of `threads` add up to `amount`."""

    giver: str
    driver: str | None
    basis: Basis
    reason: str | None
    weight: DecimalString | None = Field(description="The receiver's; null where it received through others only")
    weight_total: DecimalString
    amount: DecimalString
    formula: str
    threads: list[ExplainedThread]


class ExplainedTower(Read):
    """A tower on the way; the amounts of `parts` add up to `received`."""

    name: str
    received: DecimalString
    gross: DecimalString
    parts: list[ExplainedPart]


class ExplainedSource(Read):
    import_id: UUID
    source: str
    currency: str
    cost: DecimalString
    cost_rows: int
    rate: DecimalString
    rate_inverse: bool
    amount: DecimalString
    href: str = Field(description="The cost rows that the run took into the pool from here, superseded since or not")


class ExplainedPool(Read):
    """A pool behind the service's cost; `amount` is what of it ended here, `total` all of it."""

    name: str
    amount: DecimalString
    total: DecimalString
    cost_rows: int
    rules: list[CostRule] = Field(description="Which rows fall into it, unless a pool before it takes them")
    sources: list[ExplainedSource] = Field(description="Their amounts add up to `total`")


class ExplainedUnit(Read):
    business_unit_id: UUID
    weight: DecimalString
    weight_total: DecimalString
    amount: DecimalString
    formula: str


class AllocationExplanation(Read):
    """A service's cost down to cost rows: the `parts` add up to `amount`, and so do the `pools`."""

    allocation_run_id: UUID
    model_id: UUID | None
    model_version: int | None
    period: str
    method: Method
    service_id: UUID
    amount: MoneyModel
    volume: DecimalString | None
    unit_cost: DecimalString | None
    formula: str
    parts: list[ExplainedPart]
    towers: list[ExplainedTower]
    pools: list[ExplainedPool]
    business_units: list[ExplainedUnit] = Field(description="With `not_consumed` they add up to `amount`")
    not_consumed: DecimalString


class PoolQuality(Read):
    pool: str | None = Field(description="null: rows that no pool takes")
    total: DecimalString
    attribution: list[AttributionRead]


class CostQuality(Read):
    """How well a period's cost is attributed; the four amounts add up to the total, to the last unit.

    rule: a pool's rules pick rows for one service. driver: shared by usage, volume, headcount, a statistic, cost
    received or fixed weights. spread: evenly or by a fallback, at any step. The weakest step of the way counts.
    """

    period: str
    allocation_run_id: UUID
    total: MoneyModel
    attribution: list[AttributionRead]
    pools: list[PoolQuality]
