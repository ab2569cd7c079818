"""The edge of every app, as plain ASGI: request id, correlation id, trace context, metrics and the access log."""

import re
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import context, metrics
from services.db.database import is_outage
from services.errors import Invalid, Refusal
from services.http.problems import answer, describe
from services.ids import uuid7


class NulRefused(Invalid): ...


log = structlog.get_logger("itaas.access")

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_QUIET = ("/health/", "/metrics")


class Edge:
    """Enters the work context of each request; a header that is not sane is ignored, not passed on."""

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        request_id = _sane(headers.get(b"x-request-id")) or str(uuid7())
        correlation_id = _sane(headers.get(b"correlation-id")) or str(uuid7())
        work = context.WorkContext(
            correlation_id, request_id, request_id, traceparent=_sane(headers.get(b"traceparent"))
        )
        started = time.perf_counter()
        status = 0  # until the answer has started

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with context.entered(work):
            try:
                if b"%00" in scope.get("raw_path", b"") or b"%00" in scope["query_string"]:
                    raise NulRefused("the path or the query holds NUL, which is no text")
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                status = status or 499  # nobody is there to be answered; 499 is nginx's word for it
            except Exception as error:
                # The last line of defence: an outage below is a 503, a defect a 500, and neither tells of the inside.
                if is_outage(error):
                    log.warning("a request met an outage", app=self._name, path=scope["path"], error=str(error))
                elif not isinstance(error, Refusal):
                    log.exception("a request failed", app=self._name, path=scope["path"])
                if status:
                    raise  # half an answer is out: the server cuts the connection, which the client can tell
                await answer(describe(error, instance=scope["path"]))(scope, receive, send_with_id)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(_QUIET):
            return
        route = getattr(scope.get("route"), "path", "unknown")
        metrics.REQUESTS.labels(self._name, scope["method"], route, status).inc()
        metrics.REQUEST_SECONDS.labels(self._name, scope["method"], route).observe(seconds)
        log.info(
            "request",
            app=self._name,
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
        )


_READ = frozenset({b"x-request-id", b"correlation-id", b"traceparent"})


def _sane(value: str | None) -> str | None:
    return value if value is not None and _SANE.fullmatch(value) else None
