"""The whole catalogue, in the order of ids and a portion at a time: memory holds no more than that."""

from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import ServiceDependency

PORTION = 200


async def whole_tree(session: AsyncSession, table: Any) -> dict[UUID, tuple[UUID | None, str]]:
    """Of each node of a tree its parent and its name."""
    rows = await session.execute(select(table.id, table.parent_id, table.name))
    return {node: (parent_id, name) for node, parent_id, name in rows}


async def dependencies_of(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, list[ServiceDependency]]:
    """What each of the services `ids` depends on."""
    found: dict[UUID, list[ServiceDependency]] = {service_id: [] for service_id in ids}
    query = select(ServiceDependency).where(ServiceDependency.service_id.in_(list(found)))
    for row in await session.scalars(query.order_by(ServiceDependency.on_id)):
        found[row.service_id].append(row)
    return found


async def all_dependencies(session: AsyncSession) -> dict[UUID, list[UUID]]:
    """The whole graph: of each service those that it depends on."""
    edges: dict[UUID, list[UUID]] = {}
    for service_id, on_id in await session.execute(select(ServiceDependency.service_id, ServiceDependency.on_id)):
        edges.setdefault(service_id, []).append(on_id)
    return edges


async def all_rows(session: AsyncSession, table: Any, *conditions: Any) -> AsyncIterator[list[Any]]:
    """The rows of `table` that meet `conditions`, by id; those of a portion are forgotten with the next one."""
    last: UUID | None = None
    while True:
        query = select(table).where(*conditions).order_by(table.id).limit(PORTION)
        if last is not None:
            query = query.where(table.id > last)
        rows = list(await session.scalars(query))
        if not rows:
            return
        last = rows[-1].id
        yield rows
        session.expunge_all()


async def by_service(session: AsyncSession, table: Any, order: Any, low: UUID, high: UUID) -> AsyncIterator[list[Any]]:
    """The rows of `table` whose services are from `low` to `high`, by service and `order`, a portion at a time."""
    last: tuple[Any, Any] | None = None
    while True:
        query = select(table).where(table.service_id >= low, table.service_id <= high)
        if last is not None:
            query = query.where(tuple_(table.service_id, order) > tuple_(*last))
        rows = list(await session.scalars(query.order_by(table.service_id, order).limit(PORTION)))
        if not rows:
            return
        last = (rows[-1].service_id, getattr(rows[-1], order.key))
        yield rows
        for row in rows:
            session.expunge(row)
