"""Asking a service something on the gateway's own behalf, over the same upstream that requests take."""

import asyncio
from dataclasses import dataclass

from starlette.types import Message, Scope

from gateway.door.headers import Headers
from gateway.door.routing import Route
from gateway.door.upstreams import BrokenOff, UpstreamFault, UpstreamSilent
from services.ids import uuid7


@dataclass(frozen=True, slots=True)
class Fetched:
    status: int
    headers: Headers
    content: bytes


async def fetch(route: Route, path: str, *, seconds: float, max_bytes: int) -> Fetched:
    """GET `path` of the service behind `route`, in `seconds` at most.

    Raises UpstreamDown, UpstreamFault (also for an answer of more than `max_bytes`) or UpstreamSilent.
    """
    answer = _Answer(max_bytes)
    try:
        async with asyncio.timeout(seconds):
            await route.upstream(_scope(route, path), answer.receive, answer.send)
    except TimeoutError as error:
        raise UpstreamSilent(f"the {route.name} service took too long to answer") from error
    except BrokenOff as error:
        raise UpstreamFault(f"the {route.name} service broke off its answer") from error
    if not answer.whole:
        raise UpstreamFault(f"the {route.name} service gave no complete answer")
    return Fetched(answer.status, answer.headers, bytes(answer.content))


class _Answer:
    """The client's side of one exchange: sends nothing, stays on the line, gathers the answer."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._asked = False
        self.status = 0
        self.headers: Headers = []
        self.content = bytearray()
        self.whole = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()  # for ever: this client does not leave
        raise AssertionError("unreachable")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.content += message.get("body", b"")
            if len(self.content) > self._max_bytes:
                raise UpstreamFault(f"the answer has more than {self._max_bytes} bytes")
            self.whole = not message.get("more_body", False)


def _scope(route: Route, path: str) -> Scope:
    whole = route.prefix + path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": whole,
        "raw_path": whole.encode("ascii"),
        "query_string": b"",
        "root_path": route.prefix,
        "headers": [(b"host", b"gateway"), (b"accept", b"*/*"), (b"x-request-id", str(uuid7()).encode())],
        "client": None,
        "server": None,
        "extensions": {},
    }
