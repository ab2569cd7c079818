"""Bodies that are read into memory: bounded, and free of what JSON or a database cannot hold."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request

from services.errors import Fault, Invalid, TooLarge

# Colons in a body, as an upper bound of its members: each costs everybody time on the one event loop.
MOST_MEMBERS = 40_000
# Whatever may hide NUL, half a character, NaN, or a number beyond the floats; bodies without any are not parsed twice.
_SUSPICIOUS = re.compile(rb"\\u0000|\\ud[89a-f]|nan|infinity|[0-9]e\+?[0-9]{3}|[0-9]{309}", re.IGNORECASE)


class BodyTooLarge(TooLarge): ...


class TooManyMembers(TooLarge): ...


class BodyTooDeep(Invalid): ...


class TextNotStorable(Invalid): ...


class NumberNotFinite(Invalid): ...


async def whole_body(request: Request, *, limit: int) -> bytes:
    """The body, refused as soon as it is too large: before it is read, where it says its length."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > limit:
        raise BodyTooLarge(f"the body is larger than {limit} bytes")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > limit:
            raise BodyTooLarge(f"the body is larger than {limit} bytes")
    return bytes(body)


def refuse_what_no_database_stores(body: bytes) -> None:
    """NUL and lone surrogates are JSON (RFC 8259 §8.2) but no text, and NaN is no JSON: PostgreSQL refuses them all."""
    if b"\0" in body:  # UTF-16 and UTF-32 hold it everywhere, UTF-8 JSON nowhere (RFC 8259 §8.1)
        raise TextNotStorable("the body is not JSON in UTF-8")
    if body.count(b":") > MOST_MEMBERS:
        raise TooManyMembers(f"the body has more than {MOST_MEMBERS} members; send it in parts")
    if not _SUSPICIOUS.search(body):
        return
    try:
        document = json.loads(body, parse_constant=_NotFinite, parse_float=_finite)
    except (ValueError, RecursionError):
        return  # the route says so, in its own words
    try:
        for pointer, part in _walk(document):
            if isinstance(part, _NotFinite):
                raise NumberNotFinite(f"{part.name} is no number in JSON", faults=[Fault(pointer, "is no number")])
            if isinstance(part, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in part):
                raise TextNotStorable("a string is no text", faults=[Fault(pointer, "holds NUL or half a character")])
    except RecursionError:
        raise BodyTooDeep("the body is nested too deeply") from None


class _NotFinite:
    """What Python's parser takes for a number although JSON has none such: NaN, Infinity, -Infinity."""

    def __init__(self, name: str) -> None:
        self.name = name


def _finite(digits: str) -> "float | _NotFinite":
    number = float(digits)
    return number if math.isfinite(number) else _NotFinite(digits[:40])


def _walk(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of a JSON document with its pointer; a member's name counts as a part of the object it is in."""
    yield pointer, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield pointer, name
            yield from _walk(part, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _walk(part, f"{pointer}/{number}")
