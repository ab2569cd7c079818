"""The door itself: a raw ASGI application in front of the services and of the gateway's own pages.

What belongs to a service's prefix goes through the data path (`_pass`): head read, caller admitted, body bounded,
handed to the upstream. Everything else, lifespan included, is the gateway's own application's.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TypeAlias
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.door.exchange import BodyTooLarge, Exchange
from gateway.door.headers import RequestHead, read_request_head
from gateway.door.problems import PASSING_METHODS, MethodRefused, answer
from gateway.door.routing import Route, RouteTable
from gateway.door.upstreams import BrokenOff
from services.errors import NotFound, Refusal
from services.metrics import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger(__name__)

Admit: TypeAlias = Callable[[RequestHead], Awaitable[None]]
"""Raises Unauthenticated for a caller that may not pass."""


class Proxy:
    def __init__(
        self,
        table: RouteTable,
        *,
        own: ASGIApp,
        admit: Admit,
        max_json_bytes: int,
        max_upload_bytes: int,
    ) -> None:
        self._table = table
        self._own = own
        self._admit = admit
        self._max_json_bytes = max_json_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._own(scope, receive, send)
            return
        raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        try:
            route = self._table.find(raw_path)
            if route is None:
                await self._own(scope, receive, send)
                return
            head = read_request_head(scope["headers"])
        except Refusal as refusal:
            head = read_request_head([])
            await _refuse(scope, send, refusal, head)
            return
        await self._pass(route, head, raw_path, scope, receive, send)

    async def _pass(
        self,
        route: Route,
        head: RequestHead,
        raw_path: bytes,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        started = perf_counter()
        is_json = head.content_type.partition(b";")[0].strip().lower() == b"application/json"
        limit = self._max_json_bytes if is_json else self._max_upload_bytes
        exchange = Exchange(receive, send, route=route, request_id=head.request_id, body_limit=limit)
        status = 0
        try:
            if scope["method"] not in PASSING_METHODS:
                raise MethodRefused(f"{scope['method']} does not pass this gateway")
            inner_path = raw_path[len(route.prefix) :].decode("ascii")
            if inner_path in route.hidden_paths:
                raise NotFound(f"there is nothing at {scope['path']}")
            if inner_path not in route.open_paths:
                await self._admit(head)
            if head.content_length is not None and head.content_length > limit:
                raise BodyTooLarge(f"the body has more than {limit} bytes")
            await exchange.run(_inner_scope(scope, route, head, raw_path))
            status = exchange.status
        except Refusal as refusal:
            status = await _refuse(scope, send, refusal, head)
        except BrokenOff as broken:
            # To return without an end makes the server close the connection, which is how the client can tell.
            log.warning("response_broken_off", route=route.name, reason=str(broken))
        self._observe(route, scope, exchange, status, perf_counter() - started)

    def _observe(self, route: Route, scope: Scope, exchange: Exchange, status: int, seconds: float) -> None:
        """Count it; log only what the service cannot have logged itself, since its own line has the same request id."""
        template = f"{route.prefix}/*"
        REQUESTS.labels("gateway", scope["method"], template, status).inc()
        REQUEST_SECONDS.labels("gateway", scope["method"], template).observe(seconds)
        if not exchange.finished:
            log.info(
                "request",
                app="gateway",
                method=scope["method"],
                route=template,
                status=status,
                ms=round(seconds * 1000, 2),
                outcome="client left" if exchange.client_left else "answered here" if status else "broken off",
            )


def _inner_scope(scope: Scope, route: Route, head: RequestHead, raw_path: bytes) -> Scope:
    """The scope as the service sees it: the door's prefix is its root path (ASGI: `path` includes it)."""
    path: str = scope["path"]
    if len(path) == len(route.prefix):
        path, raw_path = path + "/", raw_path + b"/"
    return {
        "type": "http",
        "asgi": scope["asgi"],
        "http_version": scope["http_version"],
        "method": scope["method"],
        "scheme": scope["scheme"],
        "path": path,
        "raw_path": raw_path,
        "query_string": scope["query_string"],
        "root_path": route.prefix,
        "headers": head.headers,
        "client": scope.get("client"),
        "server": scope.get("server"),
        "extensions": scope.get("extensions") or {},
    }


async def _refuse(scope: Scope, send: Send, refusal: Refusal, head: RequestHead) -> int:
    """Answer with a problem, and return its status.

    A body that is not read yet is left to the server, which discards it as it comes: to close over unread bytes
    would reset the connection, and the reset can overtake the answer.
    """
    response = answer(refusal, instance=scope["path"], trace_id=head.request_id.decode())
    headers = [*response.raw_headers, (b"x-request-id", head.request_id)]
    if head.expects_continue:  # whether the body still comes is unknown, so the connection cannot be used again
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else bytes(response.body)})
    return response.status_code
