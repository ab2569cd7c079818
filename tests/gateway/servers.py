"""Real servers for the gateway's tests: uvicorn where an upstream behaves, a raw socket where it lies."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """`app` behind a real uvicorn on a free port of 127.0.0.1; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="critical", proxy_headers=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # What `serve()` does, without its main loop and its pauses of 100 ms.
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for one in server.servers:
            one.close()
        for task in list(server.server_state.tasks):
            task.cancel()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        listener.close()


@asynccontextmanager
async def lying(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server that does with each connection whatever `behaviour` does."""
    tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()


class Echo:
    """Answers with what it was asked; keeps the scopes for a closer look."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.headers: list[tuple[bytes, bytes]] = [(b"content-type", b"text/plain")]
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": self.headers,
            }
        )
        await send({"type": "http.response.body", "body": body})

    @property
    def seen(self) -> Scope:
        return self.scopes[-1]

    def header(self, name: str) -> list[str]:
        return [value.decode() for key, value in self.seen["headers"] if key == name.encode()]
