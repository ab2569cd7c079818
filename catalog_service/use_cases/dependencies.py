"""Dependencies: say what a service depends on."""

from collections.abc import Collection, Set
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import dependency as domain
from catalog_service.domain.dependency import DependencyCycle, DependencyInvalid, Direction, Edge
from catalog_service.domain.service import ServiceClosed, ServiceState
from catalog_service.events import DependencyData, ServiceData, ServiceDependenciesChanged
from catalog_service.schemas import DependenciesWrite
from catalog_service.tables import DependencyGraph, Service, ServiceDependency
from catalog_service.use_cases.ownership import require_ownership
from services.errors import Fault
from services.events import current_thread, record
from services.http import check_version
from services.identity import Principal

GONE = (ServiceState.RETIRED, ServiceState.CANCELLED)


async def set_dependencies(
    session: AsyncSession,
    service_id: UUID,
    body: DependenciesWrite,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
) -> Service:
    """Replace all that the service depends on directly.

    Raises NotYourService, ServiceClosed, DependencyInvalid, and DependencyCycle, which names the cycle's services.
    """
    service = await queries.the_service(session, service_id)
    require_ownership(service, principal)
    check_version(service, if_match)
    if service.state in GONE:
        raise ServiceClosed(f"the service is {service.state} and can no longer be changed")
    await hold_graph(session)
    before = {
        row.on_id: row
        for row in await session.scalars(
            select(ServiceDependency)
            .where(ServiceDependency.service_id == service_id)
            .execution_options(populate_existing=True)
        )
    }
    await _check_targets(session, service_id, body, known=before.keys())
    wanted = {part.on_id: part for part in body.dependencies}
    await _refuse_cycle(session, service, wanted.keys() - before.keys())
    changed = False
    for on_id, row in before.items():
        if on_id not in wanted:
            await session.delete(row)
            changed = True
    for on_id, part in wanted.items():
        if (known := before.get(on_id)) is None:
            session.add(ServiceDependency(service_id=service_id, **part.model_dump()))
            changed = True
        elif (known.kind, known.note) != (part.kind, part.note):
            known.kind, known.note = part.kind, part.note
            changed = True
    if changed:
        state = ServiceData.of(service).model_dump()
        told = [DependencyData.model_validate(wanted[on_id]) for on_id in sorted(wanted)]
        record(session, service, ServiceDependenciesChanged(**state, dependencies=told), thread=current_thread())
        await session.flush()
    return service


async def hold_graph(session: AsyncSession) -> None:
    """Before any edge is read: on PostgreSQL the next one who changes the graph waits here, and then sees this change.

    SQLite has one writer anyway. Two changes that would only together make a cycle can so not both succeed.
    """
    await session.execute(update(DependencyGraph).values(changes=DependencyGraph.changes + 1))


async def _check_targets(
    session: AsyncSession, service_id: UUID, body: DependenciesWrite, *, known: Collection[UUID]
) -> None:
    there = await queries.names_and_states(session, (part.on_id for part in body.dependencies))
    faults = []
    first: dict[UUID, int] = {}
    for index, part in enumerate(body.dependencies):
        where = f"/dependencies/{index}/on_id"
        name, state = there.get(part.on_id, ("", None))
        if part.on_id == service_id:
            faults.append(Fault(where, "is the service itself"))
        elif state is None:
            faults.append(Fault(where, "there is no such service"))
        elif first.setdefault(part.on_id, index) != index:
            faults.append(Fault(where, f"is in /dependencies/{first[part.on_id]} already"))
        elif state in GONE and part.on_id not in known:
            faults.append(Fault(where, f"{name} is {state}"))
    if faults:
        raise DependencyInvalid(f"{faults[0].pointer}: {faults[0].message}", faults=faults)


async def _refuse_cycle(session: AsyncSession, service: Service, added: Set[UUID]) -> None:
    if not added:
        return
    links = await queries.links(session, added, Direction.UPSTREAM)
    edges = [Edge(row.service_id, row.on_id, row.kind) for row in links]
    path = domain.cycle(service.id, sorted(added), edges)
    if path is not None:
        names = await queries.names_and_states(session, path)
        told = " → ".join(names[each][0] for each in path)
        raise DependencyCycle(
            f"services would depend on each other in a circle: {told}", faults=[Fault("/dependencies", told)]
        )
