"""Answers held against an offering's request form, a JSON Schema (draft 2020-12) that the catalogue has checked.

Each fault names its place as a JSON pointer under /form: a missing or unexpected field by its own name, not by
the object that lacks it or has it.
"""

from typing import Any

from services.errors import Conflict, Fault, Invalid
from services.forms import FormUnusable, misfits, oddities


class FormNotValid(Invalid): ...


class RequestFormUnusable(Conflict): ...


def require_answers(schema: dict[str, Any], answers: dict[str, Any], *, offering: str) -> None:
    """Raises FormNotValid with a pointer for each fault, RequestFormUnusable if the form is no schema after all,
    FormTooHeavy if there is too much to check."""
    require_plain(answers, at="/form")
    try:
        faults = misfits(schema, answers)
    except FormUnusable as error:
        raise RequestFormUnusable(f"the request form of {offering!r} is not a usable JSON Schema") from error
    if faults:
        raise FormNotValid(f"the form does not fit what {offering!r} asks for: {_first(faults)}", faults=faults)


def require_plain(document: dict[str, Any], *, at: str) -> None:
    """Refuse what Python reads as JSON but is none, or none that a database keeps: NaN, Infinity, the very deep."""
    if faults := oddities(document, at=at):
        raise FormNotValid(f"{at.removeprefix('/')} cannot be kept: {_first(faults)}", faults=faults)


def _first(faults: list[Fault]) -> str:
    return f"{faults[0].pointer}: {faults[0].message}"
