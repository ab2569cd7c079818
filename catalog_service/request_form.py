"""Is this a request form that can be trusted to validate requests? JSON Schema 2020-12, kept small and local.

Demand runs a published form against every request, so a form must be cheap for any input: no reference leaves
the document or returns to itself, what references expand to is bounded, and every pattern must compile in a
regular-expression engine that runs in linear time (no look-around, no back-references).

The walk goes by keyword, not by every dictionary: `{"properties": {"$ref": {...}}}` names a field, and what
stands in `const`, `enum`, `default` or `examples` is data.
"""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from services.errors import Fault, Invalid

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 65_536
MAX_DEPTH = 24
MAX_DEFINITIONS = 100
MAX_EXPANDED = 5_000  # subschemas after references are followed
MAX_FAULTS = 20
_PATTERNS = RegexOptions(size_limit=262_144, dfa_size_limit=1_048_576)
_META = Draft202012Validator({"$ref": DIALECT})

_ONE = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"),
    *("unevaluatedItems", "unevaluatedProperties"),
)
_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAP = ("dependentSchemas", "patternProperties", "properties")
_REFUSED = (
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "definitions",
)

Schema = dict[str, Any] | bool


class RequestFormInvalid(Invalid): ...


def check(form: dict[str, Any]) -> None:
    """Raises RequestFormInvalid with a JSON pointer under /request_form for each thing that is wrong with `form`."""
    _refuse(_oversize(form))
    _refuse(_against_the_dialect(form))
    _refuse(_structure(form))
    _refuse(_references(form))
    try:
        Draft202012Validator(form, offline=True, pattern_options=_PATTERNS)
    except ValidationError as error:
        pointer = _pointer(*error.instance_path)
        raise RequestFormInvalid(_SENTENCE, faults=[Fault(pointer, _pattern_message(error))]) from None


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


def _below(schema: Schema) -> Iterator[tuple[tuple[str | int, ...], Schema]]:
    """The subschemas that apply wherever `schema` does (not those that wait in `$defs`), each with its path."""
    if isinstance(schema, bool):
        return
    for keyword in _ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in _LIST:
        for index, below in enumerate(schema.get(keyword, ())):
            yield (keyword, index), below
    for keyword in _MAP:
        for name, below in schema.get(keyword, {}).items():
            yield (keyword, name), below


def _structure(form: dict[str, Any]) -> list[Fault]:
    """A form describes one object; references are `#/$defs/<name>` alone, so that all of them can be followed."""
    faults = []
    if form.get("type") != "object":
        faults.append(Fault(_pointer("type"), "must be 'object': a request form describes one object"))
    definitions: dict[str, Schema] = form.get("$defs", {})
    if len(definitions) > MAX_DEFINITIONS:
        faults.append(Fault(_pointer("$defs"), f"has {len(definitions)} definitions, more than {MAX_DEFINITIONS}"))
    stack: list[tuple[tuple[str | int, ...], Schema]] = [((), form)]
    stack += [(("$defs", name), schema) for name, schema in definitions.items()]
    while stack:
        path, schema = stack.pop()
        if isinstance(schema, bool):
            continue
        for keyword in _REFUSED:
            if keyword in schema:
                faults.append(Fault(_pointer(*path, keyword), f"{keyword} is not supported in a request form"))
        for keyword in ("$defs", "$id", "$schema"):
            if path and keyword in schema:
                faults.append(Fault(_pointer(*path, keyword), f"{keyword} may stand at the top of the form only"))
        reference = schema.get("$ref")
        if reference is not None and _target(reference) not in definitions:
            message = f"{reference!r} is not one of this form's own definitions (#/$defs/<name>)"
            faults.append(Fault(_pointer(*path, "$ref"), message))
        stack += [((*path, *step), below) for step, below in _below(schema)]
    return faults


def _target(reference: str) -> str | None:
    prefix = "#/$defs/"
    name = reference.removeprefix(prefix)
    if not reference.startswith(prefix) or "/" in name or "%" in name:
        return None
    return name.replace("~1", "/").replace("~0", "~")


def _references(form: dict[str, Any]) -> list[Fault]:
    """References must not return to where they came from, and must not multiply into a bomb."""
    definitions: dict[str, Schema] = form.get("$defs", {})
    own: dict[str, int] = {}
    uses: dict[str, list[str]] = {}
    for name, schema in [("", form), *definitions.items()]:
        own[name], uses[name] = 0, []
        stack = [schema]
        while stack:
            below = stack.pop()
            own[name] += 1
            if isinstance(below, dict) and (target := _target(below.get("$ref", ""))) is not None:
                uses[name].append(target)
            stack += [schema for _, schema in _below(below)]

    expanded: dict[str, int] = {}
    path: list[str] = []

    def size(name: str) -> int:
        if name in path:
            chain = " -> ".join([*path[path.index(name) :], name])
            raise RequestFormInvalid(
                _SENTENCE, faults=[Fault(_pointer("$defs", name), f"refers back to itself: {chain}")]
            )
        if name not in expanded:
            path.append(name)
            expanded[name] = own[name] + sum(size(target) for target in uses[name])
            path.pop()
        return expanded[name]

    for name in own:
        size(name)
    if expanded[""] > MAX_EXPANDED:
        message = f"expands to {expanded['']} subschemas, more than {MAX_EXPANDED}"
        return [Fault(_pointer(), message)]
    return []


def _pattern_message(error: ValidationError) -> str:
    """What is left to fail at this point are patterns that the linear engine does not take."""
    if (error.instance_path and error.instance_path[-2:-1] == ["patternProperties"]) or "regex" in error.message:
        return "is not a regular expression that runs in linear time (no look-around, no back-references)"
    return error.message
