"""What stands between a service's drafts and their publication, from the catalogue's own rows and pricing's facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import readiness as domain
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.readiness import Finding, OfferingFacts, PricePlan, ServiceFacts, UnitCost
from catalog_service.tables import KnownPrice, KnownPriceChange, Offering, Service, ServiceUnitCost
from services.db.chassis_tables import KnownBusinessUnit

DRAFTS_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class OfferingFindings:
    offering: Offering
    missing: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ServiceFindings:
    """`drafts` are looked at oldest first; how many more there are than were looked at stands in `left_off`."""

    service: Service
    missing: tuple[Finding, ...]
    drafts: Sequence[OfferingFindings]
    left_off: int
    offered: bool


async def of_offering(session: AsyncSession, offering: Offering, now: datetime) -> OfferingFindings:
    """What the offering and its service lack."""
    service, (facts,) = await service_facts(session, offering.service, now), await _facts(session, [offering], now)
    return OfferingFindings(offering, domain.missing(service, facts), domain.warnings(service, facts, now))


async def require_ready(session: AsyncSession, offering: Offering, now: datetime) -> None:
    """Raises OfferingNotReady with the full list of what is missing."""
    (facts,) = await _facts(session, [offering], now)
    domain.require_ready(await service_facts(session, offering.service, now), facts)


async def of_service(session: AsyncSession, service: Service, now: datetime) -> ServiceFindings:
    """What the service lacks, and what each of its draft offerings does beyond that."""
    drafts = Offering.service_id == service.id, Offering.state == OfferingState.DRAFT
    looked_at = list(
        (await session.scalars(select(Offering).where(*drafts).order_by(Offering.id).limit(DRAFTS_LOOKED_AT))).unique()
    )
    left_off = 0
    if len(looked_at) == DRAFTS_LOOKED_AT:
        left_off = (await session.scalar(select(func.count()).select_from(Offering).where(*drafts)) or 0) - len(
            looked_at
        )
    of_it = await service_facts(session, service, now)
    return ServiceFindings(
        service,
        domain.missing_of_service(of_it),
        [
            OfferingFindings(offering, domain.missing_of_offering(facts), domain.warnings(of_it, facts, now))
            for offering, facts in zip(looked_at, await _facts(session, looked_at, now), strict=True)
        ],
        left_off,
        bool(looked_at) or await queries.published_offerings(session, service.id) > 0,
    )


async def service_facts(session: AsyncSession, service: Service, now: datetime) -> ServiceFacts:
    costs = []
    actual = await session.get(ServiceUnitCost, service.id)
    if actual is not None and actual.unit_cost is not None:
        costs.append(UnitCost(actual.unit_cost, actual.currency, actual.period))
    if (planned := await queries.planned_unit_cost(session, service.id, now)) is not None:
        costs.append(UnitCost(planned.planned_rate, planned.currency, f"planned for {planned.period}"))
    return ServiceFacts(
        id=service.id,
        state=service.state,
        owner=service.owner_id is not None,
        support_contact=service.support_contact is not None,
        costs=costs,
    )


async def _facts(session: AsyncSession, offerings: Sequence[Offering], now: datetime) -> list[OfferingFacts]:
    """Of each, in the same order; in as many reads as for one."""
    ids = [offering.id for offering in offerings]
    plans = await queries.price_plans(session, ids)
    to_come = await queries.prices_to_come(session, ids, now)
    named = {UUID(unit) for offering in offerings for unit in _units(offering)}
    known = set(await session.scalars(select(KnownBusinessUnit.id).where(KnownBusinessUnit.id.in_(named))))
    return [_of(offering, plans, to_come, {str(unit) for unit in named - known}) for offering in offerings]


def _units(offering: Offering) -> list[str]:
    return [] if offering.audience is None else offering.audience.business_unit_ids


def _of(
    offering: Offering,
    plans: dict[UUID, list[KnownPrice]],
    to_come: dict[UUID, list[KnownPriceChange]],
    strange: set[str],
) -> OfferingFacts:
    return OfferingFacts(
        id=offering.id,
        description=offering.description,
        tier=offering.tier is not None,
        commitments=len(offering.commitments),
        request_form=offering.request_form is not None,
        fulfilment=len(offering.fulfilment),
        audience=offering.everyone or bool(offering.audience_lines),
        prices=[
            PricePlan(plan.currency, plan.effective_from, plan.charges, for_all=not plan.audience)
            for plan in plans.get(offering.id, [])
        ],
        announced=[change.effective_from for change in to_come.get(offering.id, [])],
        strange_units=[unit for unit in _units(offering) if unit in strange],
        charge_keys=[option["charge_key"] for option in offering.options if option.get("charge_key")],
    )
