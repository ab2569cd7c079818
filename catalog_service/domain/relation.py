"""How offerings stand to each other: what one requires, excludes and upgrades to, and what a bundle holds.

requires      a graph without cycles: who asks for the one must hold the other
upgrades_to   a graph without cycles: where whoever holds the one may go
excludes      goes both ways: who holds the one may not ask for the other
bundle        a graph without cycles: a bundle may hold bundles
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from catalog_service.domain.validity import Window
from services.errors import Conflict, Fault, Invalid


class RelationKind(StrEnum):
    REQUIRES = "requires"
    EXCLUDES = "excludes"
    UPGRADES_TO = "upgrades_to"


# Those of which a way back to where one started makes no sense.
DIRECTED = (RelationKind.REQUIRES, RelationKind.UPGRADES_TO)
Edges = Mapping[UUID, Sequence[UUID]]
MOST_NAMED = 20


class RelationInvalid(Invalid): ...


class RelationContradiction(Conflict): ...


class RelationCycle(Conflict): ...


class BundleInvalid(Invalid): ...


class BundleCycle(Conflict): ...


def path_back(start: UUID, targets: Iterable[UUID], edges: Edges) -> list[UUID] | None:
    """The shortest way from `start` over one of `targets` back to `start`, both ends included; None if none.

    What `edges` says of `start` itself does not count: `targets` replace it. Breadth first, linear in the edges.
    """
    came_from: dict[UUID, UUID] = {}
    waiting: deque[UUID] = deque()
    for target in targets:
        if target == start:
            return [start, start]
        if target not in came_from:
            came_from[target] = start
            waiting.append(target)
    while waiting:
        here = waiting.popleft()
        for further in edges.get(here, ()):
            if further == start:
                path = [start, here]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if further not in came_from:
                came_from[further] = here
                waiting.append(further)
    return None


def paths(start: UUID, edges: Edges, ends: AbstractSet[UUID]) -> list[list[UUID]]:
    """The shortest way from `start` to each of `ends` that can be reached, both included; linear in the edges."""
    came_from = {start: start}
    waiting = deque([start])
    found = []
    while waiting:
        here = waiting.popleft()
        if here in ends:
            path = [here]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            found.append(path[::-1])
        for further in edges.get(here, ()):
            if further not in came_from:
                came_from[further] = here
                waiting.append(further)
    return found


def check_lines(own: UUID | None, lines: Sequence[tuple[RelationKind, UUID]]) -> None:
    """Raises RelationInvalid: an offering related to itself, or the same said twice."""
    faults = []
    for index, line in enumerate(lines):
        if line[1] == own:
            faults.append(Fault(f"/relations/{index}/other_id", "is this offering itself"))
        elif line in lines[:index]:
            faults.append(Fault(f"/relations/{index}", "is said twice"))
    if faults:
        raise RelationInvalid("an offering is related to others, and once", faults=faults)


def require_no_contradiction(required: Iterable[UUID], barred: Iterable[UUID], names: Mapping[UUID, str]) -> None:
    """Raises RelationContradiction: nobody could ask for what requires an offering that it excludes.

    `required` is all that the offering requires, also by way of others; `barred` what it excludes or is excluded by.
    """
    both = sorted(set(required) & set(barred), key=str)
    if both:
        said = [repr(names.get(other, str(other))) for other in both]
        raise RelationContradiction(
            f"{', '.join(said)} cannot be both required and excluded",
            faults=[Fault("/relations", f"{name} is required and excluded") for name in said],
        )


def require_no_contradiction_above(pairs: Iterable[tuple[UUID, UUID]], names: Mapping[UUID, str]) -> None:
    """Raises RelationContradiction for pairs (who requires, what is required) of which the one excludes the other."""
    said = [(repr(names.get(one, str(one))), repr(names.get(other, str(other)))) for one, other in sorted(pairs)]
    if said:
        messages = [f"{one} requires {other}, and one of them excludes the other" for one, other in said[:MOST_NAMED]]
        raise RelationContradiction(messages[0], faults=[Fault("/relations", message) for message in messages])


def check_members(own: UUID | None, members: Sequence[UUID]) -> None:
    """Raises BundleInvalid: a bundle that holds itself, or the same member twice."""
    faults = []
    for index, member in enumerate(members):
        if member == own:
            faults.append(Fault(f"/bundle/{index}/offering_id", "is this offering itself"))
        elif member in members[:index]:
            faults.append(Fault(f"/bundle/{index}/offering_id", "is in the bundle already"))
    if faults:
        raise BundleInvalid("a bundle holds other offerings, each once", faults=faults)


def bundle_gaps(
    members: Sequence[UUID], current: Mapping[UUID, Window], names: Mapping[UUID, str], ends: datetime | None
) -> list[Fault]:
    """What keeps a bundle until `ends` from being on offer: members of which no version is published, or that end
    before it. `current` has of each member the window of its series' published version."""
    faults = []
    for index, member_id in enumerate(members):
        at = f"/bundle/{index}/offering_id"
        if (member := current.get(member_id)) is None:
            faults.append(Fault(at, f"no version of {names[member_id]!r} is published"))
        elif member.ends is not None and ends_before(member.ends, ends):
            faults.append(Fault(at, f"{member.name!r} ends at {member.ends:%FT%TZ}, before the bundle does"))
    return faults


def ends_before(end: datetime, other: datetime | None) -> bool:
    return other is None or end < other
