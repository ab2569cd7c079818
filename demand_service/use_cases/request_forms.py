"""Answers held against an offering's request form, a JSON Schema (draft 2020-12) that the catalogue has checked.

Each fault names its place as a JSON pointer under /form: a missing or unexpected field by its own name, not by
the object that lacks it or has it.
"""

import math
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from services.errors import Conflict, Fault, Invalid

MAX_FAULTS = 20
MAX_MESSAGE = 300
MAX_DEPTH = 24
# As the catalogue compiles them, so that a form that it published compiles here too.
_PATTERNS = RegexOptions(size_limit=262_144, dfa_size_limit=1_048_576)

_FIELDS = (
    ValidationErrorKind.Required,
    ValidationErrorKind.AdditionalProperties,
    ValidationErrorKind.UnevaluatedProperties,
)


class FormNotValid(Invalid): ...


class RequestFormUnusable(Conflict): ...


def require_answers(schema: dict[str, Any], answers: dict[str, Any], *, offering: str) -> None:
    """Raises FormNotValid with a pointer for each fault, RequestFormUnusable if the form is no schema after all."""
    require_plain(answers, at="/form")
    try:
        validator = Draft202012Validator(schema, offline=True, pattern_options=_PATTERNS, validate_formats=True)
    except ValidationError as error:
        raise RequestFormUnusable(f"the request form of {offering!r} is not a usable JSON Schema") from error
    faults = [fault for error in validator.iter_errors(answers) for fault in _faults(error)]
    if faults:
        # A schema may find the same fault by several of its branches.
        distinct = list({(fault.pointer, fault.message): fault for fault in faults}.values())[:MAX_FAULTS]
        raise FormNotValid(f"the form does not fit what {offering!r} asks for: {_first(distinct)}", faults=distinct)


def require_plain(document: dict[str, Any], *, at: str) -> None:
    """Refuse what Python reads as JSON but is none, or none that a database keeps: NaN, Infinity, the very deep."""
    faults = list(_oddities(document, at))[:MAX_FAULTS]
    if faults:
        raise FormNotValid(f"{at.removeprefix('/')} cannot be kept: {_first(faults)}", faults=faults)


def _first(faults: list[Fault]) -> str:
    return f"{faults[0].pointer}: {faults[0].message}"


def _faults(error: ValidationError) -> Iterator[Fault]:
    at = "/form" + "".join(f"/{_escaped(part)}" for part in error.instance_path)
    kind = error.kind
    if isinstance(kind, _FIELDS):
        details = kind.as_dict()
        message = "is needed" if "property" in details else "is not a field of this form"
        for name in details.get("unexpected") or [details["property"]]:
            yield Fault(f"{at}/{_escaped(name)}", message)
        return
    message = error.message if len(error.message) <= MAX_MESSAGE else error.message[:MAX_MESSAGE] + "…"
    yield Fault(at, message)


def _oddities(document: dict[str, Any], at: str) -> Iterator[Fault]:
    stack: list[tuple[str, Any, int]] = [(at, document, 0)]
    while stack:
        pointer, value, depth = stack.pop()
        if depth > MAX_DEPTH:
            yield Fault(at, f"is nested deeper than {MAX_DEPTH} levels")
            return
        if isinstance(value, float) and not math.isfinite(value):
            yield Fault(pointer, "is no number that JSON has")
        elif isinstance(value, dict):
            stack += [(f"{pointer}/{_escaped(name)}", below, depth + 1) for name, below in value.items()]
        elif isinstance(value, list):
            stack += [(f"{pointer}/{index}", below, depth + 1) for index, below in enumerate(value)]


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
