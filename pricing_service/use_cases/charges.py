"""From the charges of a body or a stored plan to the domain's, with pointers that fit the body."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

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
from pricing_service.tables import PricePlan
from services.errors import Conflict, Fault, Refusal
from services.http import MoneyModel
from services.money import Money

_PLAN_CHARGES: TypeAdapter[list[bodies.PlanChargeBody]] = TypeAdapter(list[bodies.PlanChargeBody])
_DISCOUNTS: TypeAdapter[list[bodies.DiscountBody]] = TypeAdapter(list[bodies.DiscountBody])
_PARTS: TypeAdapter[list[bodies.PartRead]] = TypeAdapter(list[bodies.PartRead])

ZERO = Decimal(0)


class UnitCostUnknown(Conflict): ...


@contextmanager
def under(pointer: str) -> Iterator[None]:
    """Refusals of a part of the body name their fields from the body's root."""
    try:
        yield
    except Refusal as refusal:
        faults = [Fault(pointer + fault.pointer, fault.message) for fault in refusal.faults]
        raise type(refusal)(refusal.detail, faults=faults) from refusal


def charge_of(body: bodies.ChargeBody | bodies.PlanChargeBody, *, service_unit_cost: Decimal | None = None) -> Charge:
    """The charge. `service_unit_cost` stands in where a cost_plus charge leaves its unit cost to the allocation runs.

    Raises the named refusals of the price models, and UnitCostUnknown.
    """
    return Charge(_model(body, service_unit_cost), body.minimum, body.maximum)


def _model(body: bodies.ChargeBody | bodies.PlanChargeBody, service_unit_cost: Decimal | None) -> PriceModel:
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
            unit_cost = service_unit_cost if body.unit_cost is None else body.unit_cost
            if unit_cost is None:
                raise UnitCostUnknown("the charge is cost_plus, but no allocation run knows the service's unit cost")
            return CostPlus(unit_cost, body.markup)
        case bodies.MatrixCharge():
            rows = tuple(Row(row.values, row.unit_price) for row in body.rows)
            return Matrix(tuple(body.attributes), rows, body.default_unit_price)


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
            plan_charge(charge, service_unit_cost=ZERO)
    discounts_of(terms.discounts)
    if terms.minimum is not None and terms.maximum is not None and terms.minimum.true_up is TrueUpAt.PERIOD:
        Charge(Flat(ZERO), terms.minimum.amount, terms.maximum)


def _tiers(tiers: Sequence[bodies.TierBody]) -> tuple[Tier, ...]:
    return tuple(Tier(tier.up_to, tier.unit_price, tier.flat_fee, tier.above) for tier in tiers)


def stored_charges(plan: PricePlan) -> list[bodies.PlanChargeBody]:
    return _PLAN_CHARGES.validate_python(plan.charges)


def follows_unit_cost(plan: PricePlan) -> bool:
    """Whether a charge of the plan takes its unit cost from the allocation runs."""
    return any(charge["model"] == "cost_plus" and charge.get("unit_cost") is None for charge in plan.charges)


def plan_charge(body: bodies.PlanChargeBody, *, service_unit_cost: Decimal | None) -> PlanCharge:
    """Raises the named refusals of the price models, discounts and suspension, and UnitCostUnknown."""
    return PlanCharge(
        key=body.key,
        name=body.name,
        model=body.model,
        charge=charge_of(body, service_unit_cost=service_unit_cost),
        recurrence=body.recurring,
        meter=body.meter,
        timing=body.timing,
        suspended_percentage=suspended_percentage(body.suspension, body.suspension_percentage),
        discounts=discounts_of(body.discounts),
    )


def plan_version(plan: PricePlan, *, service_unit_cost: Decimal | None, specificity: int = 0) -> PlanVersion:
    """The plan as rating and quoting see it. Raises UnitCostUnknown."""
    minimum = None if plan.minimum is None else bodies.PlanMinimum.model_validate(plan.minimum)
    return PlanVersion(
        id=plan.id,
        version=plan.plan_version,
        currency=plan.currency,
        effective_from=plan.effective_from,
        charges=tuple(plan_charge(body, service_unit_cost=service_unit_cost) for body in stored_charges(plan)),
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
