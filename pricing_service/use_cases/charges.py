"""From the charges of a body or a stored plan to the domain's, with pointers that fit the body."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from pricing_service.domain.plan import PlanCharge, PlanVersion
from pricing_service.domain.prices import (
    Charge,
    CostPlus,
    Flat,
    Graduated,
    Line,
    Package,
    Part,
    Percentage,
    PerUnit,
    PriceModel,
    Stairstep,
    Tier,
    Volume,
)
from pricing_service.schemas import prices as bodies
from pricing_service.tables import PricePlan
from services.errors import Conflict, Fault, Refusal
from services.http import MoneyModel
from services.money import Money

_PLAN_CHARGES: TypeAdapter[list[bodies.PlanChargeBody]] = TypeAdapter(list[bodies.PlanChargeBody])
_PARTS: TypeAdapter[list[bodies.PartRead]] = TypeAdapter(list[bodies.PartRead])


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


def _tiers(tiers: Sequence[bodies.TierBody]) -> tuple[Tier, ...]:
    return tuple(Tier(tier.up_to, tier.unit_price, tier.flat_fee, tier.above) for tier in tiers)


def stored_charges(plan: PricePlan) -> list[bodies.PlanChargeBody]:
    return _PLAN_CHARGES.validate_python(plan.charges)


def follows_unit_cost(plan: PricePlan) -> bool:
    """Whether a charge of the plan takes its unit cost from the allocation runs."""
    return any(charge["model"] == "cost_plus" and charge.get("unit_cost") is None for charge in plan.charges)


def plan_version(plan: PricePlan, *, service_unit_cost: Decimal | None) -> PlanVersion:
    """The plan as rating and quoting see it. Raises UnitCostUnknown."""
    charges = tuple(
        PlanCharge(
            key=body.key,
            name=body.name,
            model=body.model,
            charge=charge_of(body, service_unit_cost=service_unit_cost),
            recurrence=body.recurring,
            meter=body.meter,
        )
        for body in stored_charges(plan)
    )
    return PlanVersion(plan.id, plan.plan_version, plan.currency, plan.effective_from, charges)


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
