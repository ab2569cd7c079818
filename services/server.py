"""Serving an ASGI application on a socket that was bound first, so that a taken port is one clear line.

uvicorn's own signal handling raises the signal again once it is done, which would end the process before the apps
around it have stopped; here a first SIGTERM or Ctrl-C drains, and a second one hurries.
"""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

from services.collector import settle
from services.settings import ConfigurationError

DRAIN_SECONDS = 10


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # `serving` listens for them


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to `host`:`port`. Raises ConfigurationError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        words = f"cannot listen on {host}:{port}: {error}"
        if error.errno == errno.EADDRINUSE:
            words = f"port {port} on {host} is taken; stop what holds it, or choose another --port"
        raise ConfigurationError(words) from error
    return bound


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, bound: socket.socket, *, handle_signals: bool = True
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve `app` while in the block; the task that is yielded ends when a signal asks to stop."""
    server = _Server(
        uvicorn.Config(
            app, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=DRAIN_SECONDS
        )
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    if handle_signals:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if handle_signals:  # a process that does nothing else
            settle()
        yield task
    finally:
        server.should_exit = True
        await task
