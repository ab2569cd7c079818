"""Facets: how what is found is spread over services, nodes, capabilities, tiers, states, commitments and audiences.

Every count is of what the caller may see: what is counted is one set of offerings, chosen by the same conditions as
the list, and put together once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, func, literal, null, select, union_all
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.queries.browse import Filters, among, promises, tier_name, visible
from catalog_service.queries.entitlement import Sight
from catalog_service.tables import Capability, Offering, OfferingAudience, Service, ServiceCapability, TaxonomyNode

MOST_VALUES = 100  # of one facet; the most frequent ones
_IDS = ("service", "node", "capability")


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    name: str
    count: int
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Facets:
    total: int
    service: list[FacetValue]
    taxonomy_node: list[FacetValue]
    capability: list[FacetValue]
    tier: list[FacetValue]
    state: list[FacetValue]
    commitment: list[FacetValue]
    audience: list[FacetValue]


async def facets_of(
    session: AsyncSession, sight: Sight, filters: Filters, offering_ids: Sequence[UUID] | None
) -> Facets:
    """`offering_ids` are the hits of a search; None where nothing was searched for."""
    dialect = session.get_bind().dialect.name
    conditions = visible(sight, filters, dialect)
    if offering_ids is not None:
        conditions.append(among(Offering.id, offering_ids, dialect))
    counts = await _counted(session, conditions, dialect)
    service_names = await _names(session, Service, _top(counts["service"]))
    nodes = await _nodes(session, counts["node"])
    capability_names = await _names(session, Capability, _top(counts["capability"]))
    lines = {
        line: count
        for line, count in counts["audience"].items()
        if sight.drafts or line == "everyone" or _is_of(sight, line)
    }
    return Facets(
        total=counts["total"][""],
        service=_listed(counts["service"], service_names),
        taxonomy_node=nodes,
        capability=_listed(counts["capability"], capability_names),
        tier=_listed(counts["tier"], {}),
        state=_listed(counts["state"], {}),
        commitment=_listed(counts["commitment"], {}),
        audience=_listed(Counter(lines), {}),
    )


async def _counted(
    session: AsyncSession, conditions: list[ColumnElement[bool]], dialect: str
) -> dict[str, Counter[str]]:
    """Counts by facet and value, in one statement over one set of offerings."""
    kinds = list(CommitmentKind)
    found = (
        select(
            Offering.id,
            Offering.service_id,
            func.coalesce(Offering.taxonomy_node_id, Service.taxonomy_node_id).label("node_id"),
            tier_name().label("tier"),
            sql_cast(Offering.state, String).label("state"),
            Offering.everyone,
            *(case((promises(kind, dialect), 1)).label(kind.value) for kind in kinds),
        )
        .join(Service, Service.id == Offering.service_id)
        .where(*conditions)
        .cte("found")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    columns = found.c
    text = String()

    def grouped(facet: str, value: Any) -> Any:
        return select(literal(facet), sql_cast(value, text), func.count()).where(value.is_not(None)).group_by(value)

    statement = union_all(
        select(literal("total"), sql_cast(null(), text), func.count()).select_from(found),
        grouped("service", columns.service_id),
        grouped("node", columns.node_id),
        grouped("tier", columns.tier),
        grouped("state", columns.state),
        select(literal("capability"), sql_cast(ServiceCapability.capability_id, text), func.count())
        .join(found, columns.service_id == ServiceCapability.service_id)
        .group_by(ServiceCapability.capability_id),
        *(select(literal("commitment"), literal(kind.value), func.count(columns[kind.value])) for kind in kinds),
        select(literal("audience"), literal("everyone"), func.count()).where(columns.everyone),
        select(literal("audience"), OfferingAudience.kind + ":" + OfferingAudience.value, func.count())
        .join(found, columns.id == OfferingAudience.offering_id)
        .group_by(OfferingAudience.kind, OfferingAudience.value),
    )
    counts: dict[str, Counter[str]] = {
        facet: Counter()
        for facet in ("total", "service", "node", "capability", "tier", "state", "commitment", "audience")
    }
    for facet, value, count in await session.execute(statement):
        if count:
            # SQLite keeps ids as plain hexadecimal digits.
            counts[facet][str(UUID(value)) if facet in _IDS else value or ""] = int(count)
    return counts


def _is_of(sight: Sight, line: str) -> bool:
    kind, _, value = line.partition(":")
    if kind == "role":
        return sight.roles is None or value in sight.roles
    return sight.units is None or UUID(value) in sight.units


def _top(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda value: (-counts[value], value))[:MOST_VALUES]


def _listed(counts: Counter[str], names: dict[str, str]) -> list[FacetValue]:
    return [FacetValue(value, names.get(value, value), counts[value]) for value in _top(counts)]


async def _names(session: AsyncSession, table: Any, ids: list[str]) -> dict[str, str]:
    if not ids:
        return {}
    rows = await session.execute(select(table.id, table.name).where(table.id.in_([UUID(id_) for id_ in ids])))
    return {str(id_): name for id_, name in rows}


async def _nodes(session: AsyncSession, counts: Counter[str]) -> list[FacetValue]:
    """Each node with what is below it: an offering has one node, so that counts add up along the tree."""
    rows = await session.execute(select(TaxonomyNode.id, TaxonomyNode.name, TaxonomyNode.parent_id))
    nodes = {id_: (name, parent_id) for id_, name, parent_id in rows}
    totals: Counter[UUID] = Counter()
    for text, count in counts.items():
        node_id, passed = UUID(text), set[UUID]()
        while node_id in nodes and node_id not in passed:
            passed.add(node_id)
            totals[node_id] += count
            node_id = nodes[node_id][1] or UUID(int=0)
    top = sorted(totals, key=lambda id_: (-totals[id_], id_))[:MOST_VALUES]
    return [
        FacetValue(str(id_), nodes[id_][0], totals[id_], None if nodes[id_][1] is None else str(nodes[id_][1]))
        for id_ in top
    ]
