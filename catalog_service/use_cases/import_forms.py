"""The form of an import's entries: what of one can be understood although a part of it is wrong.

So the rest of it is checked all the same, and what hangs together with it: the offerings of a service whose name is
too long, say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from catalog_service.documents import Path
from catalog_service.schemas.interchange import Section

# Stands for what must be there, and cannot be read or is not.
_STAND_INS: Mapping[str, Any] = {"name": "?", "unit_of_measure": "?", "summary": "?"}
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Form:
    """`spoilt` are the fields whose form is wrong; the body, if there is one, is what it says without them."""

    body: BaseModel | None
    spoilt: frozenset[str]
    faults: Sequence[tuple[Path, str]]


def form_of(section: Section, value: Mapping[str, Any]) -> Form:
    try:
        return Form(section.body.model_validate(value), NOTHING, [])
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults = [
        (
            [part for part in fault["loc"] if part != "[key]"],
            str(fault["msg"]).removeprefix("Value error, "),
        )
        for fault in found
    ]
    spoilt = frozenset(str(path[0]) for path, _ in faults if path)
    rest = {name: part for name, part in value.items() if name not in spoilt}
    rest |= {name: _STAND_INS[name] for name in spoilt if name in _STAND_INS and name in section.body.model_fields}
    try:
        return Form(section.body.model_validate(rest), spoilt, faults)
    except ValidationError:
        return Form(None, spoilt, faults)
