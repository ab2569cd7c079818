"""Named reads of the graph of dependencies, each one recursive query: a long chain costs no more than a wide one."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CTE, Select, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.dependency import DependencyKind, Direction
from catalog_service.domain.impact import Needed
from catalog_service.domain.service import ServiceState
from catalog_service.tables import Service, ServiceDependency

# Whoever depends on what leaves is hurt while it lives itself.
LIVE = (ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT)
_AT_ONCE = 5_000  # of the parameters that either database takes in one statement


class Link(NamedTuple):
    """`service_id` depends on `on_id`."""

    service_id: UUID
    on_id: UUID
    kind: DependencyKind
    note: str


def _ends(direction: Direction) -> tuple[Any, Any]:
    """The column that a walk stands on, and the one that it goes to."""
    if direction is Direction.UPSTREAM:
        return ServiceDependency.service_id, ServiceDependency.on_id
    return ServiceDependency.on_id, ServiceDependency.service_id


def _reach(roots: Iterable[UUID], direction: Direction, *, hard: bool = False) -> CTE:
    """`roots` and every service that a walk from them comes to (column id)."""
    here, there = _ends(direction)
    reach = select(Service.id).where(Service.id.in_(list(roots))).cte("reach", recursive=True)
    step = select(there).join(reach, here == reach.c.id)
    if hard:
        step = step.where(ServiceDependency.kind == DependencyKind.REQUIRES)
    return reach.union(step)


async def links(
    session: AsyncSession, roots: Iterable[UUID], direction: Direction, *, depth: int | None = None
) -> list[Link]:
    """Every dependency that a walk from `roots` of at most `depth` steps goes along."""
    here, there = _ends(direction)
    # Rows and no entities: of ten thousand services these are some ten thousand.
    edge = ServiceDependency
    query = select(edge.service_id, edge.on_id, edge.kind, edge.note)
    if depth is None:
        query = query.where(here.in_(select(_reach(roots, direction).c.id)))
    else:
        start = select(Service.id, literal(0).label("step")).where(Service.id.in_(list(roots)))
        reach = start.cte("reach", recursive=True)
        # UNION drops what is twice in one step, so that there are at most as many rows as services times steps.
        reach = reach.union(select(there, reach.c.step + 1).join(reach, here == reach.c.id).where(reach.c.step < depth))
        query = query.where(here.in_(select(reach.c.id).where(reach.c.step < depth)))
    return [Link(*row) for row in await session.execute(query)]


def hard_dependents(service_id: UUID) -> Select[UUID]:
    """The ids of all services that cannot do without this one, directly or through others."""
    reach = _reach([service_id], Direction.DOWNSTREAM, hard=True)
    return select(reach.c.id).where(reach.c.id != service_id)


async def live_hard_dependents(session: AsyncSession, service_id: UUID) -> list[Needed]:
    query = select(Service.id, Service.name).where(Service.id.in_(hard_dependents(service_id)), Service.state.in_(LIVE))
    return [Needed(*row) for row in await session.execute(query.order_by(Service.name, Service.id))]


async def names_and_states(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, tuple[str, ServiceState]]:
    found: dict[UUID, tuple[str, ServiceState]] = {}
    for some in _batches(sorted(set(ids))):
        rows = await session.execute(select(Service.id, Service.name, Service.state).where(Service.id.in_(some)))
        found |= {service_id: (name, state) for service_id, name, state in rows}
    return found


def _batches(ids: Sequence[UUID]) -> Iterable[Sequence[UUID]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
