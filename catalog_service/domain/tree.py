"""A tree of named nodes: the portfolio's taxonomy, or the business capabilities. Any depth; nothing here recurses.

A node has one parent or is a root; siblings differ in their names; nothing ends up below itself.
"""

from collections.abc import Sequence
from uuid import UUID

from services.errors import Conflict, Fault

MOST_NAMES = 12


class TreeCycle(Conflict): ...


class SiblingNameTaken(Conflict): ...


class NodeInUse(Conflict): ...


def check_move(node: UUID, path: Sequence[tuple[UUID, str]]) -> None:
    """Raises TreeCycle, naming the way round, if `path` (from the root to the new parent) leads through `node`."""
    ids = [step for step, _ in path]
    if node not in ids:
        return
    names = [name for _, name in path[ids.index(node) :]]
    way = " > ".join(shortened([*names, names[0]]))
    raise TreeCycle(
        f"{names[0]} cannot move below itself: {way}", faults=[Fault("/parent_id", f"closes the cycle {way}")]
    )


def shortened(names: Sequence[str]) -> list[str]:
    """A long way with its middle left out: a person reads where it begins and where it ends."""
    if len(names) <= MOST_NAMES:
        return list(names)
    half = MOST_NAMES // 2
    return [*names[:half], f"… {len(names) - 2 * half} more …", *names[-half:]]


def check_name(name: str, taken_by: UUID | None, *, parent: str | None) -> None:
    """Raises SiblingNameTaken if a sibling (`taken_by`) has the name."""
    if taken_by is not None:
        place = "at the top" if parent is None else f"below {parent}"
        raise SiblingNameTaken(
            f"there is a {name} {place} already: {taken_by}", faults=[Fault("/name", f"is the name of {taken_by}")]
        )


def check_unused(name: str, hanging: Sequence[tuple[str, int]]) -> None:
    """Raises NodeInUse, counting what hangs from the node: pairs of what (in the plural) and how many."""
    held = [f"{count} {what}" for what, count in hanging if count]
    if held:
        raise NodeInUse(f"{name} cannot go while something hangs from it: {', '.join(held)}")
