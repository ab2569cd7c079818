"""Services that hang, reset, garble or lie: the client gets a problem or a broken connection, never a wrong answer,
nothing of the inside, and the door stays up."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.door.upstreams import HttpUpstream, InProcessUpstream, Upstream

pytestmark = pytest.mark.anyio

Door = Callable[..., Awaitable[httpx.AsyncClient]]
Reach = Callable[[ASGIApp], Awaitable[Upstream]]


def is_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"].startswith("/svc")
    text = json.dumps(problem)
    for inside in ("127.0.0.1", "localhost", "Traceback", ".py", "aiohttp", "Error("):
        assert inside not in text


def answering(raw: bytes, *, then_hang: bool = False, reset: bool = False) -> Any:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        if then_hang:
            await asyncio.sleep(60)
        if reset:
            await asyncio.sleep(0.05)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    return behave


async def test_nobody_listening_is_503(door: Door) -> None:
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    client = await door(HttpUpstream(f"http://127.0.0.1:{port}"))
    response = await client.get("/svc/v1/x")
    is_problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1


async def test_an_unknown_host_is_503(door: Door) -> None:
    client = await door(HttpUpstream("http://no-such-host.invalid:80"))
    response = await client.get("/svc/v1/x")
    is_problem(response, 503)
    assert "no-such-host" not in response.text


async def test_a_connection_that_is_never_accepted_is_503(door: Door) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    fillers = []
    for _ in range(4):  # fill the backlog, so that the next SYN gets no answer
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    client = await door(HttpUpstream(f"http://127.0.0.1:{full.getsockname()[1]}", connect_seconds=0.3))
    is_problem(await client.get("/svc/v1/x"), 503)
    for one in (*fillers, full):
        one.close()


async def test_a_service_that_never_answers_is_504(door: Door, liar: Any) -> None:
    client = await door(await liar(answering(b"", then_hang=True)), silence_seconds=0.3)
    is_problem(await client.get("/svc/v1/x"), 504)


async def test_a_service_of_this_process_that_never_answers_is_504(door: Door) -> None:
    cancelled = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    client = await door(InProcessUpstream(service), silence_seconds=0.3)
    is_problem(await client.get("/svc/v1/x"), 504)
    assert cancelled.is_set()


async def test_half_a_head_is_504(door: Door, liar: Any) -> None:
    client = await door(
        await liar(answering(b"HTTP/1.1 200 OK\r\nContent-Le", then_hang=True)),
        silence_seconds=0.3,
    )
    is_problem(await client.get("/svc/v1/x"), 504)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=[
        "nothing",
        "half a head",
        "not HTTP",
        "length in words",
        "broken chunk",
        "status 999",
        "control character",
        "huge header",
    ],
)
async def test_what_is_not_a_response_is_502(door: Door, liar: Any, raw: bytes) -> None:
    client = await door(await liar(answering(raw)))
    is_problem(await client.get("/svc/v1/x"), 502)
    is_problem(await client.post("/svc/v1/x", content=b"x"), 502)


async def test_a_reset_is_502(door: Door, liar: Any) -> None:
    client = await door(await liar(answering(b"", reset=True)))
    is_problem(await client.get("/svc/v1/x"), 502)


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", {}),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", {}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", {"reset": True}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", {"then_hang": True}),
    ],
    ids=["short of its length", "no last chunk", "reset within", "hangs within"],
)
async def test_a_body_that_breaks_off_breaks_the_connection(
    door: Door, liar: Any, raw: bytes, options: dict[str, bool]
) -> None:
    client = await door(await liar(answering(raw, **options)), silence_seconds=0.3)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/svc/v1/x")


async def test_bytes_beyond_the_length_are_not_the_next_response(door: Door, liar: Any) -> None:
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    client = await door(await liar(answering(smuggled)))
    for _ in range(3):
        assert (await client.get("/svc/v1/x")).content == b"hello"


async def test_length_and_coding_together_are_read_by_the_coding(door: Door, liar: Any) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    client = await door(await liar(answering(raw)))
    response = await client.get("/svc/v1/x")
    if response.status_code == 200:
        assert response.content == b"hello"
        assert "content-length" not in response.headers
    else:
        is_problem(response, 502)


async def test_a_service_that_does_not_read_is_504(door: Door, liar: Any) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    client = await door(await liar(behave), silence_seconds=0.3)
    is_problem(
        await client.post("/svc/v1/x", content=b"x" * 30_000_000, headers={"Content-Type": "text/csv"}),
        504,
    )


async def test_a_slow_client_is_not_the_services_silence(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo), silence_seconds=0.2)

    async def slowly() -> Any:
        for _ in range(4):
            yield b"x"
            await asyncio.sleep(0.15)

    assert (await client.post("/svc/v1/x", content=slowly())).content == b"xxxx"


async def test_a_slow_stream_with_signs_of_life_goes_on(door: Door, reach: Reach) -> None:
    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await asyncio.sleep(0.15)
            await send({"type": "http.response.body", "body": b".", "more_body": True})
        await send({"type": "http.response.body"})

    client = await door(await reach(service), silence_seconds=0.3)
    assert (await client.get("/svc/v1/x")).content == b"....."


async def test_work_after_the_answer_is_not_silence(door: Door) -> None:
    done = asyncio.Event()

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        await asyncio.sleep(0.5)
        done.set()

    client = await door(InProcessUpstream(service), silence_seconds=0.2)
    assert (await client.get("/svc/v1/x")).content == b"ok"
    await asyncio.wait_for(done.wait(), 3)


async def test_a_service_of_this_process_that_raises(door: Door) -> None:
    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/late"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        if scope["path"].endswith("/after"):
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"its own problem"})
        if scope["path"].endswith("/nothing"):
            return
        raise RuntimeError("secret /etc/service.py")

    client = await door(InProcessUpstream(service))
    is_problem(await client.get("/svc/early"), 502)
    is_problem(await client.get("/svc/nothing"), 502)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/svc/late")
    response = await client.get("/svc/after")
    assert (response.status_code, response.content) == (500, b"its own problem")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "127.0.0.1:80",
        "http://",
        "http://u:p@x",
        "http://x?y=1",
        "http://x/#f",
    ],
)
def test_an_upstream_url_that_cannot_be_one_is_refused_at_start(url: str) -> None:
    with pytest.raises(ValueError, match="upstream URL"):
        HttpUpstream(url)


async def test_the_connection_pool_recovers_when_the_service_comes_back(door: Door, echo: Any, stack: Any) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    client = await door(HttpUpstream(f"http://127.0.0.1:{port}"))
    is_problem(await client.get("/svc/v1/x"), 503)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(behave, "127.0.0.1", port)
    assert (await client.get("/svc/v1/x")).content == b"ok"
    server.close()
    await asyncio.sleep(0.05)
    is_problem(await client.get("/svc/v1/x"), 503)
