"""The readiness gate: what an offering, and the service that it is of, must have before anybody may ask for it.

    of the service        of the offering
    service (published)   description     fulfilment
    owner                 tier            audience
    support_contact       commitments     price_plan
    unit_cost             request_form

A gap refuses the publication, a warning does not. Every gap says what to do and where.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from uuid import UUID

from catalog_service.domain.service import ServiceState
from services.errors import Conflict, Fault
from services.money import EXACT


class Check(StrEnum):
    SERVICE = "service"
    OWNER = "owner"
    SUPPORT_CONTACT = "support_contact"
    UNIT_COST = "unit_cost"
    DESCRIPTION = "description"
    TIER = "tier"
    COMMITMENTS = "commitments"
    REQUEST_FORM = "request_form"
    FULFILMENT = "fulfilment"
    AUDIENCE = "audience"
    PRICE_PLAN = "price_plan"


class OfferingNotReady(Conflict): ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing, or that somebody should look at, and `how` it is mended.

    The pointer leads into the body of the thing itself.
    """

    check: Check
    pointer: str
    what: str
    how: str

    @property
    def message(self) -> str:
        return f"{self.what}: {self.how}"


@dataclass(frozen=True, slots=True)
class UnitCost:
    """What a unit of the service costs in a month, as allocated or as planned."""

    amount: Decimal
    currency: str
    period: str


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """`costs`: the actual and the planned unit cost, as far as they are known; the actual one first."""

    id: UUID
    state: ServiceState
    owner: bool
    support_contact: bool
    costs: Sequence[UnitCost]


@dataclass(frozen=True, slots=True)
class PricePlan:
    currency: str
    effective_from: datetime
    charges: Sequence[Mapping[str, Any]]
    for_all: bool


@dataclass(frozen=True, slots=True)
class OfferingFacts:
    id: UUID
    description: str
    tier: bool
    commitments: int
    request_form: bool
    fulfilment: int
    audience: bool
    prices: Sequence[PricePlan]  # the versions that are known, in force and to come
    announced: Sequence[datetime]  # from when on announced prices will count
    strange_units: Sequence[str] = ()  # of the audience, business units that the catalogue has not heard of
    charge_keys: Sequence[str] = ()  # that its options name


def missing_of_service(service: ServiceFacts) -> tuple[Finding, ...]:
    """What the service lacks, whichever of its offerings is to be published. Pointers lead into the service."""
    gaps = []
    change = f"PATCH /v1/services/{service.id} with"
    if service.state is not ServiceState.PUBLISHED:
        gaps.append(Finding(Check.SERVICE, "/state", f"the service is {service.state}", _to_be_live(service)))
    if not service.owner:
        gaps.append(Finding(Check.OWNER, "/owner_id", "an owner", f"{change} owner_id"))
    if not service.support_contact:
        gaps.append(
            Finding(Check.SUPPORT_CONTACT, "/support_contact", "a support contact", f"{change} support_contact")
        )
    if not service.costs:
        how = (
            f"pricing PUT /v1/service-plans with service_id {service.id} plans one, an allocation run finds the actual"
        )
        gaps.append(Finding(Check.UNIT_COST, "/unit_cost", "a unit cost", how))
    return tuple(gaps)


def _to_be_live(service: ServiceFacts) -> str:
    if service.state in (ServiceState.DRAFT, ServiceState.UNDER_EVALUATION):
        first = "evaluate it, then " if service.state is ServiceState.DRAFT else ""
        return f"{first}publish its first revision (POST /v1/services/{service.id}/revisions, then its publish)"
    return "nothing new can be offered of it"


def missing_of_offering(offering: OfferingFacts) -> tuple[Finding, ...]:
    """What the offering itself lacks. Pointers lead into the offering."""
    change = f"PATCH /v1/offerings/{offering.id} with"
    parts = (
        (
            Check.DESCRIPTION,
            bool(offering.description.strip()),
            "a description, for those who choose between offerings",
        ),
        (Check.TIER, offering.tier, "a tier, which says what sets the offering apart"),
        (Check.COMMITMENTS, offering.commitments > 0, "at least one commitment"),
        (Check.REQUEST_FORM, offering.request_form, "a request form (JSON Schema)"),
        (Check.FULFILMENT, offering.fulfilment > 0, "a fulfilment template with at least one task"),
        (Check.AUDIENCE, offering.audience, "an audience (everyone, business units or roles)"),
    )
    gaps = [Finding(check, f"/{check}", what, f"{change} {check}") for check, there, what in parts if not there]
    if not offering.prices and not offering.announced:
        how = f"pricing POST /v1/price-plans with offering_id {offering.id}"
        gaps.append(Finding(Check.PRICE_PLAN, "/price_plan", "a price plan", how))
    return tuple(gaps)


def missing(service: ServiceFacts, offering: OfferingFacts) -> tuple[Finding, ...]:
    """Everything that still stands between a draft and its publication, with pointers into the offering."""
    of_service = [
        replace(gap, pointer="/service_id" if gap.check is Check.SERVICE else f"/service{gap.pointer}")
        for gap in missing_of_service(service)
    ]
    return (*of_service, *missing_of_offering(offering))


def require_ready(service: ServiceFacts, offering: OfferingFacts) -> None:
    """Raises OfferingNotReady with the full list of what is missing."""
    if gaps := missing(service, offering):
        faults = [Fault(gap.pointer, gap.message) for gap in gaps]
        raise OfferingNotReady(f"the offering is not ready: {len(gaps)} missing", faults=faults)


def warnings(service: ServiceFacts, offering: OfferingFacts, now: datetime) -> tuple[Finding, ...]:
    """What does not refuse a publication but deserves a look. Pointers lead into the offering."""
    found = []
    starts = [plan.effective_from for plan in offering.prices] + list(offering.announced)
    if starts and min(starts) > now:
        what = "no price counts yet"
        how = f"the first one does from {min(starts):%FT%TZ} on"
        found.append(Finding(Check.PRICE_PLAN, "/price_plan", what, how))
    if offering.prices and not any(plan.for_all for plan in offering.prices):
        what = "every price plan is for some business units alone"
        found.append(Finding(Check.PRICE_PLAN, "/price_plan", what, "the others would get no quote"))
    if offering.strange_units:
        what = f"the audience names business units that are not known: {', '.join(offering.strange_units[:5])}"
        found.append(Finding(Check.AUDIENCE, "/audience/business_unit_ids", what, "demand has not told of them yet"))
    charges = {charge.get("key") for plan in offering.prices for charge in plan.charges}
    if offering.prices and (unpriced := sorted(set(offering.charge_keys) - charges)):
        what = f"options name charges that no price plan has: {', '.join(unpriced[:5])}"
        found.append(Finding(Check.PRICE_PLAN, "/options", what, "pricing POST /v1/price-plans adds them"))
    current = max(
        (plan for plan in offering.prices if plan.for_all and plan.effective_from <= now),
        key=lambda plan: plan.effective_from,
        default=None,
    )
    annual = None if current is None else annual_price(current.charges)
    if current is not None and annual is not None:
        for cost in service.costs[:1]:
            if cost.currency == current.currency and annual < EXACT.multiply(cost.amount, Decimal(12)):
                what = "the price is below the unit cost"
                how = f"{_plain(annual)} {cost.currency} a year against {_plain(cost.amount)} a month ({cost.period})"
                found.append(Finding(Check.UNIT_COST, "/price_plan", what, how))
    return tuple(found)


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_TIMES_A_YEAR = {"month": 12, "quarter": 4, "year": 1}


def annual_price(charges: Sequence[Mapping[str, Any]]) -> Decimal | None:
    """What one unit costs in a year; None where that depends on usage, quantity or cost, or is not readable."""
    total = Decimal(0)
    for charge in charges:
        if charge.get("recurring") == "one_off":
            continue
        times = _TIMES_A_YEAR.get(charge.get("recurring", ""))
        price = charge.get("unit_price") if charge.get("model") == "per_unit" else None
        try:
            if times is None or price is None:
                return None
            total = EXACT.add(total, EXACT.multiply(Decimal(price), Decimal(times)))
        except (InvalidOperation, TypeError, ValueError):
            return None
    return total if total else None
