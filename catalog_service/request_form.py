"""Is this a request form that can be trusted to validate requests? JSON Schema 2020-12, kept small and local.

Demand runs a published form against every request, so a form must be cheap for any input: no reference leaves
the document or returns to itself, what references expand to is bounded, and every pattern must compile in a
regular-expression engine that runs in linear time (no look-around, no back-references), and must not explode in the
backtracking engine of a browser either (`patterns.py`).

The walk goes by keyword, not by every dictionary: `{"properties": {"$ref": {...}}}` names a field, and what
stands in `const`, `enum`, `default` or `examples` is data.
"""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from catalog_service import patterns
from services.errors import Fault, Invalid
from services.forms import MAX_FAULTS, PATTERNS, Schema, SelfReference, definition_named, subschemas, weight_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 65_536
MAX_DEPTH = 24
MAX_DEFINITIONS = 100
MAX_EXPANDED = 5_000  # subschemas, and values to choose from, after references are followed
MAX_PATTERNS = 200  # each takes up to a millisecond to compile
MAX_PATTERN = 500  # characters
SMALLEST_STEP, LARGEST_STEP = 1e-15, 1e18  # of multipleOf: beyond, each division takes hundreds of digits
_META = Draft202012Validator({"$ref": DIALECT})

_REFUSED = (
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "definitions",
)


class RequestFormInvalid(Invalid): ...


def check(form: dict[str, Any]) -> None:
    """Raises RequestFormInvalid with a JSON pointer under /request_form for each thing that is wrong with `form`."""
    _refuse(_oversize(form))
    _refuse(_against_the_dialect(form))
    _refuse(_structure(form))
    _refuse(_references(form))
    try:
        Draft202012Validator(form, offline=True, pattern_options=PATTERNS)
    except ValidationError as error:
        pointer = _pointer(*error.instance_path)
        raise RequestFormInvalid(_SENTENCE, faults=[Fault(pointer, _pattern_message(error))]) from None
    _refuse(_explosions(form))


_SENTENCE = "the request form must be a JSON Schema 2020-12 of one object, small and without outside references"


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise RequestFormInvalid(_SENTENCE, faults=faults[:MAX_FAULTS])


def _pointer(*parts: str | int) -> str:
    """RFC 6901, below the field that holds the form."""
    return "/request_form" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _oversize(form: dict[str, Any]) -> list[Fault]:
    level: list[Any] = [form]
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return [Fault(_pointer(), f"is nested deeper than {MAX_DEPTH} levels")]
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and "\0" in value:
                return [Fault(_pointer(), "holds the character NUL, which cannot be stored")]
        level = below
    try:
        size = len(json.dumps(form, allow_nan=False, ensure_ascii=False).encode())
    except UnicodeEncodeError:  # Python's parser lets through what JSON does not have
        return [Fault(_pointer(), "is not JSON: it holds half a surrogate pair")]
    except ValueError:
        return [Fault(_pointer(), "is not JSON: it holds NaN or Infinity")]
    return [Fault(_pointer(), f"is {size} bytes, more than {MAX_BYTES}")] if size > MAX_BYTES else []


def _against_the_dialect(form: dict[str, Any]) -> list[Fault]:
    if (dialect := form.get("$schema", DIALECT)) != DIALECT:
        return [Fault(_pointer("$schema"), f"must be {DIALECT} or left out, not {dialect!r}")]
    faults = []
    for error in _META.iter_errors(form):
        path = error.instance_path
        if path and path[-1] == "type":
            message = (
                "must be a JSON type's name, or a list of them: array, boolean, integer, null, number, object, string"
            )
        else:
            message = error.message if len(error.message) <= 300 else error.message[:300] + "…"
        faults.append(Fault(_pointer(*path), message))
    return faults


def _structure(form: dict[str, Any]) -> list[Fault]:
    """A form describes one object; references are `#/$defs/<name>` alone, so that all of them can be followed."""
    faults = []
    if form.get("type") != "object":
        faults.append(Fault(_pointer("type"), "must be 'object': a request form describes one object"))
    definitions: dict[str, Schema] = form.get("$defs", {})
    if len(definitions) > MAX_DEFINITIONS:
        faults.append(Fault(_pointer("$defs"), f"has {len(definitions)} definitions, more than {MAX_DEFINITIONS}"))
    count = 0
    for path, schema in _every_schema(form):
        for keyword in _REFUSED:
            if keyword in schema:
                faults.append(Fault(_pointer(*path, keyword), f"{keyword} is not supported in a request form"))
        for keyword in ("$defs", "$id", "$schema"):
            if path and keyword in schema:
                faults.append(Fault(_pointer(*path, keyword), f"{keyword} may stand at the top of the form only"))
        for name, pattern in [("pattern", schema.get("pattern")), *_property_patterns(schema)]:
            count += pattern is not None
            if pattern is not None and len(pattern) > MAX_PATTERN:
                faults.append(Fault(_pointer(*path, name), f"is longer than {MAX_PATTERN} characters"))
        if not SMALLEST_STEP <= schema.get("multipleOf", 1) <= LARGEST_STEP:
            message = f"must be from {SMALLEST_STEP} to {LARGEST_STEP}"
            faults.append(Fault(_pointer(*path, "multipleOf"), message))
        reference = schema.get("$ref")
        if reference is not None and definition_named(reference) not in definitions:
            message = f"{reference!r} is not one of this form's own definitions (#/$defs/<name>)"
            faults.append(Fault(_pointer(*path, "$ref"), message))
    if count > MAX_PATTERNS:
        faults.append(Fault(_pointer(), f"has {count} patterns, more than {MAX_PATTERNS}"))
    return faults


def _every_schema(form: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Each schema that is no truth value, with its path, the form itself first."""
    stack: list[tuple[tuple[str | int, ...], Schema]] = [
        (("$defs", name), schema) for name, schema in form.get("$defs", {}).items()
    ]
    stack.append(((), form))
    while stack:
        path, schema = stack.pop()
        if not isinstance(schema, bool):
            yield path, schema
            stack += [((*path, *step), below) for step, below in subschemas(schema)]


def _explosions(form: dict[str, Any]) -> list[Fault]:
    faults = []
    steps = patterns.Steps()
    for path, schema in _every_schema(form):
        for name, pattern in [("pattern", schema.get("pattern")), *_property_patterns(schema)]:
            try:
                if pattern is None or not patterns.explodes(pattern, steps):
                    continue
                message = "can read one text in exponentially many ways: a repetition within a repetition, or alike"
            except patterns.TooComplex:
                message = "is too complex to tell that it does not explode; use fewer alternatives and repetitions"
            faults.append(Fault(_pointer(*path, name), message))
    return faults


def _property_patterns(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [("patternProperties", pattern) for pattern in schema.get("patternProperties", {})]


def _references(form: dict[str, Any]) -> list[Fault]:
    """References must not return to where they came from, and what they expand to must not be a bomb."""
    try:
        weight = weight_of(form)
    except SelfReference as refers:
        return [Fault(_pointer("$defs", refers.chain[0]), f"refers back to itself: {refers}")]
    if weight > MAX_EXPANDED:
        return [Fault(_pointer(), f"expands to {weight} subschemas and values, more than {MAX_EXPANDED}")]
    return []


def _pattern_message(error: ValidationError) -> str:
    """What is left to fail at this point are patterns that the linear engine does not take."""
    if (error.instance_path and error.instance_path[-2:-1] == ["patternProperties"]) or "regex" in error.message:
        return "is not a regular expression that runs in linear time (no look-around, no back-references)"
    return error.message
