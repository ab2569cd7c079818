"""Bodies flow through the door without gathering in it, and both ends hear when the other one stops."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.door.proxy import Proxy
from gateway.door.routing import RouteTable
from gateway.door.upstreams import Upstream

pytestmark = pytest.mark.anyio

Door = Callable[..., Awaitable[httpx.AsyncClient]]
Reach = Callable[[ASGIApp], Awaitable[Upstream]]

PIECE = bytes(range(256)) * 256  # 64 KiB


async def digest_of_body(scope: Scope, receive: Receive, send: Send) -> None:
    digest, more = hashlib.sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": digest.hexdigest().encode()})


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield PIECE


@pytest.mark.parametrize("with_length", [True, False], ids=["length", "chunked"])
async def test_a_large_upload_arrives_whole(door: Door, reach: Reach, with_length: bool) -> None:
    client = await door(await reach(digest_of_body))
    count = 256  # 16 MiB
    headers = {"Content-Type": "text/csv"}
    if with_length:
        headers["Content-Length"] = str(count * len(PIECE))
    response = await client.post("/svc/v1/upload", content=pieces(count), headers=headers)
    assert response.text == hashlib.sha256(PIECE * count).hexdigest()


async def test_a_large_download_arrives_whole(door: Door, reach: Reach) -> None:
    count = 256

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(count):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body"})

    client = await door(await reach(service))
    digest = hashlib.sha256()
    async with client.stream("GET", "/svc/v1/download") as response:
        async for piece in response.aiter_bytes():
            digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(PIECE * count).hexdigest()


async def test_a_response_is_handed_on_while_it_is_made(door: Door, reach: Reach) -> None:
    go_on = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/event-stream")],
            }
        )
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    client = await door(await reach(service))
    async with client.stream("GET", "/svc/v1/stream") as response:
        arriving = response.aiter_bytes()
        assert await anext(arriving) == b"data: 1\n\n"
        go_on.set()
        assert await anext(arriving) == b"data: 2\n\n"


async def test_a_request_is_handed_on_while_it_is_made(door: Door, reach: Reach) -> None:
    first_seen = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            if body:
                first_seen.set()
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def slowly() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.wait_for(first_seen.wait(), 5)
        yield b"two"

    client = await door(await reach(service))
    response = await client.post("/svc/v1/x", content=slowly())
    assert response.content == b"one two"


async def test_a_reader_that_stops_reading_stops_the_service(door: Door, reach: Reach) -> None:
    sent = 0

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while sent < 2_000:  # 128 MiB if nobody holds it back
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            sent += 1
        await send({"type": "http.response.body"})

    client = await door(await reach(service))
    async with client.stream("GET", "/svc/v1/x"):
        await asyncio.sleep(0.5)
        so_far = sent
        await asyncio.sleep(0.3)
        assert sent == so_far < 1_000


async def test_a_client_that_leaves_ends_the_call(door: Door, reach: Reach) -> None:
    started, heard = asyncio.Event(), asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        started.set()
        if (await receive())["type"] == "http.disconnect":
            heard.set()

    client = await door(await reach(service))
    waiting = asyncio.create_task(client.get("/svc/v1/slow"))
    await started.wait()
    waiting.cancel()
    await asyncio.wait_for(heard.wait(), 3)


async def test_a_client_that_leaves_within_a_stream_ends_it(door: Door, reach: Reach) -> None:
    heard = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        if (await receive())["type"] == "http.disconnect":
            heard.set()

    client = await door(await reach(service))
    async with client.stream("GET", "/svc/v1/slow") as response:
        await anext(response.aiter_bytes())
    await asyncio.wait_for(heard.wait(), 3)


async def test_a_client_that_leaves_within_its_body_ends_the_call(door: Door, reach: Reach) -> None:
    heard = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        heard.set()

    client = await door(await reach(service))
    _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /svc/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await asyncio.wait_for(heard.wait(), 3)


async def test_an_answer_before_the_body_is_through_reaches_the_client(door: Door, reach: Reach) -> None:
    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"no thanks"})

    client = await door(await reach(service))
    response = await client.post("/svc/v1/x", content=pieces(20), headers={"Content-Type": "text/csv"})
    assert (response.status_code, response.content) == (413, b"no thanks")


class TestBodyLimit:
    async def test_an_announced_body_over_the_limit_never_reaches_the_service(
        self, door: Door, reach: Reach, echo: Any
    ) -> None:
        client = await door(await reach(echo))
        response = await client.post(
            "/svc/v1/x",
            content=b"x" * 1_001,
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert echo.scopes == []
        assert (await client.post("/svc/v1/x", content=b"y", headers={"Content-Type": "application/json"})).is_success

    async def test_a_chunked_body_over_the_limit_is_cut_off(self, door: Door, reach: Reach, echo: Any) -> None:
        async def body() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b"x" * 100
                await asyncio.sleep(0.002)

        client = await door(await reach(echo))
        response = await client.post(
            "/svc/v1/x",
            content=body(),
            headers={"Content-Type": "application/json; charset=utf-8"},
        )
        assert response.status_code == 413

    async def test_what_is_not_json_may_be_larger(self, door: Door, reach: Reach, echo: Any) -> None:
        client = await door(await reach(echo))
        assert (await client.post("/svc/x", content=b"x" * 2_000, headers={"Content-Type": "text/csv"})).is_success


async def test_many_requests_over_few_connections(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))

    async def one(number: int) -> None:
        response = await client.post("/svc/v1/x", content=str(number).encode())
        assert response.content == str(number).encode()

    for _ in range(3):
        await asyncio.gather(*(one(number) for number in range(60)))


async def test_websockets_are_refused(echo: Any) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def admit(head: object) -> None: ...

    proxy = Proxy(RouteTable([]), own=echo, admit=admit, max_json_bytes=1, max_upload_bytes=1)
    await proxy({"type": "websocket", "path": "/svc"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
