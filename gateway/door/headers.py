"""What may pass the door, in each direction.

Hop-by-hop fields end here (RFC 9110 §7.6.1), also those that `Connection` names. What only this hop can know
(`Forwarded`, `X-Forwarded-*`) is never taken from outside: a proxy that is trusted to say it tells uvicorn
(`--forwarded-allow-ips`), which puts the truth into the ASGI scope, and from there it is written anew.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.types import Scope

from services.errors import Invalid
from services.ids import uuid7

Headers: TypeAlias = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Ours to say, whatever the client says; `expect` was answered by our own server.
_OURS_ON_THE_WAY_IN = HOP_BY_HOP | {
    b"expect",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
    b"x-forwarded-server",
    b"x-real-ip",
    b"x-request-id",
}
# Our own server dates and signs the response; the service's name and software are the inside.
_OURS_ON_THE_WAY_OUT = HOP_BY_HOP | {
    b"date",
    b"server",
    b"x-powered-by",
    b"x-request-id",
}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")  # what the services' own edge takes for sane
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_UNPRINTABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LINK_TARGET = re.compile(rb"<([^<>]*)>")


class HeaderRefused(Invalid):
    """A request header that cannot be passed on as it is."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The request's fields as the service gets them, and what the door itself reads from them."""

    headers: Headers
    request_id: bytes
    traceparent: bytes | None
    authorization: bytes | None
    content_type: bytes
    content_length: int | None
    expects_continue: bool


def read_request_head(raw: Iterable[tuple[bytes, bytes]]) -> RequestHead:
    """Sort the request's fields (names in lower case, as ASGI has them). Raises HeaderRefused."""
    kept: Headers = []
    nominated: set[bytes] = set()
    request_ids: list[bytes] = []
    traceparents: list[bytes] = []
    authorization: bytes | None = None
    content_type = b""
    content_length: int | None = None
    chunked = expects_continue = False
    for name, value in raw:
        if name in _OURS_ON_THE_WAY_IN:
            if name == b"connection":
                nominated.update(token.strip().lower() for token in value.split(b","))
            elif name == b"x-request-id":
                request_ids.append(value)
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"expect":
                expects_continue = True
            continue
        if name == b"traceparent":
            traceparents.append(value)
            continue
        if name == b"authorization":
            if authorization is not None:
                raise HeaderRefused("there is more than one Authorization header")
            authorization = value
        elif name == b"content-type":
            content_type = value
        elif name == b"content-length":
            if content_length is not None or not value.isdigit():
                raise HeaderRefused("Content-Length is not one decimal number")
            content_length = int(value)
        kept.append((name, value))

    if chunked and content_length is not None:  # RFC 9112 §6.1: the coding wins, and the length must not go on
        nominated.add(b"content-length")
        content_length = None
    if nominated - _OURS_ON_THE_WAY_IN:
        kept = [(name, value) for name, value in kept if name not in nominated]
        if b"authorization" in nominated:
            authorization = None
    traceparent = traceparents[0] if len(traceparents) == 1 and _TRACEPARENT.fullmatch(traceparents[0]) else None
    if traceparent is None:
        if traceparents:  # W3C Trace Context §3.3: a broken parent takes its tracestate with it
            kept = [(name, value) for name, value in kept if name != b"tracestate"]
    else:
        kept.append((b"traceparent", traceparent))
    request_id = request_ids[0] if len(request_ids) == 1 and _REQUEST_ID.fullmatch(request_ids[0]) else None
    if request_id is None:
        request_id = str(uuid7()).encode()
    kept.append((b"x-request-id", request_id))
    return RequestHead(
        kept,
        request_id,
        traceparent,
        authorization,
        content_type,
        content_length,
        expects_continue,
    )


def forwarded(scope: Scope) -> Headers:
    """`Forwarded` (RFC 7239) and its older siblings for a service across the network, from the scope alone."""
    client = scope.get("client")
    address = client[0] if client else "unknown"
    scheme = str(scope.get("scheme", "http"))
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    node = f'"[{address}]"' if ":" in address else address
    quoted_host = host.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
    return [
        (
            b"forwarded",
            f'for={node};host="{quoted_host}";proto={scheme}'.encode("latin-1"),
        ),
        (b"x-forwarded-for", address.encode("latin-1")),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-prefix", str(scope["root_path"]).encode()),
    ]


def response_headers(raw: Sequence[tuple[bytes, bytes]], *, status: int) -> Headers | None:
    """A service's response fields without what ends at this hop; None if they cannot stand in a response at all."""
    kept: Headers = []
    nominated: set[bytes] = set()
    length_is_void = status in (204, 304)
    for name, value in raw:
        name = name.lower()
        if _UNPRINTABLE.search(value):
            return None
        if name in _OURS_ON_THE_WAY_OUT:
            if name == b"connection":
                nominated.update(token.strip().lower() for token in value.split(b","))
            elif name == b"transfer-encoding":
                length_is_void = True  # RFC 9112 §6.3: where both are there, the length is not to be believed
            continue
        kept.append((name, value))
    if length_is_void:
        nominated.add(b"content-length")
    if nominated - _OURS_ON_THE_WAY_OUT:
        kept = [(name, value) for name, value in kept if name not in nominated]
    return kept


def outside_reference(reference: bytes, *, prefix: bytes, origin: bytes = b"") -> bytes:
    """A service's own path (`/v1/jobs/1`, or with its inner `origin`) as the outside knows it; others unchanged."""
    if origin and reference.startswith(origin) and reference[len(origin) : len(origin) + 1] in (b"/", b""):
        reference = reference[len(origin) :] or b"/"
    elif not reference.startswith(b"/") or reference.startswith(b"//"):
        return reference
    if reference == prefix or reference.startswith((prefix + b"/", prefix + b"?")):
        return reference
    return prefix + reference


def outside_headers(headers: Iterable[tuple[bytes, bytes]], *, prefix: bytes, origin: bytes = b"") -> Headers:
    """The response fields with every reference to the service's own paths put behind its prefix, and without the
    request id, which is the door's to say."""
    seen: Headers = []
    for name, value in headers:
        if name == b"x-request-id":
            continue
        if name in (b"location", b"content-location"):
            value = outside_reference(value, prefix=prefix, origin=origin)
        elif name == b"link":
            value = _LINK_TARGET.sub(
                lambda target: b"<" + outside_reference(target[1], prefix=prefix, origin=origin) + b">",
                value,
            )
        seen.append((name, value))
    return seen
