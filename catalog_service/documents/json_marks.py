"""JSON (RFC 8259) as marks. YAML's parser will not do for it: it refuses the surrogate pairs of JSON's escapes.

The text is read where it lies (a memory map), token by token, so that memory stays flat.
"""

import json
import mmap
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from catalog_service.documents.marks import (
    DEEPEST,
    DOCUMENT,
    LIST,
    LIST_END,
    LONGEST_NUMBER,
    MAP,
    MAP_END,
    Mark,
    NotReadable,
    scalar,
)

_SPACE = re.compile(rb"[ \t\r\n]*+")
_TOKEN = re.compile(
    rb"""(?P<sign>[\[\]{},:])
      | (?P<text>"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")
      | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
      | (?P<word>true|false|null)""",
    re.VERBOSE,
)
_WORDS = {b"true": True, b"false": False, b"null": None}
_BOM = b"\xef\xbb\xbf"
# What may come next: a value, a member's name, the colon after it, or what follows a value.
VALUE, VALUE_OR_END, NAME, NAME_OR_END, COLON, AFTER = range(6)
_WANTED = ("a value", "a value or ']'", "a name", "a name or '}'", "':'", "',' or the end of what is open")


def json_marks(file: BinaryIO) -> Iterator[Mark]:
    """The marks of the one value in `file`, a real file that is not empty. Raises NotReadable."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from _marks(data)


def _marks(data: Any) -> Iterator[Mark]:
    at, line, wanted = len(_BOM) if data[:3] == _BOM else 0, 1, VALUE
    open_: list[str] = []
    yield Mark(DOCUMENT, None, 1)
    while True:
        space = _SPACE.match(data, at)
        assert space is not None  # it also matches nothing
        line, at = line + data[at : space.end()].count(b"\n"), space.end()
        if wanted == AFTER and not open_:
            if at < len(data):
                raise NotReadable(line, "this is not JSON: something follows the document's end")
            return
        token = _TOKEN.match(data, at)
        if token is None:
            raise NotReadable(line, f"this is not JSON: {_WANTED[wanted]} is expected")
        at = token.end()
        if (sign := token["sign"]) is not None:
            kind = sign.decode()
            if kind in "{[" and wanted in (VALUE, VALUE_OR_END):
                open_.append(kind)
                if len(open_) > DEEPEST:
                    raise NotReadable(line, f"more than {DEEPEST} levels of nesting")
                yield Mark(MAP if kind == "{" else LIST, None, line)
                wanted = NAME_OR_END if kind == "{" else VALUE_OR_END
            elif open_ and (
                (kind == "}" and open_[-1] == "{" and wanted in (NAME_OR_END, AFTER))
                or (kind == "]" and open_[-1] == "[" and wanted in (VALUE_OR_END, AFTER))
            ):
                open_.pop()
                yield Mark(MAP_END if kind == "}" else LIST_END, None, line)
                wanted = AFTER
            elif kind == ":" and wanted == COLON:
                wanted = VALUE
            elif kind == "," and wanted == AFTER:
                wanted = NAME if open_[-1] == "{" else VALUE
            else:
                raise NotReadable(line, f"this is not JSON: {_WANTED[wanted]} is expected, not {kind!r}")
        elif wanted in (VALUE, VALUE_OR_END):
            yield scalar(_value(token, line), line)
            wanted = AFTER
        elif wanted in (NAME, NAME_OR_END) and token["text"] is not None:
            yield scalar(_value(token, line), line)
            wanted = COLON
        else:
            raise NotReadable(line, f"this is not JSON: {_WANTED[wanted]} is expected")


def _value(token: re.Match[bytes], line: int) -> Any:
    if (word := token["word"]) is not None:
        return _WORDS[word]
    if token["number"] is not None and len(token["number"]) > LONGEST_NUMBER:
        raise NotReadable(line, "this number is too long")
    try:
        return json.loads(token[0])
    except UnicodeDecodeError as error:
        raise NotReadable(line, "this is not JSON in UTF-8") from error
