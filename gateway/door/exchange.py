"""One request on its way through the door: what it may still take from the client, say to it, and wait for.

The exchange stands between the server's `receive`/`send` and the upstream's. It counts the body, keeps the watch
on the service's silence, and puts the outside's names into the response. The watch runs only while it is the
service's turn: waiting for a slow client, in either direction, is not the service's fault.
"""

import asyncio
import math

from starlette.types import Message, Receive, Scope, Send

from gateway.door.headers import outside_headers
from gateway.door.interrupt import Interrupt
from gateway.door.routing import Route
from gateway.door.upstreams import BrokenOff, UpstreamFault, UpstreamSilent
from services.errors import Refusal, TooLarge


class BodyTooLarge(TooLarge):
    """The request's body has more bytes than the door lets through."""


class Exchange:
    """`status` is what the client was told (0: nothing yet); `finished`, whether it has the whole response."""

    __slots__ = (
        "_body_limit",
        "_due",
        "_interrupt",
        "_loop",
        "_receive",
        "_refusal",
        "_request_id",
        "_route",
        "_send",
        "_timer",
        "body_taken",
        "client_left",
        "finished",
        "received_bytes",
        "status",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        route: Route,
        request_id: bytes,
        body_limit: int,
    ) -> None:
        self._receive = receive
        self._send = send
        self._route = route
        self._request_id = request_id
        self._body_limit = body_limit
        self._refusal: Refusal | None = None
        self._loop = asyncio.get_running_loop()
        self._interrupt = Interrupt()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.body_taken = self.client_left = self.finished = False
        self.received_bytes = 0
        self.status = 0

    async def run(self, scope: Scope) -> None:
        """Let the upstream answer. Raises the refusal to answer with instead, or BrokenOff where it is too late."""
        self._due = self._loop.time() + self._route.silence_seconds
        self._timer = self._loop.call_at(self._due, self._look)
        try:
            await self._route.upstream(scope, self.receive, self.send)
        except asyncio.CancelledError:
            if not self._interrupt.took_place():
                raise
            self._fail(UpstreamSilent(f"the {self._route.name} service took too long to answer"))
        except Refusal as refusal:
            self._fail(refusal)
        finally:
            self._timer.cancel()
        if self._refusal is not None:
            self._fail(self._refusal)
        if not self.finished and not self.client_left:
            self._fail(UpstreamFault(f"the {self._route.name} service gave no complete answer"))

    def _fail(self, refusal: Refusal) -> None:
        """Turn a failure into what can still be done about it."""
        if self.client_left or self.finished:
            return
        cause = self._refusal or refusal
        if self.status:
            raise BrokenOff(str(cause)) from cause
        raise cause

    async def receive(self) -> Message:
        if self.body_taken:  # all that can come now is the client leaving
            message = await self._receive()
        else:
            self._due = math.inf
            message = await self._receive()
            self._due = self._loop.time() + self._route.silence_seconds
        if message["type"] == "http.disconnect":
            self.client_left = not self.finished
        elif message["type"] == "http.request":
            self.received_bytes += len(message.get("body", b""))
            if self.received_bytes > self._body_limit:
                # Kept, since a service of this process might make its own answer of what is raised through it.
                self._refusal = BodyTooLarge(f"the body has more than {self._body_limit} bytes")
                raise self._refusal
            self.body_taken = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if self._refusal is not None:
            return
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            headers = outside_headers(
                message.get("headers", ()),
                prefix=self._route.prefix.encode(),
                origin=self._route.upstream.origin,
            )
            headers.append((b"x-request-id", self._request_id))
            message = {**message, "headers": headers}
        self._due = math.inf
        await self._send(message)
        self._due = self._loop.time() + self._route.silence_seconds
        if kind == "http.response.body" and not message.get("more_body", False):
            self.finished = True
            if self._timer is not None:  # what a service does after its answer takes as long as it takes
                self._timer.cancel()

    def _look(self) -> None:
        """Set once per request and moved on here, so that the many steps of a body cost no timers of their own."""
        now = self._loop.time()
        if self._due <= now:
            self._interrupt()
        else:
            later = self._due if math.isfinite(self._due) else now + self._route.silence_seconds
            self._timer = self._loop.call_at(later, self._look)
