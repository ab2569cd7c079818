"""The routers that services are built from: `Api`, and `UploadApi` for bodies that do not fit into memory.

Both honour Idempotency-Key on every POST; the OpenAPI document tells of it (services.http.documents).
"""

import hashlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from services.http.bodies import refuse_what_no_database_stores, whole_body
from services.http.idempotency import run_once
from services.http.uploads import spool
from services.identity.access import BEARER, authenticate

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        route = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method in ("GET", "HEAD"):
                return await route(request)
            body = await whole_body(request, limit=request.app.state.runtime.settings.max_body_bytes)
            refuse_what_no_database_stores(body)
            request = Request(request.scope, _replaying(body))
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await route(request)
            return await run_once(request, key, hashlib.sha256(body).hexdigest(), route)

        return handle


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
            # Before a byte is taken in: nobody unknown may fill the disk. The route's own rule is asked afterwards.
            await authenticate(request, await BEARER(request))
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
