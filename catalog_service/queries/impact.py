"""Named reads of what a service's or an offering's end would touch: a fixed number of queries, however much it is."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.impact import Held, Needed
from catalog_service.domain.offering import OfferingState
from catalog_service.queries.dependencies import hard_dependents, live_hard_dependents
from catalog_service.tables import KnownSubscription, Offering, OfferingMember, OfferingRelation
from services.db import exact_sum
from services.db.chassis_tables import KnownBusinessUnit

ACTIVE, SUSPENDED = "active", "suspended"
HELD = (ACTIVE, SUSPENDED)


@dataclass(frozen=True, slots=True)
class Holding:
    """What a business unit holds of an offering: subscriptions in one state, and their total quantity."""

    offering_id: UUID
    business_unit_id: UUID
    state: str
    subscriptions: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Brief:
    """An offering as a list names it."""

    id: UUID
    name: str
    service_id: UUID
    state: OfferingState
    unit_of_measure: str


async def holdings(session: AsyncSession, offering_ids: Select[UUID]) -> list[Holding]:
    known = KnownSubscription
    query = (
        select(known.offering_id, known.business_unit_id, known.state, func.count(), exact_sum(known.quantity))
        .where(known.offering_id.in_(offering_ids), known.state.in_(HELD))
        .group_by(known.offering_id, known.business_unit_id, known.state)
        .order_by(known.offering_id, known.business_unit_id, known.state)
    )
    return [Holding(*row) for row in await session.execute(query)]


def offerings_of(service_id: UUID) -> Select[UUID]:
    return select(Offering.id).where(Offering.service_id == service_id)


async def brief_offerings(session: AsyncSession, offering_ids: Iterable[UUID] | Select[UUID]) -> list[Brief]:
    wanted = offering_ids if isinstance(offering_ids, Select) else list(offering_ids)
    query = select(Offering.id, Offering.name, Offering.service_id, Offering.state, Offering.unit_of_measure)
    rows = await session.execute(query.where(Offering.id.in_(wanted)).order_by(Offering.name, Offering.id))
    return [Brief(*row) for row in rows]


async def bundles_with(session: AsyncSession, offering_ids: Iterable[UUID]) -> list[UUID]:
    """The offerings that bundle one of `offering_ids`, or a bundle of it, and so on; retired ones are left out."""
    query = (
        select(OfferingMember.member_id, OfferingMember.offering_id)
        .join(Offering, Offering.id == OfferingMember.offering_id)
        .where(Offering.state != OfferingState.RETIRED)
    )
    within: dict[UUID, list[UUID]] = {}
    for member_id, bundle_id in await session.execute(query):
        within.setdefault(member_id, []).append(bundle_id)
    found: dict[UUID, None] = {}
    waiting = deque(offering_ids)
    while waiting:
        for bundle_id in within.get(waiting.popleft(), ()):
            if bundle_id not in found:
                found[bundle_id] = None
                waiting.append(bundle_id)
    return list(found)


async def relations_to(session: AsyncSession, offering_ids: Select[UUID]) -> Sequence[OfferingRelation]:
    """What other offerings say of these: that they require, exclude or upgrade to one of them."""
    query = (
        select(OfferingRelation)
        .join(Offering, Offering.id == OfferingRelation.offering_id)
        .where(
            OfferingRelation.other_id.in_(offering_ids),
            OfferingRelation.offering_id.not_in(offering_ids),
            Offering.state != OfferingState.RETIRED,
        )
        .order_by(OfferingRelation.kind, OfferingRelation.offering_id, OfferingRelation.other_id)
    )
    return list(await session.scalars(query))


async def unit_names(session: AsyncSession, unit_ids: Iterable[UUID]) -> dict[UUID, str]:
    query = select(KnownBusinessUnit.id, KnownBusinessUnit.name).where(KnownBusinessUnit.id.in_(set(unit_ids)))
    return {unit_id: name for unit_id, name in await session.execute(query)}


async def held_of_services(session: AsyncSession, service_ids: Iterable[UUID]) -> dict[tuple[UUID, str], int]:
    """Subscriptions by service and state."""
    query = (
        select(Offering.service_id, KnownSubscription.state, func.count())
        .join(Offering, Offering.id == KnownSubscription.offering_id)
        .where(Offering.service_id.in_(list(service_ids)), KnownSubscription.state.in_(HELD))
        .group_by(Offering.service_id, KnownSubscription.state)
    )
    return {(service_id, state): count for service_id, state, count in await session.execute(query)}


async def held_of_hard_dependents(session: AsyncSession, service_id: UUID) -> dict[tuple[UUID, str], int]:
    """Subscriptions by business unit and state, to all services that cannot do without this one."""
    query = (
        select(KnownSubscription.business_unit_id, KnownSubscription.state, func.count())
        .join(Offering, Offering.id == KnownSubscription.offering_id)
        .where(Offering.service_id.in_(hard_dependents(service_id)), KnownSubscription.state.in_(HELD))
        .group_by(KnownSubscription.business_unit_id, KnownSubscription.state)
    )
    return {(unit_id, state): count for unit_id, state, count in await session.execute(query)}


async def who_needs(session: AsyncSession, service_id: UUID) -> tuple[list[Held], list[Needed]]:
    """The offerings of a service that are held, and the live services that require it."""
    own = await holdings(session, offerings_of(service_id))
    names = {brief.id: brief.name for brief in await brief_offerings(session, {each.offering_id for each in own})}
    held = [
        Held(
            offering_id,
            name,
            sum(each.subscriptions for each in own if each.offering_id == offering_id),
            len({each.business_unit_id for each in own if each.offering_id == offering_id}),
        )
        for offering_id, name in names.items()
    ]
    return held, await live_hard_dependents(session, service_id)
