"""Answers held against a request form: a JSON Schema (2020-12), checked by the catalogue when it is saved, and used by
the catalogue and by demand to validate what a request says. Both weigh, compile and report in the same way here.

A validator of linear time still multiplies: each value is held against each subschema, and a list of everything that
is wrong costs a thousand times the bare verdict (measured: 2,000 subschemas on 1,000 strings are judged in less than
a millisecond and take 86 s to report). So both sides have a weight, and their product is bounded: beyond REPORTED
only the first fault is told, beyond JUDGED the answers are refused unread.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError, ValidationErrorKind

from services.errors import Conflict, Fault, TooLarge

MAX_FAULTS = 20
MAX_MESSAGE = 300
MAX_DEPTH = 24
REPORTED = 20_000  # weight of the form times weight of the answers
JUDGED = 5_000_000
CHARACTERS = 40  # of text weigh as much as one value
PATTERNS = RegexOptions(size_limit=262_144, dfa_size_limit=1_048_576)

ONE = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
MAP = ("dependentSchemas", "patternProperties", "properties")
_LISTED = ("const", "dependentRequired", "enum", "required")
_FIELDS = (
    ValidationErrorKind.Required,
    ValidationErrorKind.AdditionalProperties,
    ValidationErrorKind.UnevaluatedProperties,
)

Schema = dict[str, Any] | bool
Path = tuple[str | int, ...]


class FormUnusable(Conflict): ...


class FormTooHeavy(TooLarge): ...


class SelfReference(Exception):
    """A definition that leads back to itself; `chain` are the names on the way."""

    def __init__(self, chain: list[str]) -> None:
        super().__init__(" -> ".join(chain))
        self.chain = chain


def subschemas(schema: Schema) -> Iterator[tuple[Path, Schema]]:
    """Those that apply wherever `schema` does (not those that wait in `$defs`), each with its path."""
    if isinstance(schema, bool):
        return
    for keyword in ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in LIST:
        for index, below in enumerate(schema.get(keyword, ())):
            yield (keyword, index), below
    for keyword in MAP:
        for name, below in schema.get(keyword, {}).items():
            yield (keyword, name), below


def definition_named(reference: str) -> str | None:
    """The name in `#/$defs/<name>`; None for any other reference."""
    prefix = "#/$defs/"
    name = reference.removeprefix(prefix)
    if not reference.startswith(prefix) or "/" in name or "%" in name:
        return None
    return name.replace("~1", "/").replace("~0", "~")


def weight_of(form: dict[str, Any]) -> int:
    """Subschemas, values and names that one answer may be held against, after references are followed.

    Raises SelfReference.
    """
    definitions: dict[str, Schema] = form.get("$defs", {})
    own: dict[str, int] = {}
    uses: dict[str, list[str]] = {}
    for name, schema in [("", form), *definitions.items()]:
        own[name], uses[name] = 0, []
        stack = [schema]
        while stack:
            below = stack.pop()
            own[name] += 1
            if isinstance(below, bool):
                continue
            own[name] += sum(values(below[word]) for word in _LISTED if word in below)
            target = definition_named(below.get("$ref", ""))
            if target in definitions:
                uses[name].append(str(target))
            stack += [schema for _, schema in subschemas(below)]

    expanded: dict[str, int] = {}
    path: list[str] = []

    def weigh(name: str) -> int:
        if name in path:
            raise SelfReference([*path[path.index(name) :], name])
        if name not in expanded:
            path.append(name)
            expanded[name] = own[name] + sum(weigh(target) for target in uses[name])
            path.pop()
        return expanded[name]

    for name in own:
        weigh(name)
    return expanded[""]


def values(document: Any) -> int:
    """How much there is of a JSON document: its values, and its text by length."""
    count = 0
    stack = [document]
    while stack:
        value = stack.pop()
        count += 1
        if isinstance(value, str):
            count += len(value) // CHARACTERS
        elif isinstance(value, dict):
            stack += value.values()
            count += sum(len(name) for name in value) // CHARACTERS
        elif isinstance(value, list):
            stack += value
    return count


def misfits(form: dict[str, Any], answers: Mapping[str, Any], *, at: str = "/form") -> list[Fault]:
    """What is wrong with `answers`, each fault with its pointer: a missing or unexpected field by its own name, not
    by the object that lacks it or has it. At most MAX_FAULTS; [] if they fit.

    Raises FormUnusable if the form is no schema after all, FormTooHeavy if there is too much to check.
    """
    document = dict(answers)
    try:
        validator = Draft202012Validator(form, offline=True, pattern_options=PATTERNS, validate_formats=True)
        weight = weight_of(form)
    except (ValidationError, SelfReference) as error:
        raise FormUnusable("the request form is not a usable JSON Schema") from error
    work = weight * values(document)
    if work > JUDGED:
        raise FormTooHeavy(
            "there is too much in it to be held against this request form", faults=[Fault(at, "is too large")]
        )
    if validator.is_valid(document):
        return []
    if work > REPORTED:
        try:
            validator.validate(document)
        except ValidationError as error:
            return list(_faults(error, at))[:MAX_FAULTS]
    faults = [fault for error in validator.iter_errors(document) for fault in _faults(error, at)]
    # A schema may find the same fault by several of its branches.
    return list({(fault.pointer, fault.message): fault for fault in faults}.values())[:MAX_FAULTS]


def oddities(document: Mapping[str, Any], *, at: str) -> list[Fault]:
    """What Python reads as JSON but is none, or none that a database keeps: NaN, Infinity, the very deep."""
    found: list[Fault] = []
    stack: list[tuple[str, Any, int]] = [(at, document, 0)]
    while stack and len(found) < MAX_FAULTS:
        pointer, value, depth = stack.pop()
        if depth > MAX_DEPTH:
            return [*found, Fault(at, f"is nested deeper than {MAX_DEPTH} levels")]
        if isinstance(value, float) and not math.isfinite(value):
            found.append(Fault(pointer, "is no number that JSON has"))
        elif isinstance(value, Mapping):
            stack += [(f"{pointer}/{escaped(name)}", below, depth + 1) for name, below in value.items()]
        elif isinstance(value, list):
            stack += [(f"{pointer}/{index}", below, depth + 1) for index, below in enumerate(value)]
    return found


def escaped(part: str | int) -> str:
    """As a JSON pointer says it (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def _faults(error: ValidationError, at: str) -> Iterator[Fault]:
    place = at + "".join(f"/{escaped(part)}" for part in error.instance_path)
    kind = error.kind
    if isinstance(kind, _FIELDS):
        details = kind.as_dict()
        message = "is needed" if "property" in details else "is not a field of this form"
        for name in details.get("unexpected") or [details["property"]]:
            yield Fault(f"{place}/{escaped(name)}", message)
        return
    message = error.message if len(error.message) <= MAX_MESSAGE else error.message[:MAX_MESSAGE] + "…"
    yield Fault(place, message)
