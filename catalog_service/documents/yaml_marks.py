"""YAML as marks: libyaml's events through PyYAML, with the scalars of YAML 1.2's core schema (§10.3.2).

PyYAML's own resolver is that of YAML 1.1, for which `no` is false, `12:30` is 750 and `0o17` a string; so only its
parser is used. Plain scalars are null, booleans, whole numbers or floats as the core schema says; all else is text,
also dates. Nothing is constructed: tags and aliases are refused, so that a file cannot grow while it is read.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import yaml

from catalog_service.documents.marks import (
    DEEPEST,
    DOCUMENT,
    LIST,
    LIST_END,
    LONGEST_NUMBER,
    MAP,
    MAP_END,
    SCALAR,
    Mark,
    NotReadable,
    scalar,
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML was built with it
_WORDS: dict[str, bool | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")


def yaml_marks(file: BinaryIO) -> Iterator[Mark]:
    """The marks of all documents in `file`. Raises NotReadable."""
    depth = 0
    events: Iterator[Any] = yaml.parse(file, Loader=_LOADER)
    try:
        for event in events:
            line = event.start_mark.line + 1
            if isinstance(event, yaml.ScalarEvent):
                yield _scalar(event, line)
            elif isinstance(event, yaml.AliasEvent):
                yield Mark(
                    SCALAR, None, line, f"*{str(event.anchor)[:40]}: aliases are not read; write out what it stands for"
                )
            elif isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise NotReadable(line, f"more than {DEEPEST} levels of nesting")
                yield Mark(MAP if isinstance(event, yaml.MappingStartEvent) else LIST, None, line, _tag_fault(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
                yield Mark(MAP_END if isinstance(event, yaml.MappingEndEvent) else LIST_END, None, line)
            elif isinstance(event, yaml.DocumentStartEvent):
                yield Mark(DOCUMENT, None, line)
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise NotReadable(1 if place is None else place.line + 1, f"this is not YAML: {message}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NotReadable(1, f"this is not YAML in UTF-8: {str(error)[:200]}") from error


def _tag_fault(event: Any) -> str | None:
    return None if event.tag is None else f"the tag {event.tag[:60]!r}: tags are not read"


def _scalar(event: Any, line: int) -> Mark:
    if event.tag is not None:
        return Mark(SCALAR, None, line, _tag_fault(event))
    if not event.implicit[0]:  # quoted or a block: text, whatever it looks like
        return scalar(event.value, line)
    try:
        return scalar(plain_value(event.value), line)
    except ValueError as error:
        return Mark(SCALAR, None, line, str(error))


def plain_value(text: str) -> Any:
    """The value of a plain scalar in the core schema. Raises ValueError for a number that JSON cannot hold."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number in JSON")
    for form, base in ((_WHOLE, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if form.fullmatch(text):
            if len(text) > LONGEST_NUMBER:
                raise ValueError("is too long for a number; quote it if it is text")
            return int(text[2:] if base != 10 else text, base)
    return float(text) if _FLOAT.fullmatch(text) else text
