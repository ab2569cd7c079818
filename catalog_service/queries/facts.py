"""The facts of many services at once: a fixed number of queries for a batch, never one per service."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain import facts as domain
from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.dependency import DependencyKind
from catalog_service.domain.facts import FactValue
from catalog_service.domain.offering import OfferingState
from catalog_service.queries.impact import ACTIVE, HELD, SUSPENDED
from catalog_service.tables import (
    Attainment,
    KnownSubscription,
    Offering,
    PlannedUnitCost,
    Revision,
    Service,
    ServiceCapability,
    ServiceDependency,
    ServiceScore,
    ServiceUnitCost,
    TaxonomyNode,
)

_SCORES = ("nps", "csat", "ces")
Above = Mapping[UUID, frozenset[str]]


async def taxonomy_above(session: AsyncSession) -> Above:
    """For each taxonomy node its own id and those of all nodes above it."""
    parents = {
        node_id: parent for node_id, parent in await session.execute(select(TaxonomyNode.id, TaxonomyNode.parent_id))
    }
    above: dict[UUID, frozenset[str]] = {}
    for node_id in parents:
        path: list[UUID] = []
        here: UUID | None = node_id
        while here is not None and here not in above and here not in path:
            path.append(here)
            here = parents.get(here)
        known = above.get(here, frozenset()) if here is not None else frozenset()
        for each in reversed(path):
            known |= {str(each)}
            above[each] = known
    return above


async def services_after(session: AsyncSession, after: UUID | None, *, most: int) -> Sequence[Any]:
    """The next services in the order of their ids, as rows."""
    query = select(
        Service.id,
        Service.name,
        Service.description,
        Service.owner_id,
        Service.support_contact,
        Service.taxonomy_node_id,
        Service.state,
    )
    if after is not None:
        query = query.where(Service.id > after)
    return (await session.execute(query.order_by(Service.id).limit(most))).all()


async def facts_of(
    session: AsyncSession, services: Sequence[Any], above: Above, now: datetime
) -> dict[UUID, dict[str, FactValue]]:
    """Every fact of each of `services` (rows of `services_after`), as of `now`."""
    ids = [service.id for service in services]
    found: dict[UUID, dict[str, FactValue]] = {
        service.id: dict.fromkeys(domain.FACTS)
        | {
            "has_owner": service.owner_id is not None,
            "has_description": bool(service.description.strip()),
            "has_support_contact": bool(service.support_contact),
            "has_taxonomy": service.taxonomy_node_id is not None,
            "taxonomy": above.get(service.taxonomy_node_id, frozenset()),
            "state": str(service.state),
        }
        for service in services
    }
    await _capabilities(session, ids, found)
    await _offerings(session, ids, found)
    await _subscriptions(session, ids, found)
    await _attainment(session, ids, found)
    await _scores(session, ids, found)
    await _costs(session, ids, found, now)
    await _revisions(session, ids, found, now)
    await _dependencies(session, ids, found)
    return found


Found = dict[UUID, dict[str, FactValue]]


async def _capabilities(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    provided: dict[UUID, set[str]] = {}
    query = select(ServiceCapability.service_id, ServiceCapability.capability_id)
    for service_id, capability_id in await session.execute(query.where(ServiceCapability.service_id.in_(ids))):
        provided.setdefault(service_id, set()).add(str(capability_id))
    for service_id, facts in found.items():
        facts["capability_ids"] = frozenset(provided.get(service_id, ()))
        facts["capabilities"] = len(provided.get(service_id, ()))


async def _offerings(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    promised: dict[UUID, list[list[dict[str, Any]]]] = {}
    query = select(Offering.service_id, Offering.commitments).where(
        Offering.service_id.in_(ids), Offering.state == OfferingState.PUBLISHED
    )
    for service_id, commitments in await session.execute(query):
        promised.setdefault(service_id, []).append(commitments)
    for service_id, facts in found.items():
        offerings = promised.get(service_id, [])
        facts["published_offerings"] = len(offerings)
        if offerings:
            facts["commitments"] = min(map(len, offerings))
        targets: dict[CommitmentKind, list[Decimal]] = {}
        for commitments in offerings:
            for commitment in commitments:
                kind = CommitmentKind(commitment["kind"])
                unit = domain.TARGETS[kind][1]
                target = domain.in_unit(Decimal(commitment["target"]), commitment["unit"], unit)
                targets.setdefault(kind, []).append(target)
        for kind, told in targets.items():
            facts[domain.TARGETS[kind][0]] = domain.weakest(kind, told)


async def _subscriptions(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    query = (
        select(Offering.service_id, KnownSubscription.state, func.count())
        .join(Offering, Offering.id == KnownSubscription.offering_id)
        .where(Offering.service_id.in_(ids), KnownSubscription.state.in_(HELD))
        .group_by(Offering.service_id, KnownSubscription.state)
    )
    held = {(service_id, state): count for service_id, state, count in await session.execute(query)}
    for service_id, facts in found.items():
        facts["active_subscriptions"] = held.get((service_id, ACTIVE), 0)
        facts["suspended_subscriptions"] = held.get((service_id, SUSPENDED), 0)


async def _attainment(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    assessed = (AttainmentState.ATTAINED, AttainmentState.MISSED)
    latest = (
        select(Attainment.service_id, func.max(Attainment.period).label("period"))
        .where(Attainment.service_id.in_(ids), Attainment.state.in_(assessed))
        .group_by(Attainment.service_id)
        .subquery()
    )
    query = (
        select(Attainment.service_id, Attainment.state, func.count())
        .join(latest, (Attainment.service_id == latest.c.service_id) & (Attainment.period == latest.c.period))
        .where(Attainment.state.in_(assessed))
        .group_by(Attainment.service_id, Attainment.state)
    )
    counts = {(service_id, state): count for service_id, state, count in await session.execute(query)}
    for service_id in {service_id for service_id, _ in counts}:
        kept, missed = (counts.get((service_id, state), 0) for state in assessed)
        found[service_id] |= {"commitments_kept": domain.kept_percent(kept, missed), "commitments_missed": missed}


async def _scores(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    query = select(ServiceScore.service_id, ServiceScore.kind, ServiceScore.score, ServiceScore.n)
    for service_id, kind, score, n in await session.execute(query.where(ServiceScore.service_id.in_(ids))):
        if kind in _SCORES:
            found[service_id] |= {kind: score, f"{kind}_n": n}


async def _costs(session: AsyncSession, ids: list[UUID], found: Found, now: datetime) -> None:
    actual = select(ServiceUnitCost.id).where(ServiceUnitCost.id.in_(ids), ServiceUnitCost.unit_cost.is_not(None))
    known = set(await session.scalars(actual))
    planned = select(PlannedUnitCost.service_id).where(
        PlannedUnitCost.service_id.in_(ids), PlannedUnitCost.starts_at <= now, PlannedUnitCost.ends_at > now
    )
    expected = set(await session.scalars(planned))
    for service_id, facts in found.items():
        facts["unit_cost_known"] = service_id in known
        facts["unit_cost_planned"] = service_id in expected


async def _revisions(session: AsyncSession, ids: list[UUID], found: Found, now: datetime) -> None:
    query = (
        select(Revision.service_id, func.max(Revision.published_at))
        .where(Revision.service_id.in_(ids), Revision.published_at.is_not(None))
        .group_by(Revision.service_id)
    )
    for service_id, last in await session.execute(query):
        if last is not None:
            found[service_id]["days_since_last_revision"] = max((now - last).days, 0)


async def _dependencies(session: AsyncSession, ids: list[UUID], found: Found) -> None:
    edge = ServiceDependency
    upstream = select(edge.service_id, edge.kind, func.count()).where(edge.service_id.in_(ids))
    counts: Counter[tuple[UUID, DependencyKind]] = Counter()
    for service_id, kind, count in await session.execute(upstream.group_by(edge.service_id, edge.kind)):
        counts[service_id, kind] = count
    downstream = select(edge.on_id, func.count()).where(edge.on_id.in_(ids)).group_by(edge.on_id)
    dependents = {on_id: count for on_id, count in await session.execute(downstream)}
    for service_id, facts in found.items():
        facts["requires"] = counts[service_id, DependencyKind.REQUIRES]
        facts["uses"] = counts[service_id, DependencyKind.USES]
        facts["dependents"] = dependents.get(service_id, 0)
