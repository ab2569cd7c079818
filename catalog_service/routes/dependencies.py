"""Dependencies between services, and what leaving one would touch."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from catalog_service import queries, schemas
from catalog_service.domain import dependency as domain
from catalog_service.domain.dependency import Direction, Edge
from catalog_service.routes import Designer, Planner
from catalog_service.use_cases import dependencies as use_cases
from services.http import Api, Etag, ReadSession, RequiredIfMatch, WriteSession

router = Api(prefix="/v1", tags=["Dependencies"])
MOST_NODES = 2_000


@router.put(
    "/services/{service_id}/dependencies",
    response_model=schemas.DependencyGraphRead,
    summary="Say what a service depends on",
)
async def set_dependencies(
    service_id: UUID,
    body: schemas.DependenciesWrite,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> schemas.DependencyGraphRead:
    """The whole list, under the service's ETag. 409 names the cycle that it would close, 422 the wrong entries."""
    service = await use_cases.set_dependencies(session, service_id, body, principal=principal, if_match=if_match)
    etag(service)
    return await _graph(session, service_id, Direction.UPSTREAM, 1)


@router.get(
    "/services/{service_id}/dependencies",
    response_model=schemas.DependencyGraphRead,
    summary="Read a service's dependencies",
)
async def read_dependencies(
    service_id: UUID,
    session: ReadSession,
    etag: Etag,
    principal: Planner,
    direction: Annotated[
        Direction, Query(description="`upstream`: what it depends on; `downstream`: what depends on it")
    ] = Direction.UPSTREAM,
    depth: Annotated[int | None, Query(ge=1, le=50, description="Steps to go; to the ends, if left out")] = None,
) -> schemas.DependencyGraphRead:
    """The graph around it, the nearest services first. Its ETag is the service's."""
    etag(await queries.the_service(session, service_id))
    return await _graph(session, service_id, direction, depth)


async def _graph(
    session: ReadSession, service_id: UUID, direction: Direction, depth: int | None
) -> schemas.DependencyGraphRead:
    links = await queries.links(session, [service_id], direction, depth=depth)
    steps = domain.distances(service_id, (Edge(row.service_id, row.on_id, row.kind) for row in links), direction)
    known = await queries.names_and_states(session, steps)
    # By name within a distance, so that the answer is the same every time.
    order = sorted(steps, key=lambda each: (steps[each], known[each][0], each))[:MOST_NODES]
    shown = {service_id, *order}
    return schemas.DependencyGraphRead(
        service_id=service_id,
        direction=direction,
        depth=depth,
        total=len(steps),
        nodes=[
            schemas.DependencyNode(id=each, name=known[each][0], state=known[each][1], distance=steps[each])
            for each in order
        ],
        links=[
            schemas.DependencyRead.model_validate(row)
            for row in sorted(links)
            if row.service_id in shown and row.on_id in shown
        ],
    )
