"""The two ways to reach a service, behind one protocol: an upstream is an ASGI application that can be closed.

It is called with a scope whose `root_path` is the route's prefix and whose `path` and `raw_path` still begin with
it, as ASGI asks, and whose headers `door.headers` has already cleaned. Before the response starts it may raise a
refusal, which the proxy turns into a problem; once started, `BrokenOff` says that the rest will never come.

    Unavailable
    ├── UpstreamDown    503  nothing was sent: no connection could be made
    ├── UpstreamFault   502  it hung up, or what it said is not HTTP
    └── UpstreamSilent  504  it said nothing for too long (raised by the exchange, which holds the watch)
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import aiohttp
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from gateway.door.headers import HeaderRefused, Headers, forwarded, response_headers
from gateway.door.interrupt import Interrupt
from services.errors import Refusal, Unavailable

log = structlog.get_logger(__name__)


class UpstreamDown(Unavailable):
    """The service cannot be reached; the request was not sent, so it may be tried again."""


class UpstreamFault(Unavailable):
    """The service broke off, or answered something that is not a response."""


class UpstreamSilent(Unavailable):
    """The service took too long to say anything."""


class BrokenOff(Exception):
    """A response that has started cannot be finished; the connection has to end so that the client can tell."""


class Upstream(Protocol):
    @property
    def origin(self) -> bytes:
        """What the service's own absolute references begin with (`http://10.0.0.7:8081`); empty in process."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    async def aclose(self) -> None: ...


class InProcessUpstream:
    """A service of this process. Its lifespan is the business of whoever started it; `state` is what that yielded."""

    origin = b""

    def __init__(self, application: ASGIApp, state: dict[str, Any] | None = None) -> None:
        self.application = application
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.state is not None:
            scope["state"] = dict(self.state)
        try:
            await self.application(scope, receive, send)
        except Refusal:
            raise
        except Exception as error:
            # Whatever escapes a service's own handlers is that service's fault and must not take the door with it:
            # Starlette raises again after it has answered 500, so that the server can log what happened.
            log.error("service_raised", path=scope["path"], exc_info=error)
            raise UpstreamFault("the service failed") from error

    async def aclose(self) -> None:
        return None


class HttpUpstream:
    """A service across the network, over a pool of kept connections."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float = 2.0,
        idle_seconds: float = 4.0,
        connections: int = 512,
    ) -> None:
        """`idle_seconds` has to stay below the service's own keep-alive (uvicorn: 5 s), or a pooled connection
        may be closed under a request that cannot be sent twice."""
        url = URL(base_url.rstrip("/"))
        if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment or url.user:
            raise ValueError(f"an upstream URL is http(s)://host[:port][/path], not {base_url!r}")
        self._base = str(url).rstrip("/")
        self.origin = str(url.origin()).encode()
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:  # made on first use, since aiohttp wants the running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    keepalive_timeout=self._idle_seconds,
                    ttl_dns_cache=10,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=(
                    "Accept",
                    "Accept-Encoding",
                    "Content-Type",
                    "User-Agent",
                ),
                max_line_size=65_536,
                max_field_size=65_536,
            )
        return self._session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        if first["type"] == "http.disconnect":
            return
        interrupt = Interrupt()
        hang_up = _HangUp(receive, interrupt)
        data: bytes | AsyncIterator[bytes] | None
        if first.get("more_body", False):
            data = _upload(first.get("body", b""), receive, hang_up)
        else:
            data = first.get("body") or None
            hang_up.expect()
        try:
            await self._exchange(scope, data, send)
        except asyncio.CancelledError:
            if not interrupt.took_place():
                raise
        finally:
            hang_up.stop()

    async def _exchange(self, scope: Scope, data: bytes | AsyncIterator[bytes] | None, send: Send) -> None:
        response = await self._ask(scope, data)
        whole = False
        try:
            headers = response_headers(response.raw_headers, status=response.status)
            if headers is None or not 200 <= response.status <= 599:
                raise UpstreamFault("the service's answer is not a valid response")
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": headers,
                }
            )
            content = response.content
            while not whole:
                try:
                    piece = await content.readany()
                except (aiohttp.ClientError, OSError, EOFError) as error:
                    raise BrokenOff(f"{type(error).__name__} within the body") from error
                whole = content.at_eof()
                await send(
                    {
                        "type": "http.response.body",
                        "body": piece,
                        "more_body": not whole,
                    }
                )
        finally:
            if whole:
                response.release()
            else:
                response.close()

    async def _ask(self, scope: Scope, data: bytes | AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        target: bytes = scope["raw_path"][len(scope["root_path"]) :] or b"/"
        if query := scope["query_string"]:
            target += b"?" + query
        try:
            return await self._client().request(
                scope["method"],
                URL(self._base + target.decode("ascii"), encoded=True),
                headers=_text(scope["headers"], forwarded(scope)),
                data=data,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamDown("the service cannot be reached") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamFault("the service broke off before it answered") from error

    async def aclose(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()


def _text(headers: Headers, more: Headers) -> list[tuple[str, str]]:
    """The fields as aiohttp takes them. It writes UTF-8, so that what is not UTF-8 cannot be passed on unchanged."""
    texts = []
    for name, value in (*headers, *more):
        if name == b"host":  # the upstream's own; the outer one is in X-Forwarded-Host
            continue
        try:
            texts.append((name.decode("ascii"), value.decode()))
        except UnicodeDecodeError:
            raise HeaderRefused(f"the header {name.decode('latin-1')} is not UTF-8 text") from None
    return texts


class _HangUp:
    """Ends the exchange when the client leaves.

    Looking for that takes a task per request. Most answers come sooner than it would be worth, so the task is
    made only for an answer that takes longer than PATIENCE_SECONDS, and only once the request's body is through
    (until then the upload itself hears of it; two must not call `receive` at once).
    """

    PATIENCE_SECONDS = 0.05

    def __init__(self, receive: Receive, interrupt: Interrupt) -> None:
        self._receive = receive
        self._interrupt = interrupt
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def expect(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.PATIENCE_SECONDS, self._look)

    def _look(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._interrupt()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


async def _upload(first: bytes, receive: Receive, hang_up: _HangUp) -> AsyncIterator[bytes]:
    """The request body in the pieces in which it arrives; the next is taken only when the service has the last."""
    if first:
        yield first
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client left within its body")
        if body := message.get("body", b""):
            yield body
        more = message.get("more_body", False)
    hang_up.expect()
