"""The routers that services are built from: `Api`, and `UploadApi` for bodies that do not fit into memory.

Both honour Idempotency-Key on every POST; the OpenAPI document tells of it (services.http.documents).
"""

import hashlib
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from services.errors import Fault, Invalid, TooLarge
from services.http.idempotency import run_once
from services.http.uploads import spool

# Of a body that is read into memory; the gateway's own limit is MAX_BODY_BYTES.
BODY_LIMIT_BYTES = 2 << 20

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyTooLarge(TooLarge): ...


class BodyTooDeep(Invalid): ...


class TextNotStorable(Invalid): ...


class NumberNotFinite(Invalid): ...


class ApiRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        route = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method in ("GET", "HEAD"):
                return await route(request)
            body = await _whole_body(request)
            _refuse_what_no_database_stores(body)
            request = Request(request.scope, _replaying(body))
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await route(request)
            return await run_once(request, key, hashlib.sha256(body).hexdigest(), route)

        return handle


async def _whole_body(request: Request) -> bytes:
    """The body, refused as soon as it is too large: before it is read, where it says its length."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > BODY_LIMIT_BYTES:
        raise BodyTooLarge(f"the body is larger than {BODY_LIMIT_BYTES} bytes")
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > BODY_LIMIT_BYTES:
            raise BodyTooLarge(f"the body is larger than {BODY_LIMIT_BYTES} bytes")
    return bytes(body)


def _refuse_what_no_database_stores(body: bytes) -> None:
    """NUL and lone surrogates are JSON (RFC 8259 §8.2) but no text, and NaN is no JSON: PostgreSQL refuses them all."""
    lower = body.lower()
    if not any(sign in lower for sign in (b"\\u0000", b"\\ud", b"nan", b"infinity")):
        return
    try:
        document = json.loads(body, parse_constant=_NotFinite)
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


def _replaying(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class UploadRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        route = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method != "POST":
                return await route(request)
            upload = await spool(request, limit=request.app.state.runtime.settings.max_upload_bytes)
            request.state.upload = upload
            stack: AsyncExitStack = request.scope["fastapi_function_astack"]
            stack.callback(upload.close)  # left after the transaction, which still reads from it
            key = request.headers.get("idempotency-key")
            if key is None:
                return await route(request)
            return await run_once(request, key, upload.sha256, route)

        return handle


class Api(APIRouter):
    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=ApiRoute, **options)


class UploadApi(APIRouter):
    """For raw bodies of any size up to MAX_UPLOAD_BYTES: they are spooled to disk, see `Upload`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=UploadRoute, **options)
