"""Dependencies between services: a graph without cycles, walked without recursion.

    upstream     what a service depends on, and what that depends on in turn
    downstream   what depends on it: those whom its retirement or change touches

`requires` is hard: without the other service this one does not work. `uses` is soft: it works, but less well.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.errors import Conflict, Invalid


class DependencyKind(StrEnum):
    REQUIRES = "requires"
    USES = "uses"


class Direction(StrEnum):
    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True)
class Edge:
    """`service_id` depends on `on_id`."""

    service_id: UUID
    on_id: UUID
    kind: DependencyKind


@dataclass(frozen=True, slots=True)
class Reached:
    """A service that a walk came to: by the shortest path of hard links alone, or where there is none, of any."""

    service_id: UUID
    path: tuple[UUID, ...]  # from the walk's start to the service, both included
    hard: bool

    @property
    def distance(self) -> int:
        return len(self.path) - 1


class DependencyInvalid(Invalid): ...


class DependencyCycle(Conflict): ...


def cycle(service_id: UUID, on: Iterable[UUID], edges: Iterable[Edge]) -> list[UUID] | None:
    """The shortest cycle that `service_id` closes by depending on each of `on`, given the other `edges`.

    The path begins and ends with `service_id`; None if there is no cycle. Edges of `service_id` itself do not count:
    they are what is being replaced.
    """
    others: dict[UUID, list[UUID]] = {}
    for edge in edges:
        others.setdefault(edge.service_id, []).append(edge.on_id)
    came_from: dict[UUID, UUID] = {}
    waiting: deque[UUID] = deque()
    for target in on:
        if target not in came_from:
            came_from[target] = service_id
            waiting.append(target)
    if service_id in came_from:
        return [service_id, service_id]
    while waiting:
        here = waiting.popleft()
        for further in others.get(here, ()):
            if further == service_id:
                path = [service_id, here]
                while path[-1] != service_id:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if further not in came_from:
                came_from[further] = here
                waiting.append(further)
    return None


def distances(start: UUID, edges: Iterable[Edge], direction: Direction) -> dict[UUID, int]:
    """How many links away each service is that a walk from `start` comes to, the nearest first, without `start`."""
    return {service_id: step for service_id, (step, _) in _walk(start, _links(edges, direction)).items() if step}


def dependents(start: UUID, edges: Sequence[Edge], *, most: int) -> tuple[list[Reached], int, int]:
    """The `most` nearest services that depend on `start`, hard ones first among equals; how many; how many hard.

    Paths are made only for those that are shown: along a chain of n services all of them together have n² / 2 steps.
    """
    by_any = _walk(start, _links(edges, Direction.DOWNSTREAM))
    hard_edges = [edge for edge in edges if edge.kind is DependencyKind.REQUIRES]
    by_hard = _walk(start, _links(hard_edges, Direction.DOWNSTREAM))
    steps = {service_id: by_hard.get(service_id, found)[0] for service_id, found in by_any.items() if found[0]}
    nearest = sorted(steps, key=lambda service_id: (steps[service_id], service_id not in by_hard, service_id))[:most]
    shown = [
        Reached(service_id, _path(service_id, by_hard if service_id in by_hard else by_any), service_id in by_hard)
        for service_id in nearest
    ]
    return shown, len(steps), len(by_hard) - 1


def _links(edges: Iterable[Edge], direction: Direction) -> Mapping[UUID, list[UUID]]:
    links: dict[UUID, list[UUID]] = {}
    for edge in edges:
        tail, head = edge.service_id, edge.on_id
        if direction is Direction.DOWNSTREAM:
            tail, head = head, tail
        links.setdefault(tail, []).append(head)
    return links


def _walk(start: UUID, links: Mapping[UUID, Sequence[UUID]]) -> dict[UUID, tuple[int, UUID | None]]:
    """Breadth first: for each service its distance and the one before it, in the order of distance."""
    found: dict[UUID, tuple[int, UUID | None]] = {start: (0, None)}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for further in links.get(here, ()):
            if further not in found:
                found[further] = (found[here][0] + 1, here)
                waiting.append(further)
    return found


def _path(service_id: UUID, found: Mapping[UUID, tuple[int, UUID | None]]) -> tuple[UUID, ...]:
    path: list[UUID] = []
    here: UUID | None = service_id
    while here is not None:
        path.append(here)
        here = found[here][1]
    return tuple(reversed(path))
