"""Rate cards: what a business unit would pay for each offering at an instant."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.costing import UnitCostBasis
from pricing_service.domain.csv_cells import safe_cell
from pricing_service.schemas import prices as bodies
from pricing_service.tables import KnownOffering, KnownService, PricedOffering, PricePlan
from pricing_service.use_cases.charges import stored_charges
from pricing_service.use_cases.holdings import for_unit
from services.http import plain

CSV_COLUMNS = (
    "offering_id",
    "offering",
    "service",
    "unit_of_measure",
    "plan_version",
    "effective_from",
    "currency",
    "charge",
    "name",
    "recurring",
    "timing",
    "meter",
    "model",
    "price",
    "minimum",
    "maximum",
    "discounts",
)


async def price_for(
    session: AsyncSession, offering_id: UUID, business_unit_id: UUID | None, at: datetime
) -> PricePlan | None:
    """The plan version that a new subscription of the unit gets; without a unit, the price that is for all."""
    path = [] if business_unit_id is None else await queries.unit_path(session, business_unit_id)
    return in_force(await queries.plans_of(session, offering_id), path, at)


def in_force(rows: Sequence[PricePlan], path: Sequence[UUID], at: datetime) -> PricePlan | None:
    """Of the versions in force the one for the closest audience, then the latest, then the newer."""
    started = [(close, row.effective_from, row.plan_version, row) for row, close in for_unit(rows, path)]
    started = [each for each in started if each[1] <= at]
    return max(started, key=lambda each: each[:3])[3] if started else None


async def rate_card(
    session: AsyncSession, offerings: Sequence[PricedOffering], business_unit_id: UUID | None, at: datetime
) -> list[bodies.RateCardItem]:
    """The offerings among these that have a price for the unit, in their order."""
    path = [] if business_unit_id is None else await queries.unit_path(session, business_unit_id)
    items: list[bodies.RateCardItem] = []
    for priced in offerings:
        row = in_force(await queries.plans_of(session, priced.id), path, at)
        if row is None:
            continue
        offering = await session.get(KnownOffering, priced.id)
        service = None if offering is None else await session.get(KnownService, offering.service_id)
        items.append(
            bodies.RateCardItem(
                offering_id=priced.id,
                offering=None if offering is None else offering.name,
                service_id=None if offering is None else offering.service_id,
                service=None if service is None else service.name,
                unit_of_measure=None if offering is None else offering.unit_of_measure,
                price_plan_id=row.id,
                plan_version=row.plan_version,
                currency=row.currency,
                effective_from=row.effective_from,
                audience=[UUID(unit) for unit in row.audience],
                charges=row.charges,
                prices=[price_text(charge) for charge in stored_charges(row)],
                discounts=row.discounts,
                minimum=row.minimum,
                maximum=row.maximum,
            )
        )
    return items


def price_text(charge: bodies.PlanChargeBody) -> str:
    """A charge's price in one line, as a person would say it."""
    match charge:
        case bodies.FlatCharge():
            return plain(charge.amount)
        case bodies.PerUnitCharge():
            return f"{plain(charge.unit_price)} each"
        case bodies.GraduatedCharge() | bodies.VolumeCharge() | bodies.StairstepCharge():
            return "; ".join(_tier_text(tier) for tier in charge.tiers)
        case bodies.PackageCharge():
            free = f", {plain(charge.free_units)} free" if charge.free_units else ""
            return f"{plain(charge.package_price)} per {plain(charge.package_size)}{free}"
        case bodies.PercentageCharge():
            return f"{plain(charge.rate)} %"
        case bodies.CostPlusCharge():
            planned = isinstance(charge, bodies.CostPlusPlanCharge) and charge.basis is UnitCostBasis.PLANNED
            cost = "planned rate" if planned else "unit cost"
            return f"{cost if charge.unit_cost is None else plain(charge.unit_cost)} + {plain(charge.markup)} %"
        case bodies.MatrixCharge():
            rows = [
                f"{', '.join(f'{k} {v}' for k, v in row.values.items())}: {plain(row.unit_price)}"
                for row in charge.rows
            ]
            default = [] if charge.default_unit_price is None else [f"else: {plain(charge.default_unit_price)}"]
            return "; ".join(rows + default)


def _tier_text(tier: bodies.TierBody) -> str:
    reach = "beyond" if tier.up_to is None else f"up to {plain(tier.up_to)}"
    prices = [f"{plain(tier.unit_price)} each"] if tier.unit_price or not tier.flat_fee else []
    return f"{reach}: {' + '.join(([plain(tier.flat_fee)] if tier.flat_fee else []) + prices)}"


def rate_card_csv(items: Sequence[bodies.RateCardItem]) -> str:
    """One row per charge."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(CSV_COLUMNS)
    for item in items:
        for charge, text in zip(item.charges, item.prices, strict=True):
            cells = [
                item.offering_id,
                item.offering,
                item.service,
                item.unit_of_measure,
                item.plan_version,
                f"{item.effective_from:%FT%TZ}",
                item.currency,
                charge["key"],
                charge["name"],
                charge["recurring"],
                charge.get("timing", "in_arrears"),
                charge.get("meter"),
                charge["model"],
                text,
                charge.get("minimum"),
                charge.get("maximum"),
                "; ".join(_discount_text(each) for each in charge.get("discounts", [])),
            ]
            writer.writerow([safe_cell("" if value is None else str(value)) for value in cells])
    return out.getvalue()


def _discount_text(discount: dict[str, Any]) -> str:
    size = f"{discount['percentage']} %" if "percentage" in discount else discount["amount"]
    return f"{discount['name']}: {size}"
