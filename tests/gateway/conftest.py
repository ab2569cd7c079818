"""A door to knock at, and services to reach both ways."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.door.proxy import Proxy
from gateway.door.routing import Route, RouteTable
from gateway.door.upstreams import HttpUpstream, InProcessUpstream, Upstream
from tests.gateway.servers import Behaviour, Echo, lying, serving


async def own(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"own"})


async def admit_all(head: object) -> None:
    return None


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as exits:
        yield exits


@pytest.fixture
def door(stack: AsyncExitStack) -> Callable[..., Awaitable[httpx.AsyncClient]]:
    """Opens a door with one service, `/svc`, and gives a client of it."""

    async def open_door(upstream: Upstream, *, silence_seconds: float = 5.0, **options: Any) -> httpx.AsyncClient:
        options = {
            "own": own,
            "admit": admit_all,
            "max_json_bytes": 1_000,
            "max_upload_bytes": 50_000_000,
        } | options
        table = RouteTable([Route("svc", "/svc", upstream, silence_seconds=silence_seconds)])
        url = await stack.enter_async_context(serving(Proxy(table, **options)))
        stack.push_async_callback(upstream.aclose)
        return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=10, trust_env=False))

    return open_door


@pytest.fixture(params=["in-process", "http"])
def reach(request: pytest.FixtureRequest, stack: AsyncExitStack) -> Callable[[ASGIApp], Awaitable[Upstream]]:
    """Reaches an application both ways: each test that uses it runs twice."""

    async def reach_it(application: ASGIApp) -> Upstream:
        if request.param == "in-process":
            return InProcessUpstream(application)
        return HttpUpstream(await stack.enter_async_context(serving(application)))

    return reach_it


@pytest.fixture
def liar(stack: AsyncExitStack) -> Callable[[Behaviour], Awaitable[Upstream]]:
    async def listen(behaviour: Behaviour) -> Upstream:
        return HttpUpstream(await stack.enter_async_context(lying(behaviour)))

    return listen


@pytest.fixture
def echo() -> Echo:
    return Echo()
