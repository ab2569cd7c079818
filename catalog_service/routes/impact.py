"""What retiring or changing a service or an offering would touch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Query
from sqlalchemy import Select, select

from catalog_service import queries, schemas
from catalog_service.domain import dependency
from catalog_service.domain.dependency import Direction, Edge
from catalog_service.domain.offering import OfferingState
from catalog_service.queries import ACTIVE, SUSPENDED, Holding
from catalog_service.tables import Offering
from services.http import Api, ReadSession
from services.identity import Principal, Role, may
from services.money import exact_total

router = Api(prefix="/v1", tags=["Impact"])
Answerable = Annotated[Principal, may(Role.SERVICE_OWNER, Role.FINANCE)]


@router.get("/services/{service_id}/impact", response_model=schemas.ServiceImpact, summary="Read a service's impact")
async def service_impact(
    service_id: UUID,
    session: ReadSession,
    principal: Answerable,
    limit: Annotated[int, Query(ge=0, le=200, description="Dependents to name; the counts are of all")] = 50,
) -> schemas.ServiceImpact:
    """What depends on it, which offerings and bundles are touched, and whose subscriptions."""
    await queries.the_service(session, service_id)
    links = await queries.links(session, [service_id], Direction.DOWNSTREAM)
    edges = [Edge(row.service_id, row.on_id, row.kind) for row in links]
    reached, total, hard = dependency.dependents(service_id, edges, most=limit)
    known = await queries.names_and_states(session, {each for found in reached for each in found.path})
    of_dependents = await queries.held_of_services(session, [found.service_id for found in reached])
    own = queries.offerings_of(service_id)
    held = await queries.holdings(session, own)
    of_units = await queries.held_of_hard_dependents(session, service_id)
    of_own = Counter[tuple[UUID, str]]()
    for each in held:
        of_own[each.business_unit_id, each.state] += each.subscriptions
    unit_ids = {each.business_unit_id for each in held} | {unit_id for unit_id, _ in of_units}
    names = await queries.unit_names(session, unit_ids)
    offerings = await queries.brief_offerings(session, own)
    needing = await queries.live_hard_dependents(session, service_id)
    return schemas.ServiceImpact(
        service_id=service_id,
        active=_count(held, ACTIVE),
        suspended=_count(held, SUSPENDED),
        dependents_total=total,
        dependents_hard=hard,
        dependents=[
            schemas.Dependent(
                id=found.service_id,
                name=known[found.service_id][0],
                state=known[found.service_id][1],
                distance=found.distance,
                hard=found.hard,
                path=[schemas.PathStep(id=each, name=known[each][0]) for each in found.path],
                active=of_dependents.get((found.service_id, ACTIVE), 0),
                suspended=of_dependents.get((found.service_id, SUSPENDED), 0),
            )
            for found in reached
        ],
        offerings=_touched_offerings(offerings, held, names),
        bundles=await _bundles(session, [brief.id for brief in offerings]),
        relations=await _relations(session, own),
        business_units=[
            schemas.TouchedUnit(
                id=unit_id,
                name=names.get(unit_id),
                active=of_own.get((unit_id, ACTIVE), 0),
                suspended=of_own.get((unit_id, SUSPENDED), 0),
                active_of_dependents=of_units.get((unit_id, ACTIVE), 0),
                suspended_of_dependents=of_units.get((unit_id, SUSPENDED), 0),
            )
            for unit_id in sorted(unit_ids, key=lambda each: (names.get(each, ""), each))
        ],
        may_retire=not held and not needing and not any(brief.state is OfferingState.PUBLISHED for brief in offerings),
    )


@router.get(
    "/offerings/{offering_id}/impact", response_model=schemas.OfferingImpact, summary="Read an offering's impact"
)
async def offering_impact(offering_id: UUID, session: ReadSession, principal: Answerable) -> schemas.OfferingImpact:
    """Which bundles and relations are touched, and whose subscriptions."""
    await queries.the_offering(session, offering_id)
    this = select(Offering.id).where(Offering.id == offering_id)
    held = await queries.holdings(session, this)
    return schemas.OfferingImpact(
        offering_id=offering_id,
        active=_count(held, ACTIVE),
        suspended=_count(held, SUSPENDED),
        quantity=exact_total([each.quantity for each in held]),
        business_units=_by_unit(held, await queries.unit_names(session, {each.business_unit_id for each in held})),
        bundles=await _bundles(session, [offering_id]),
        relations=await _relations(session, this),
    )


def _count(held: Iterable[Holding], state: str) -> int:
    return sum(each.subscriptions for each in held if each.state == state)


def _by_unit(held: Sequence[Holding], names: dict[UUID, str]) -> list[schemas.HoldingRead]:
    of_units: dict[UUID, list[Holding]] = {}
    for each in held:
        of_units.setdefault(each.business_unit_id, []).append(each)
    return [
        schemas.HoldingRead(
            business_unit_id=unit_id,
            business_unit_name=names.get(unit_id),
            active=_count(some, ACTIVE),
            suspended=_count(some, SUSPENDED),
            quantity=exact_total([each.quantity for each in some]),
        )
        for unit_id, some in sorted(of_units.items(), key=lambda item: (names.get(item[0], ""), item[0]))
    ]


def _touched_offerings(
    offerings: Sequence[queries.Brief], held: Sequence[Holding], names: dict[UUID, str]
) -> list[schemas.TouchedOffering]:
    of_offerings: dict[UUID, list[Holding]] = {}
    for each in held:
        of_offerings.setdefault(each.offering_id, []).append(each)
    return [
        schemas.TouchedOffering(
            id=brief.id,
            name=brief.name,
            state=brief.state,
            unit_of_measure=brief.unit_of_measure,
            active=_count(some, ACTIVE),
            suspended=_count(some, SUSPENDED),
            quantity=exact_total([each.quantity for each in some]),
            business_units=_by_unit(some, names),
        )
        for brief in offerings
        if (some := of_offerings.get(brief.id, [])) or brief.state is not OfferingState.RETIRED
    ]


async def _bundles(session: ReadSession, offering_ids: Sequence[UUID]) -> list[schemas.OfferingBrief]:
    found = await queries.bundles_with(session, offering_ids)
    return [schemas.OfferingBrief.model_validate(each) for each in await queries.brief_offerings(session, found)]


async def _relations(session: ReadSession, offering_ids: Select[UUID]) -> list[schemas.TouchedRelation]:
    found = await queries.relations_to(session, offering_ids)
    named = {each.id: each.name for each in await queries.brief_offerings(session, {row.offering_id for row in found})}
    return [
        schemas.TouchedRelation(
            offering_id=row.offering_id,
            offering_name=named[row.offering_id],
            kind=row.kind,
            other_id=row.other_id,
        )
        for row in found
    ]
