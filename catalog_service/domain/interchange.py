"""What an import compares and follows: references between things, differences between their states.

A reference is the id of a thing, its external id as `<system>:<id>`, or the `key` of an entry. A key is an external id
of the system `key`, so that what a file names once is known by it for ever.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

KEY_SYSTEM = "key"
S = TypeVar("S")


class Difference(NamedTuple):
    """A part that is not what it was: where (a JSON pointer), what it was, what it will be."""

    pointer: str
    old: Any
    new: Any


class ExternalName(NamedTuple):
    system: str
    id: str

    def __str__(self) -> str:
        return f"{self.system}:{self.id}"


def differences(old: Any, new: Any, pointer: str = "") -> list[Difference]:
    """Part by part; lists of different lengths are different as a whole, since their items have moved."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for name in dict.fromkeys([*old, *new]):
            below = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            found += differences(old.get(name), new.get(name), below)
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [each for number, (a, b) in pairs for each in differences(a, b, f"{pointer}/{number}")]
    # True == 1 in Python, but not in JSON.
    same = old == new and isinstance(old, bool) == isinstance(new, bool)
    return [] if same else [Difference(pointer, old, new)]


def reference(text: str) -> UUID | ExternalName:
    """What `text` refers to: an id, an external id, or a key."""
    if len(text) == 36:
        try:
            return UUID(text)
        except ValueError:
            pass
    system, colon, identifier = text.partition(":")
    return ExternalName(system, identifier) if colon else ExternalName(KEY_SYSTEM, text)


def way(table: Mapping[S, Iterable[S]], start: S, end: S) -> list[S] | None:
    """The states after `start` on the shortest way to `end`: [] if it is there, None if there is no way."""
    came_from: dict[S, S] = {}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if state == end:
            steps = []
            while state != start:
                steps.append(state)
                state = came_from[state]
            return steps[::-1]
        for following in sorted(table[state], key=str):
            if following not in came_from and following != start:
                came_from[following] = state
                waiting.append(following)
    return None


def namesakes(nodes: Mapping[UUID, tuple[UUID | None, str]]) -> list[UUID]:
    """The nodes that have the parent and the name of one before them."""
    seen: dict[tuple[UUID | None, str], UUID] = {}
    return [node for node, place in nodes.items() if seen.setdefault(place, node) != node]


def parents_first(parents: Mapping[UUID, UUID | None]) -> tuple[list[UUID], list[UUID]]:
    """The nodes so that each comes after its parent, and those that cannot: they are in a circle, or below one."""
    placed: dict[UUID, None] = {}
    stuck: dict[UUID, None] = {}
    for node in parents:
        path: dict[UUID, None] = {}
        at: UUID | None = node
        while at is not None and at in parents and at not in placed and at not in stuck and at not in path:
            path[at] = None
            at = parents[at]
        (stuck if at in stuck or at in path else placed).update(dict.fromkeys(reversed(path)))
    return list(placed), list(stuck)
