"""Named reads of how offerings hang together: relations, bundles, versions of a series."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from catalog_service.domain.offering import OfferingState
from catalog_service.domain.relation import RelationKind
from catalog_service.tables import Offering, OfferingMember, OfferingRelation

_LOCK = 4_004_001  # of PostgreSQL's advisory locks: whoever changes relations or bundles
_CHUNK = 1_000
ON_OFFER = (OfferingState.SCHEDULED, OfferingState.PUBLISHED)


async def hold_offering_graph(session: AsyncSession) -> None:
    """Until the transaction ends nobody else adds an edge: two at once could close a cycle that neither sees."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _related(kind: RelationKind) -> Select[UUID, UUID]:
    return select(OfferingRelation.offering_id, OfferingRelation.other_id).where(OfferingRelation.kind == kind)


async def relation_edges(session: AsyncSession, kind: RelationKind, starts: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """All edges of `kind` on the ways that lead from `starts`."""
    return await _edges(session, _related(kind), OfferingRelation.offering_id, starts)


async def bundle_edges(session: AsyncSession, starts: Iterable[UUID]) -> dict[UUID, list[UUID]]:
    """What each bundle on the ways from `starts` holds."""
    query = select(OfferingMember.offering_id, OfferingMember.member_id)
    return await _edges(session, query, OfferingMember.offering_id, starts)


async def _edges(
    session: AsyncSession, query: Select[UUID, UUID], tail: Any, starts: Iterable[UUID]
) -> dict[UUID, list[UUID]]:
    edges: dict[UUID, list[UUID]] = {}
    frontier = set(starts)
    while frontier:
        edges |= {node: [] for node in frontier}
        for part in _parts(sorted(frontier)):
            for node, further in await session.execute(query.where(tail.in_(part))):
                edges[node].append(further)
        frontier = {further for node in frontier for further in edges[node]} - edges.keys()
    return edges


async def all_relations(session: AsyncSession, kind: RelationKind) -> dict[UUID, list[UUID]]:
    return _gathered(await session.execute(_related(kind)))


async def all_bundles(session: AsyncSession) -> dict[UUID, list[UUID]]:
    return _gathered(await session.execute(select(OfferingMember.offering_id, OfferingMember.member_id)))


def _gathered(rows: Iterable[Any]) -> dict[UUID, list[UUID]]:
    edges: dict[UUID, list[UUID]] = {}
    for node, further in rows:
        edges.setdefault(node, []).append(further)
    return edges


def nodes_of(edges: dict[UUID, list[UUID]]) -> set[UUID]:
    return edges.keys() | {further for found in edges.values() for further in found}


async def required_and_excluded(session: AsyncSession) -> tuple[str, str] | None:
    """The names of two offerings of which the one requires the other and either excludes the other, if any do."""
    required, excluded = aliased(OfferingRelation), aliased(OfferingRelation)
    one, other = aliased(Offering), aliased(Offering)
    same = and_(excluded.offering_id == required.offering_id, excluded.other_id == required.other_id)
    back = and_(excluded.offering_id == required.other_id, excluded.other_id == required.offering_id)
    query = (
        select(one.name, other.name)
        .join(required, required.offering_id == one.id)
        .join(other, other.id == required.other_id)
        .join(excluded, or_(same, back))
        .where(required.kind == RelationKind.REQUIRES, excluded.kind == RelationKind.EXCLUDES)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    return None if row is None else (row[0], row[1])


async def excluded_by(session: AsyncSession, offering_id: UUID) -> list[UUID]:
    """The offerings that exclude this one: exclusion goes both ways."""
    query = select(OfferingRelation.offering_id).where(
        OfferingRelation.other_id == offering_id, OfferingRelation.kind == RelationKind.EXCLUDES
    )
    return list(await session.scalars(query))


async def requirers(session: AsyncSession, offering_id: UUID) -> set[UUID]:
    """The offerings that require this one, also by way of others."""
    back = select(OfferingRelation.other_id, OfferingRelation.offering_id).where(
        OfferingRelation.kind == RelationKind.REQUIRES
    )
    return (await _edges(session, back, OfferingRelation.other_id, [offering_id])).keys() - {offering_id}


async def exclusions_between(
    session: AsyncSession, some: set[UUID], others: set[UUID], *, without: UUID
) -> set[tuple[UUID, UUID]]:
    """The pairs (one of `some`, one of `others`) that exclude each other, whichever says it but `without`."""
    said = select(OfferingRelation.offering_id, OfferingRelation.other_id).where(
        OfferingRelation.kind == RelationKind.EXCLUDES, OfferingRelation.offering_id != without
    )
    found: set[tuple[UUID, UUID]] = set()
    for part in _parts(sorted(some)):
        for one, other in await session.execute(said.where(OfferingRelation.offering_id.in_(part))):
            found |= {(one, other)} if other in others else set()
        for other, one in await session.execute(said.where(OfferingRelation.other_id.in_(part))):
            found |= {(one, other)} if other in others else set()
    return found


async def offering_names(session: AsyncSession, offering_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Of those that exist."""
    found: dict[UUID, str] = {}
    for part in _parts(sorted(set(offering_ids))):
        rows = await session.execute(select(Offering.id, Offering.name).where(Offering.id.in_(part)))
        found |= {offering_id: name for offering_id, name in rows}
    return found


async def related(session: AsyncSession, offering_id: UUID, condition: Any) -> list[dict[str, Any]]:
    """Its relations in both directions, those of them whose other side meets `condition`."""
    found: list[dict[str, Any]] = []
    for direction, own, other in (
        ("to", OfferingRelation.offering_id, OfferingRelation.other_id),
        ("from", OfferingRelation.other_id, OfferingRelation.offering_id),
    ):
        query = (
            select(OfferingRelation.kind, Offering.id, Offering.name, Offering.state)
            .join(Offering, Offering.id == other)
            .where(own == offering_id, condition)
            .order_by(OfferingRelation.kind, Offering.id)
            .limit(_CHUNK)
        )
        for kind, other_id, name, state in await session.execute(query):
            found.append(
                {"kind": kind, "direction": direction, "other_id": other_id, "other_name": name, "other_state": state}
            )
    return found


async def bundles_on_offer(session: AsyncSession, series_id: UUID) -> list[Offering]:
    """The bundles, published or scheduled, that hold any version of the series."""
    member = select(Offering.id).where(Offering.series_id == series_id).scalar_subquery()
    holding = select(OfferingMember.offering_id).where(OfferingMember.member_id.in_(member))
    query = select(Offering).where(Offering.id.in_(holding), Offering.state.in_(ON_OFFER)).order_by(Offering.id)
    return list((await session.scalars(query)).unique())


async def series(session: AsyncSession, series_id: UUID) -> list[Offering]:
    """All versions, the oldest first."""
    query = select(Offering).where(Offering.series_id == series_id).order_by(Offering.number)
    return list((await session.scalars(query)).unique())


async def series_of(session: AsyncSession, offering_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """For each offering its series."""
    found: dict[UUID, UUID] = {}
    for part in _parts(sorted(set(offering_ids))):
        rows = await session.execute(select(Offering.id, Offering.series_id).where(Offering.id.in_(part)))
        found |= {offering_id: series_id for offering_id, series_id in rows}
    return found


async def versions_in(session: AsyncSession, series_ids: Iterable[UUID]) -> AsyncIterator[Any]:
    """All versions of many series: only what tells them apart, and when they are valid."""
    columns = (
        Offering.id,
        Offering.series_id,
        Offering.service_id,
        Offering.number,
        Offering.name,
        Offering.state,
        Offering.valid_from,
        Offering.valid_until,
        Offering.published_at,
    )
    for part in _parts(sorted(set(series_ids))):
        for row in await session.execute(select(*columns).where(Offering.series_id.in_(part))):
            yield row


async def versions_on_offer(session: AsyncSession, offering_ids: Sequence[UUID]) -> dict[UUID, list[Offering]]:
    """For each offering the versions of its series that are published or scheduled, the oldest first."""
    asked = select(Offering.id, Offering.series_id).where(Offering.id.in_(offering_ids))
    series_of = {offering_id: series_id for offering_id, series_id in await session.execute(asked)}
    live = select(Offering).where(Offering.series_id.in_(set(series_of.values())), Offering.state.in_(ON_OFFER))
    found: dict[UUID, list[Offering]] = {}
    for version in (await session.scalars(live.order_by(Offering.number))).unique():
        found.setdefault(version.series_id, []).append(version)
    return {offering_id: found.get(series_id, []) for offering_id, series_id in series_of.items()}


async def siblings_on_offer(session: AsyncSession, offering: Offering) -> list[tuple[str, dict[str, Any]]]:
    """Name and tier of the service's other offerings that are published or scheduled."""
    query = select(Offering.name, Offering.tier).where(
        Offering.service_id == offering.service_id,
        Offering.series_id != offering.series_id,
        Offering.state.in_(ON_OFFER),
        Offering.tier.is_not(None),
    )
    return [(name, tier) for name, tier in await session.execute(query.order_by(Offering.id)) if tier is not None]


def _parts(ids: Sequence[UUID]) -> Iterable[Sequence[UUID]]:
    return (ids[place : place + _CHUNK] for place in range(0, len(ids), _CHUNK))
