"""The fulfilment template of an offering: the tasks that an order of it consists of, and what waits for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.errors import Fault, Invalid


@dataclass(frozen=True, slots=True)
class TaskTemplate:
    """`key` names the task within the template; `role` is who does it, in the organisation's own words."""

    key: str
    name: str
    depends_on: tuple[str, ...]
    role: str


class FulfilmentInvalid(Invalid): ...


def check(tasks: Sequence[TaskTemplate]) -> None:
    """Raises FulfilmentInvalid: a key twice, a dependency that does not exist, or a cycle (which names its path)."""
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for index, task in enumerate(tasks):
        if task.key in first:
            message = f"task {task.key!r} is already defined by task {first[task.key]}"
            faults.append(Fault(f"/fulfilment/{index}/key", message))
        first.setdefault(task.key, index)
    for index, task in enumerate(tasks):
        for position, needed in enumerate(task.depends_on):
            if needed not in first:
                message = f"no task of this template has the key {needed!r}"
                faults.append(Fault(f"/fulfilment/{index}/depends_on/{position}", message))
            elif needed in task.depends_on[:position]:
                faults.append(Fault(f"/fulfilment/{index}/depends_on/{position}", f"{needed!r} is named twice"))
    if not faults and (path := find_cycle({task.key: task.depends_on for task in tasks})):
        message = f"the tasks wait for each other: {' -> '.join(path)}"
        faults.append(Fault(f"/fulfilment/{first[path[0]]}/depends_on", message))
    if faults:
        raise FulfilmentInvalid(faults[0].message, faults=faults)


def find_cycle(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """The first cycle found, as a path that ends where it began ([] if there is none).

    Depth first with an explicit stack: a template of any length cannot exhaust the interpreter's. Linear in
    nodes plus edges; every target must itself be a node.
    """
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.remove(node)
                done.add(node)
            elif node in on_path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                on_path.add(node)
                stack.append((node, True))
                stack.extend((needed, False) for needed in reversed(edges[node]))
    return []
