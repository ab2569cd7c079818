"""Named reads of the two trees, taxonomy and capabilities: what is below a node, and the way to it from the root.

Recursion is the database's; UNION instead of UNION ALL ends also where rows should ever form a cycle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.queries.entitlement import Sight, entitled_service
from catalog_service.queries.external_ids import split_external_id
from catalog_service.tables import Capability, Service, ServiceCapability, TaxonomyNode
from services.errors import Fault, Invalid, NotFound

Tree = type[TaxonomyNode] | type[Capability]


class TaxonomyNodeUnknown(Invalid): ...


class CapabilityUnknown(Invalid): ...


@dataclass(frozen=True, slots=True)
class Step:
    """One node on the way from the root."""

    id: UUID
    name: str


def below(tree: Tree, root: UUID) -> Select[UUID]:
    """The ids of `root` and of everything below it, as a subquery for `.in_(…)`."""
    found = select(tree.id).where(tree.id == root).cte(f"below_{tree.__tablename__}", recursive=True)
    found = found.union(select(tree.id).join(found, tree.parent_id == found.c.id))
    return select(found.c.id)


async def the_node(session: AsyncSession, tree: Tree, node_id: UUID) -> Any:
    """Raises NotFound."""
    node = await session.get(tree, node_id)
    if node is None:
        raise NotFound(f"no {tree.__tablename__.replace('_', ' ')} {node_id}")
    return node


async def paths(session: AsyncSession, tree: Tree, nodes: Iterable[UUID]) -> dict[UUID, list[Step]]:
    """For each of `nodes` the way from its root to itself, all in one query."""
    wanted = set(nodes)
    if not wanted:
        return {}
    columns = (tree.id, tree.parent_id, tree.name)
    above = select(*columns).where(tree.id.in_(wanted)).cte("above", recursive=True)
    above = above.union(select(*columns).join(above, tree.id == above.c.parent_id))
    rows = {row.id: row for row in await session.execute(select(above))}
    return {node: _way(node, rows) for node in wanted if node in rows}


def _way(node: UUID, rows: dict[UUID, Any]) -> list[Step]:
    way: list[Step] = []
    seen: set[UUID] = set()
    here: UUID | None = node
    while here is not None and here in rows and here not in seen:
        seen.add(here)
        way.append(Step(here, rows[here].name))
        here = rows[here].parent_id
    return way[::-1]


async def require_taxonomy_node(
    session: AsyncSession, node_id: UUID | None, *, pointer: str = "/taxonomy_node_id"
) -> None:
    """Raises TaxonomyNodeUnknown unless the node is there, and stays there until this transaction ends."""
    if node_id is not None and not await held(session, TaxonomyNode, node_id):
        raise TaxonomyNodeUnknown(
            f"no taxonomy node {node_id}", faults=[Fault(pointer, "there is no such taxonomy node")]
        )


async def require_capabilities(
    session: AsyncSession, capability_ids: Iterable[UUID], *, pointer: str = "/capability_ids"
) -> None:
    """Raises CapabilityUnknown, naming each that is not there; the others stay there until this transaction ends."""
    wanted = list(capability_ids)
    query = select(Capability.id).where(Capability.id.in_(wanted)).with_for_update(read=True, key_share=True)
    there = set(await session.scalars(query)) if wanted else set()
    faults = [
        Fault(f"{pointer}/{place}", f"there is no capability {one}")
        for place, one in enumerate(wanted)
        if one not in there
    ]
    if faults:
        raise CapabilityUnknown(f"{len(faults)} of the capabilities are not there", faults=faults)


async def held(session: AsyncSession, tree: Tree, node_id: UUID) -> bool:
    """Whether the node is there; nobody deletes it before this transaction ends."""
    query = select(tree.id).where(tree.id == node_id).with_for_update(read=True, key_share=True)
    return await session.scalar(query) is not None


def nodes(
    tree: Tree, *, parent_id: UUID | None, top: bool, root: UUID | None, name: str | None, external_id: str | None
) -> Select[Any]:
    """Nodes of a tree: the children of one, those at the top, one and all below it, or all."""
    query: Select[Any] = select(tree)
    if parent_id is not None:
        query = query.where(tree.parent_id == parent_id)
    if top:
        query = query.where(tree.parent_id.is_(None))
    if root is not None:
        query = query.where(tree.id.in_(below(tree, root)))
    if name is not None:
        query = query.where(tree.name == name)
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(tree.external_ids.any(system=system, id=identifier))
    return query


async def providers(session: AsyncSession, capability_id: UUID, sight: Sight) -> tuple[list[Service], int]:
    """The services in sight that provide a capability itself, at most 200 of them by name, and how many there are."""
    query = select(Service).where(Service.capabilities.any(ServiceCapability.capability_id == capability_id))
    query = query.where(entitled_service(sight))
    count = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
    return list(await session.scalars(query.order_by(Service.name, Service.id).limit(200))), count
