"""The two trees of the portfolio, taxonomy nodes and business capabilities: create, change, move, delete, upsert.

Whoever changes a tree's shape has the tree to himself until his transaction ends (an advisory lock on PostgreSQL,
the one writer on SQLite): of two moves that are each harmless, both together could close a cycle.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import tree as domain
from catalog_service.schemas import NodeChange, NodeCreate
from catalog_service.tables import Capability, Offering, Service, ServiceCapability, TaxonomyNode
from catalog_service.use_cases.external_ids import (
    CAPABILITIES,
    TAXONOMY_NODES,
    Key,
    Named,
    add_keys,
    keys_of,
    known_as,
    nothing_to_match,
    require_free,
)
from services.db import touch
from services.errors import Fault, Invalid
from services.http import check_version

_LOCKS = {TAXONOMY_NODES: 7_304_131, CAPABILITIES: 7_304_132}
Kind = Named[Any]


class ParentUnknown(Invalid): ...


async def create_node(session: AsyncSession, kind: Kind, body: NodeCreate, *, first: Key | None = None) -> Any:
    """Raises ParentUnknown, SiblingNameTaken, ExternalIdTaken."""
    await alone_with(session, kind)
    keys = keys_of(body.external_ids, first=first)
    await require_free(session, kind, keys)
    await _fits_below(session, kind, None, body.name, body.parent_id)
    node = kind.table(**body.model_dump(exclude={"external_ids"}), external_ids=[kind.row(key) for key in keys])
    touch(node)
    session.add(node)
    await session.flush()
    return node


async def change_node(
    session: AsyncSession, kind: Kind, node_id: UUID, body: NodeChange, *, if_match: frozenset[int] | None
) -> Any:
    """Raises SiblingNameTaken."""
    await alone_with(session, kind)
    node = await queries.the_node(session, kind.table, node_id)
    check_version(node, if_match)
    return await _put(session, kind, node, body.model_dump(exclude_unset=True))


async def move_node(
    session: AsyncSession, kind: Kind, node_id: UUID, parent_id: UUID | None, *, if_match: frozenset[int] | None
) -> Any:
    """Raises ParentUnknown, TreeCycle, SiblingNameTaken."""
    await alone_with(session, kind)
    node = await queries.the_node(session, kind.table, node_id)
    check_version(node, if_match)
    return await _put(session, kind, node, {"parent_id": parent_id})


async def upsert_node(
    session: AsyncSession, kind: Kind, key: Key, body: NodeCreate, *, if_match: frozenset[int] | None
) -> tuple[Any, bool]:
    """The node that is known by `key`, and whether it is new. Raises what creating, changing and moving raise."""
    await alone_with(session, kind)
    node = await known_as(session, kind, key)
    if node is None:
        nothing_to_match(kind, key, if_match)
        return await create_node(session, kind, body, first=key), True
    check_version(node, if_match)
    named = await add_keys(session, kind, node, keys_of(body.external_ids))
    version = node.version
    await _put(session, kind, node, body.model_dump(exclude={"external_ids"}, exclude_unset=True))
    if named and node.version == version:
        touch(node)
    return node, False


async def delete_node(session: AsyncSession, kind: Kind, node_id: UUID, *, if_match: frozenset[int] | None) -> None:
    """Raises NodeInUse while anything hangs from it."""
    await alone_with(session, kind)
    # Waits for whoever is hanging something from it at this moment, and then counts that as well.
    await session.execute(select(kind.table.id).where(kind.table.id == node_id).with_for_update())
    node = await queries.the_node(session, kind.table, node_id)
    check_version(node, if_match)
    domain.check_unused(
        node.name, [(what, await session.scalar(count) or 0) for what, count in _hanging(kind, node_id)]
    )
    for known in node.external_ids:
        await session.delete(known)
    await session.flush()
    await session.delete(node)
    try:
        await session.flush()
    except IntegrityError as error:
        raise domain.NodeInUse(f"{node.name} cannot go while something of the catalogue refers to it") from error


def _hanging(kind: Kind, node_id: UUID) -> list[tuple[str, Any]]:
    counted = select(func.count())
    if kind.table is TaxonomyNode:
        return [
            ("nodes below it", counted.where(TaxonomyNode.parent_id == node_id)),
            ("services", counted.where(Service.taxonomy_node_id == node_id)),
            ("offerings", counted.where(Offering.taxonomy_node_id == node_id)),
        ]
    return [
        ("capabilities below it", counted.where(Capability.parent_id == node_id)),
        ("services that provide it", counted.where(ServiceCapability.capability_id == node_id)),
    ]


async def _put(session: AsyncSession, kind: Kind, node: Any, values: dict[str, Any]) -> Any:
    changes = {name: value for name, value in values.items() if getattr(node, name) != value}
    if "name" in changes or "parent_id" in changes:
        parent_id = changes.get("parent_id", node.parent_id)
        await _fits_below(session, kind, node.id, changes.get("name", node.name), parent_id)
    for name, value in changes.items():
        setattr(node, name, value)
    if changes:
        touch(node)
    return node


async def _fits_below(
    session: AsyncSession, kind: Kind, node_id: UUID | None, name: str, parent_id: UUID | None
) -> None:
    parent = None
    if parent_id is not None:
        path = (await queries.paths(session, kind.table, [parent_id])).get(parent_id)
        if path is None:
            raise ParentUnknown(f"no {kind.word} {parent_id}", faults=[Fault("/parent_id", f"no such {kind.word}")])
        parent = path[-1].name
        if node_id is not None:
            domain.check_move(node_id, [(step.id, step.name) for step in path])
    beside = select(kind.table.id).where(kind.table.parent_id == parent_id, kind.table.name == name)
    if node_id is not None:
        beside = beside.where(kind.table.id != node_id)
    domain.check_name(name, await session.scalar(beside.limit(1)), parent=parent)


async def alone_with(session: AsyncSession, kind: Kind) -> None:
    """Until the transaction ends nobody else changes the tree's shape."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCKS[kind]})
