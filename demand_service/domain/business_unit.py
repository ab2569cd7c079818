"""The tree of business units: each has one parent or none, and nobody is their own ancestor.

Conflict
└── UnitInsideItself    names the path that would go round
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from services.errors import Conflict, Fault

U = TypeVar("U", bound=Hashable)


class UnitInsideItself(Conflict): ...


def require_tree(unit: U, parent: U | None, *, parents: Mapping[U, U | None], names: Mapping[U, str]) -> None:
    """Refuse to put `unit` under `parent` where that closes a circle.

    `parents` holds every unit's present parent; `names` is what the path is told in. Raises UnitInsideItself.
    """
    path = [unit]
    above = parent
    while above is not None:
        path.append(above)
        if above == unit:
            told = " → ".join(names.get(step, str(step)) for step in path)
            raise UnitInsideItself(
                f"a business unit cannot be inside itself: {told}",
                faults=[Fault("/parent_id", "is the business unit itself or one below it")],
            )
        if len(path) > len(parents) + 1:
            raise UnitInsideItself(f"the business units above {names.get(unit, str(unit))} already form a circle")
        above = parents.get(above)
