"""The events of a request, in whichever of the CloudEvents HTTP modes it comes, and NDJSON line by line.

| Content-Type | mode |
|---|---|
| application/cloudevents+json | one structured event |
| application/cloudevents-batch+json | an array of them |
| application/x-ndjson | one structured event a line |
| application/json with `ce-` headers | one binary event: attributes in headers, the body is its data |

Decimals keep every digit: the standard library's reader hands each number's text to Decimal.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from pricing_service.use_cases.metering import regular
from pricing_service.use_cases.metering.regular import RegularEvent
from services.errors import Fault, Invalid, TooLarge

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
DATA = "application/json"
MAX_EVENTS = 10_000  # of a batch, which is read as a whole
MAX_LINES = 100_000  # of NDJSON, which is not; the answer is
MAX_LINES_BYTES = 64 << 20
MAX_LINE_BYTES = 65_536
_ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject")

_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=str)
_scan: Any = getattr(_decoder, "scan_once")  # noqa: B009  # reads one value at a place; its stubs leave it out


class ContentTypeNotUsage(Invalid): ...


class UsageNotReadable(Invalid): ...


class TooManyEvents(TooLarge): ...


class Unreadable(str):
    """A line that is no JSON; the text says why."""

    __slots__ = ()


class Batch:
    """Events that came together: as JSON values, and typed where all of them have the regular form."""

    def __init__(self, regular: Sequence[RegularEvent] | None, read: Callable[[], list[object]]) -> None:
        self.regular = regular
        self._read = read
        self._events = None if regular is not None else read()

    @property
    def events(self) -> list[object]:
        if self._events is None:
            self._events = self._read()
        return self._events

    def __len__(self) -> int:
        return len(self.events if self.regular is None else self.regular)


def kind_of(headers: Mapping[str, str]) -> str:
    """The mode of a request: SINGLE, BATCH, LINES, or DATA for binary. Raises ContentTypeNotUsage."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in (SINGLE, BATCH, LINES) or (kind == DATA and "ce-specversion" in headers):
        return kind
    raise ContentTypeNotUsage(
        f"{kind[:60]!r} is no CloudEvent",
        faults=[Fault("Content-Type", f"{SINGLE}, {BATCH}, {LINES}, or {DATA} with ce- headers")],
    )


def parsed(kind: str, headers: Mapping[str, str], body: bytes, *, typed: bool) -> Batch:
    """The events of a body that is read as a whole. Raises UsageNotReadable, TooManyEvents."""
    if kind == DATA:
        return Batch(None, lambda: [_binary(headers, body)])
    if kind == SINGLE:
        return Batch(None, lambda: [_document(body)])
    batch = Batch(regular.of_array(body) if typed else None, lambda: _array(body))
    if len(batch) > MAX_EVENTS:
        raise TooManyEvents(
            f"a batch holds at most {MAX_EVENTS} events; send more as {LINES}",
            faults=[Fault("", f"{len(batch)} events")],
        )
    return batch


def _array(body: bytes) -> list[object]:
    document = _document(body)
    if not isinstance(document, list):
        raise UsageNotReadable("a batch is a JSON array of events", faults=[Fault("", "must be an array")])
    return document


def _document(body: bytes) -> Any:
    try:
        return _decoder.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise UsageNotReadable(f"the body is not JSON: {_reason(error)}", faults=[Fault("", "must be JSON")]) from error


def _binary(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    event: dict[str, Any] = {
        name: unquote(
            value, errors="surrogateescape"
        )  # what is no UTF-8 stays to be refused: replaced, two ids might be one
        for name in _ATTRIBUTES
        if (value := headers.get(f"ce-{name}")) is not None
    }
    if body:
        event["data"] = _document(body)
    return event


async def lines(blocks: AsyncIterator[bytes], *, typed: bool) -> AsyncIterator[Batch]:
    """The events of NDJSON, some thousand at a time; blank lines are none. Raises TooManyEvents."""
    rest, count = b"", 0
    async for block in blocks:
        whole, newline, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if len(rest) > MAX_LINE_BYTES:
            raise TooManyEvents(f"a line is longer than {MAX_LINE_BYTES} bytes")
        if newline:
            found = _batch_of_lines(whole, typed)
            count += len(found)
            if count > MAX_LINES:
                raise TooManyEvents(f"more than {MAX_LINES} events; send them in several requests")
            yield found
    if rest.strip():
        yield _batch_of_lines(rest, typed)


def _batch_of_lines(block: bytes, typed: bool) -> Batch:
    if typed and max(map(len, block.split(b"\n"))) > MAX_LINE_BYTES:
        typed = False  # the other way refuses it in its words
    return Batch(regular.of_lines(block) if typed else None, lambda: _lines(block))


def _lines(block: bytes) -> list[object]:
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return [_line(line) for line in block.split(b"\n") if line and not line.isspace()]
    found: list[object] = []
    at, scan = 0, _scan
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        try:
            if end - at > MAX_LINE_BYTES:
                raise ValueError
            event, after = scan(text, at)
        except (ValueError, StopIteration, RecursionError):
            after = -1
        if after == end or (at < after < end and text[after:end].isspace()):
            found.append(event)
        elif (line := text[at:end]) and not line.isspace():
            found.append(_line(line.encode()))  # white space before it, or a fault
        at = end + 1
    return found


def _line(line: bytes) -> object:
    if len(line) > MAX_LINE_BYTES:
        raise TooManyEvents(f"a line is longer than {MAX_LINE_BYTES} bytes")
    try:
        return _decoder.decode(line.decode())
    except (ValueError, RecursionError) as error:
        return Unreadable(f"the line is not JSON: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Where it stops being JSON, without a word of what stands there."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "it is not UTF-8, or a number is too long"
    )
