"""From the charges of a body or a stored plan to the domain's, with pointers that fit the body."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.costing import UnitCostBasis
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import (
    ChargeRules,
    Commitment,
    Existing,
    PlanCharge,
    PlanVersion,
    TrueUpAt,
    check_charges,
    suspended_percentage,
)
from pricing_service.domain.prices import (
    Charge,
    CostPlus,
    Discount,
    Flat,
    Graduated,
    Line,
    Matrix,
    Package,
    Part,
    Percentage,
    PerUnit,
    PriceModel,
    Row,
    Stairstep,
    Tagged,
    Tier,
    Volume,
)
from pricing_service.schemas import prices as bodies
from pricing_service.tables import PricePlan, ServiceCost, ServicePlan
from services.errors import Conflict, Fault, Refusal
from services.http import MoneyModel
from services.money import Money

_PLAN_CHARGES: TypeAdapter[list[bodies.PlanChargeBody]] = TypeAdapter(list[bodies.PlanChargeBody])
_DISCOUNTS: TypeAdapter[list[bodies.DiscountBody]] = TypeAdapter(list[bodies.DiscountBody])
_PARTS: TypeAdapter[list[bodies.PartRead]] = TypeAdapter(list[bodies.PartRead])

ZERO = Decimal(0)


class UnitCostUnknown(Conflict): ...


UnitCostBy = Callable[[UnitCostBasis], Decimal]


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What a unit of a service costs in a period: as it was allocated last, and as it is planned."""

    allocated: ServiceCost | None
    plan: ServicePlan | None

    @classmethod
    async def of(cls, session: AsyncSession, service_id: UUID, period: Period) -> "UnitCosts":
        return cls(
            await queries.latest_service_cost(session, service_id, period),
            await queries.planned_rate(session, service_id, period),
        )

    def by(self, basis: UnitCostBasis, currency: str) -> Decimal:
        """Per unit in `currency`. Raises UnitCostUnknown."""
        if basis is UnitCostBasis.PLANNED:
            if self.plan is None:
                raise UnitCostUnknown("the charge is cost_plus by the planned rate, but the service has no plan")
            found, stated = self.plan.planned_rate, self.plan.currency
        elif self.allocated is None or self.allocated.unit_cost is None:
            raise UnitCostUnknown("the charge is cost_plus, but no allocation run knows the service's unit cost")
        else:
            found, stated = self.allocated.unit_cost, self.allocated.currency
        if stated != currency:
            raise UnitCostUnknown(
                f"the charge is cost_plus in {currency}, but the service's {basis} cost is in {stated}"
            )
        return found


@contextmanager
def under(pointer: str) -> Iterator[None]:
    """Refusals of a part of the body name their fields from the body's root."""
    try:
        yield
    except Refusal as refusal:
        faults = [Fault(pointer + fault.pointer, fault.message) for fault in refusal.faults]
        raise type(refusal)(refusal.detail, faults=faults) from refusal


def charge_of(body: bodies.ChargeBody | bodies.PlanChargeBody, *, unit_cost_by: UnitCostBy | None = None) -> Charge:
    """The charge. `unit_cost_by` tells the unit cost where a cost_plus charge does not name it.

    Raises the named refusals of the price models, and UnitCostUnknown.
    """
    return Charge(_model(body, unit_cost_by), body.minimum, body.maximum)


def _model(body: bodies.ChargeBody | bodies.PlanChargeBody, unit_cost_by: UnitCostBy | None) -> PriceModel:
    match body:
        case bodies.FlatCharge():
            return Flat(body.amount)
        case bodies.PerUnitCharge():
            return PerUnit(body.unit_price)
        case bodies.GraduatedCharge():
            return Graduated(_tiers(body.tiers))
        case bodies.VolumeCharge():
            return Volume(_tiers(body.tiers))
        case bodies.StairstepCharge():
            return Stairstep(_tiers(body.tiers))
        case bodies.PackageCharge():
            return Package(body.package_size, body.package_price, body.free_units)
        case bodies.PercentageCharge():
            return Percentage(body.rate)
        case bodies.CostPlusCharge():
            return CostPlus(_unit_cost(body, unit_cost_by), body.markup)
        case bodies.MatrixCharge():
            rows = tuple(Row(row.values, row.unit_price) for row in body.rows)
            return Matrix(tuple(body.attributes), rows, body.default_unit_price)


def _unit_cost(body: bodies.CostPlusCharge, unit_cost_by: UnitCostBy | None) -> Decimal:
    if isinstance(body, bodies.CostPlusPlanCharge) and body.unit_cost is None and unit_cost_by is not None:
        return unit_cost_by(body.basis)
    return body.unit_cost


def discounts_of(discounts: Sequence[bodies.DiscountBody]) -> tuple[Discount, ...]:
    """Raises DiscountUnclear, DiscountAboveWhole, NegativeDiscount."""
    found: list[Discount] = []
    for index, body in enumerate(discounts):
        with under(f"/discounts/{index}"):
            tag = None if body.tag is None else Tagged(body.tag.of, body.tag.key, body.tag.value)
            found.append(
                Discount(body.key, body.name, body.percentage, body.amount, body.own_line, tag, body.min_term_months)
            )
    return tuple(found)


def check_terms(terms: bodies.PlanTerms) -> None:
    """Raise the named refusals of the charges, their discounts and the plan's own. Unit costs are not judged yet."""
    check_charges(
        [
            ChargeRules(
                charge.key, charge.recurring, charge.meter, charge.timing, tuple(each.key for each in charge.discounts)
            )
            for charge in terms.charges
        ],
        [each.key for each in terms.discounts],
    )
    for index, charge in enumerate(terms.charges):
        with under(f"/charges/{index}"):
            plan_charge(charge, unit_cost_by=lambda basis: ZERO)
    discounts_of(terms.discounts)
    if terms.minimum is not None and terms.maximum is not None and terms.minimum.true_up is TrueUpAt.PERIOD:
        Charge(Flat(ZERO), terms.minimum.amount, terms.maximum)


def _tiers(tiers: Sequence[bodies.TierBody]) -> tuple[Tier, ...]:
    return tuple(Tier(tier.up_to, tier.unit_price, tier.flat_fee, tier.above) for tier in tiers)


def stored_charges(plan: PricePlan) -> list[bodies.PlanChargeBody]:
    return _PLAN_CHARGES.validate_python(plan.charges)


def plan_charge(body: bodies.PlanChargeBody, *, unit_cost_by: UnitCostBy) -> PlanCharge:
    """Raises the named refusals of the price models, discounts and suspension, and UnitCostUnknown."""
    return PlanCharge(
        key=body.key,
        name=body.name,
        model=body.model,
        charge=charge_of(body, unit_cost_by=unit_cost_by),
        recurrence=body.recurring,
        meter=body.meter,
        timing=body.timing,
        suspended_percentage=suspended_percentage(body.suspension, body.suspension_percentage),
        discounts=discounts_of(body.discounts),
    )


def plan_version(plan: PricePlan, *, unit_costs: UnitCosts, specificity: int = 0) -> PlanVersion:
    """The plan as rating and quoting see it. Raises UnitCostUnknown."""
    currency = plan.currency
    minimum = None if plan.minimum is None else bodies.PlanMinimum.model_validate(plan.minimum)
    return PlanVersion(
        id=plan.id,
        version=plan.plan_version,
        currency=currency,
        effective_from=plan.effective_from,
        charges=tuple(
            plan_charge(body, unit_cost_by=lambda basis: unit_costs.by(basis, currency))
            for body in stored_charges(plan)
        ),
        existing=Existing(plan.existing_subscriptions),
        discounts=discounts_of(_DISCOUNTS.validate_python(plan.discounts)),
        minimum=None if minimum is None else Commitment(minimum.amount, minimum.true_up),
        maximum=plan.maximum,
        specificity=specificity,
    )


def parts_document(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Parts as they are stored with a line."""
    read = [bodies.PartRead.model_validate(part) for part in parts]
    documents: list[dict[str, Any]] = _PARTS.dump_python(read, mode="json")
    return documents


def priced_line(line: Line) -> bodies.PricedLineRead:
    return bodies.PricedLineRead(
        kind=line.kind,
        quantity=line.quantity,
        unit_price=line.unit_price,
        formula=line.formula,
        amount=MoneyModel.of(Money(line.amount, line.currency)),
        parts=[bodies.PartRead.model_validate(part) for part in line.parts],
    )
