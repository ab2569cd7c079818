"""Charges in their nine models, price plans, and the price calculator."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from pricing_service.domain.costing import UnitCostBasis
from pricing_service.domain.plan import Existing, Recurrence, Suspension, Timing, TrueUpAt
from pricing_service.domain.prices.discount import TagOf
from pricing_service.domain.prices.line import LineKind, PartKind
from pricing_service.schemas.numbers import Instant, Key, Name, Number, Quantity
from services.http import Body, CurrencyCode, DecimalString, MoneyModel, Read

ZERO = Decimal(0)


class TierBody(Body):
    """A range of quantities, inclusive at the top: `up_to` 5 covers 0 < q ≤ 5."""

    up_to: Number | None = Field(None, description="null on the last tier, which is open")
    above: Number | None = Field(None, description="May repeat where the tier starts; must be where the last one ended")
    unit_price: Number = Field(ZERO, description="Of each unit; absent: 0")
    flat_fee: Number = Field(ZERO, description="Due once the tier is entered; absent: 0")


class _Limits(Body):
    minimum: Number | None = Field(None, description="What is missing to it becomes a true-up line")
    maximum: Number | None = Field(None, description="What exceeds it is cut off")


class FlatCharge(_Limits):
    """The amount, whatever the quantity."""

    model: Literal["flat"]
    amount: Number


class PerUnitCharge(_Limits):
    """quantity × unit price."""

    model: Literal["per_unit"]
    unit_price: Number


class GraduatedCharge(_Limits):
    """Every tier that is entered prices its own slice and adds its flat fee."""

    model: Literal["graduated"]
    tiers: list[TierBody] = Field(max_length=100)


class VolumeCharge(_Limits):
    """The tier reached prices the whole quantity and adds its flat fee."""

    model: Literal["volume"]
    tiers: list[TierBody] = Field(max_length=100)


class StairstepCharge(_Limits):
    """The flat fee of the tier reached."""

    model: Literal["stairstep"]
    tiers: list[TierBody] = Field(max_length=100)


class PackageCharge(_Limits):
    """Whole packages of what exceeds the free units; one that is begun is due in full."""

    model: Literal["package"]
    package_size: Number
    package_price: Number
    free_units: Number = ZERO


class PercentageCharge(_Limits):
    """A rate, in percent, of the measured value."""

    model: Literal["percentage"]
    rate: Number


class CostPlusCharge(_Limits):
    """quantity × unit cost × (1 + markup), the markup in percent."""

    model: Literal["cost_plus"]
    unit_cost: Number
    markup: Number


class MatrixRow(Body):
    values: dict[Key, Name] = Field(max_length=10, description="Value by attribute; one that is left out may be any")
    unit_price: Number


class MatrixCharge(_Limits):
    """The attributes of what was used choose the unit price: the first row that fits, else the default."""

    model: Literal["matrix"]
    attributes: list[Key] = Field(max_length=10)
    rows: list[MatrixRow] = Field(max_length=1000)
    default_unit_price: Number | None = Field(None, description="Absent: what no row fits has no price")


ChargeBody = Annotated[
    FlatCharge
    | PerUnitCharge
    | GraduatedCharge
    | VolumeCharge
    | StairstepCharge
    | PackageCharge
    | PercentageCharge
    | CostPlusCharge
    | MatrixCharge,
    Field(discriminator="model"),
]


class DiscountTag(Body):
    of: TagOf = TagOf.SUBSCRIPTION
    key: Key
    value: Name | None = Field(None, description="Absent: whatever the tag says")


class DiscountBody(Body):
    """A percentage or an amount off, in the order of the list, each off what the ones before have left."""

    key: Key
    name: Name
    percentage: Number | None = Field(None, description="0 to 100")
    amount: Number | None = Field(None, description="Off the full price of the charge; prorates with it")
    own_line: bool = Field(False, description="On a line of its own, instead of within the charge's")
    tag: DiscountTag | None = Field(None, description="Only for subscriptions, or units, that carry it")
    min_term_months: Annotated[int, Field(ge=1, le=600)] | None = Field(
        None, description="Only within a committed term of at least so many months"
    )


class PlanMinimum(Body):
    """The least that all charges but one-offs come to; what is missing becomes a true-up line."""

    amount: Quantity
    true_up: TrueUpAt = Field(TrueUpAt.PERIOD, description="In each period, or at the end of the committed term")


class _PlanFields(Body):
    key: Key = Field(description="Names the charge on quotes and statements; unique within the plan")
    name: Name
    recurring: Recurrence = Field(
        description="month (each fiscal period); quarter (billed in thirds); year (billed in twelfths); "
        "one_off (when the subscription starts); usage (of a meter)"
    )
    meter: Key | None = Field(None, description="What a usage charge measures")
    timing: Timing = Field(Timing.IN_ARREARS, description="in_advance: billed with the period before")
    suspension: Suspension = Field(Suspension.FULL, description="What is due while the subscription is suspended")
    suspension_percentage: Number | None = Field(None, description="0 to 100, with suspension percentage")
    discounts: list[DiscountBody] = Field(default_factory=list, max_length=20)


class FlatPlanCharge(_PlanFields, FlatCharge): ...


class PerUnitPlanCharge(_PlanFields, PerUnitCharge): ...


class GraduatedPlanCharge(_PlanFields, GraduatedCharge): ...


class VolumePlanCharge(_PlanFields, VolumeCharge): ...


class StairstepPlanCharge(_PlanFields, StairstepCharge): ...


class PackagePlanCharge(_PlanFields, PackageCharge): ...


class PercentagePlanCharge(_PlanFields, PercentageCharge): ...


class CostPlusPlanCharge(_PlanFields, CostPlusCharge):
    unit_cost: Number | None = Field(  # type: ignore[assignment]  # a plan may leave it to the allocation runs
        None, description="Absent: the service's unit cost, as `basis` says"
    )
    basis: UnitCostBasis = Field(
        UnitCostBasis.ACTUAL,
        description="Without a unit_cost: actual (of the last allocation run up to the period), or planned (the rate "
        "of the service's plan: planned cost ÷ practical capacity, which falling demand does not push up)",
    )

    @model_validator(mode="after")
    def one_unit_cost(self) -> Self:
        if self.unit_cost is not None and self.basis is UnitCostBasis.PLANNED:
            raise ValueError("name a unit_cost, or basis planned")
        return self


class MatrixPlanCharge(_PlanFields, MatrixCharge): ...


PlanChargeBody = Annotated[
    FlatPlanCharge
    | PerUnitPlanCharge
    | GraduatedPlanCharge
    | VolumePlanCharge
    | StairstepPlanCharge
    | PackagePlanCharge
    | PercentagePlanCharge
    | CostPlusPlanCharge
    | MatrixPlanCharge,
    Field(discriminator="model"),
]


class PlanTerms(Body):
    """What a version of a plan says."""

    charges: list[PlanChargeBody] = Field(min_length=1, max_length=100)
    discounts: list[DiscountBody] = Field(default_factory=list, max_length=20, description="Off all charges together")
    minimum: PlanMinimum | None = None
    maximum: Quantity | None = Field(None, description="The most that all charges but one-offs come to in a period")


class PricePlanCreate(PlanTerms):
    """A new version of an offering's price plan."""

    offering_id: UUID
    currency: CurrencyCode
    audience: list[UUID] = Field(
        default_factory=list,
        max_length=100,
        description="Business units that are offered the price, with those below them; empty: all",
    )
    effective_from: Instant | None = Field(None, description="From this instant's day (UTC) on; absent: now")
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        None,
        description="Why the price of offerings that are subscribed changes without an announced price change",
    )


class PricePlanRead(Read):
    id: UUID
    offering_id: UUID
    plan_version: int
    currency: str
    effective_from: datetime
    charges: list[dict[str, Any]]
    discounts: list[dict[str, Any]]
    minimum: dict[str, Any] | None
    maximum: DecimalString | None
    audience: list[UUID]
    existing_subscriptions: Existing
    reason: str | None
    created_at: datetime


class RateCardItem(Read):
    """An offering with its charges in force; `prices` says each charge in one line, in the same order."""

    offering_id: UUID
    offering: str | None
    service_id: UUID | None
    service: str | None
    unit_of_measure: str | None
    price_plan_id: UUID
    plan_version: int
    currency: str
    effective_from: datetime
    audience: list[UUID]
    charges: list[dict[str, Any]]
    prices: list[str]
    discounts: list[dict[str, Any]]
    minimum: dict[str, Any] | None
    maximum: DecimalString | None


class QuantityByAttributes(Body):
    attributes: dict[Key, Name] = Field(max_length=10)
    quantity: Quantity


class PricePreview(Body):
    """What would `quantity` cost? Nothing is stored."""

    charge: ChargeBody
    currency: CurrencyCode
    quantity: Quantity
    by_attributes: list[QuantityByAttributes] | None = Field(
        None, max_length=1000, description="For a matrix: the quantity by the attributes it was used with"
    )
    discounts: list[DiscountBody] = Field(default_factory=list, max_length=20)
    subscription_tags: dict[Key, Name] = Field(default_factory=dict, max_length=50)
    business_unit_tags: dict[Key, Name] = Field(default_factory=dict, max_length=50)
    term_months: Annotated[int, Field(ge=1, le=600)] | None = None


class PartRead(Read):
    """One summand of a line, unrounded; a line's parts add up to its amount."""

    kind: PartKind
    label: str
    amount: DecimalString
    quantity: DecimalString | None = None
    unit_price: DecimalString | None = None
    flat_fee: DecimalString = ZERO


class PricedLineRead(Read):
    kind: LineKind
    quantity: DecimalString
    unit_price: DecimalString | None
    formula: str
    amount: MoneyModel
    parts: list[PartRead]


class PricePreviewRead(Read):
    total: MoneyModel
    lines: list[PricedLineRead]
