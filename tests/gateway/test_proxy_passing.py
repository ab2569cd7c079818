"""What passes the door and what does not, the same in process and over HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.door.routing import Route, RouteTable
from gateway.door.upstreams import InProcessUpstream, Upstream

pytestmark = pytest.mark.anyio

Door = Callable[..., Awaitable[httpx.AsyncClient]]
Reach = Callable[[ASGIApp], Awaitable[Upstream]]


def stripped(scope: Scope) -> str:
    """The path that a service routes by, however it was reached."""
    path: str = scope["path"]
    return path.removeprefix(scope["root_path"])


async def test_method_path_query_and_body_arrive_as_they_were_sent(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    response = await client.put("/svc/v1/things/a%20b%3Fc~'(x)?q=%41&q=b%2Fc&=;", content=b"hello")
    assert (response.status_code, response.content) == (200, b"hello")
    assert echo.seen["method"] == "PUT"
    assert stripped(echo.seen) == "/v1/things/a b?c~'(x)"
    assert echo.seen["raw_path"].removeprefix(b"/svc") == b"/v1/things/a%20b%3Fc~'(x)"
    assert echo.seen["query_string"] == b"q=%41&q=b%2Fc&=;"


async def test_in_process_the_prefix_is_the_root_path(door: Door, echo: Any) -> None:
    client = await door(InProcessUpstream(echo, state={"engine": 7}))
    await client.get("/svc/v1/x")
    assert (echo.seen["root_path"], echo.seen["path"]) == ("/svc", "/svc/v1/x")
    assert echo.seen["state"] == {"engine": 7}


async def test_the_bare_prefix_is_the_root_of_the_service(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    await client.get("/svc")
    assert stripped(echo.seen) == "/"


async def test_an_unknown_prefix_is_for_the_gateway_itself(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    for path in ("/nope/v1", "/svcx/v1", "/SVC/v1", "/s%76c/v1", "/"):
        assert (await client.get(path)).headers.get("x-own") == "1", path
    assert echo.scopes == []


TWO_MEANINGS = [
    "/svc/../other",
    "/svc/v1/%2e%2e/secret",
    "/svc/v1/.%2E/secret",
    "/svc/./v1",
    "/svc/v1/..",
    "//svc/v1",
    "/svc//v1",
    "/svc/v1/a%2Fb",
    "/svc%2fv1",
    "/svc/v1/a%5cb",
    "/svc/v1/a\\b",
    "/svc/v1/a%00b",
    "/svc/v1/a%0d%0ab",
    "/svc/v1/%zz",
    "/svc/v1/%",
]


async def test_paths_with_two_meanings_are_refused(door: Door, echo: Any) -> None:
    client = await door(InProcessUpstream(echo))
    for path in TWO_MEANINGS:  # over a bare socket, since clients tidy paths up
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400"), (path, answer)
        assert b"application/problem+json" in head
        assert json.loads(body)["status"] == 400
    assert echo.scopes == []


async def test_hop_by_hop_fields_end_at_the_door_both_ways(door: Door, reach: Reach, echo: Any) -> None:
    echo.headers = [
        (b"content-type", b"text/plain"),
        (b"x-kept", b"1"),
        (b"x-kept", b"2"),
    ]
    client = await door(await reach(echo))
    response = await client.post(
        "/svc/v1/x",
        content=b"{}",
        headers={
            "Connection": "keep-alive, X-Private",
            "X-Private": "secret",
            "TE": "trailers",
            "Upgrade": "h2c",
            "Proxy-Authorization": "Basic x",
            "Proxy-Connection": "keep-alive",
            "Keep-Alive": "timeout=5",
            "X-Public": "yes",
            "Accept-Encoding": "br",
        },
    )
    names = {name for name, _ in echo.seen["headers"]}
    gone = {
        b"x-private",
        b"te",
        b"upgrade",
        b"proxy-authorization",
        b"proxy-connection",
        b"keep-alive",
    }
    assert not names & gone
    assert echo.header("x-public") == ["yes"]
    assert echo.header("accept-encoding") == ["br"]
    assert response.headers.get_list("x-kept") == ["1", "2"]


async def test_hop_by_hop_fields_of_a_response_end_at_the_door(door: Door, liar: Any) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, X-Inside\r\nX-Inside: 1\r\nServer: box7\r\n"
            b"Keep-Alive: timeout=9\r\nProxy-Authenticate: Basic\r\nX-Outside: 1\r\nX-Powered-By: magic\r\n\r\nok"
        )
        await writer.drain()

    client = await door(await liar(behave))
    response = await client.get("/svc/x")
    assert response.content == b"ok"
    assert response.headers["x-outside"] == "1"
    assert not set(response.headers) & {
        "x-inside",
        "keep-alive",
        "proxy-authenticate",
        "x-powered-by",
    }
    assert "box7" not in response.headers.get("server", "")


async def test_forwarding_fields_from_outside_are_not_believed(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    lies = {
        "X-Forwarded-For": "10.9.9.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "X-Real-IP": "10.9.9.9",
        "Forwarded": "for=10.9.9.9",
    }
    await client.get("/svc/v1/x", headers=lies)
    flat = b" ".join(value for _, value in echo.seen["headers"])
    assert b"10.9.9.9" not in flat and b"evil" not in flat
    if not echo.seen["root_path"]:  # over HTTP the truth takes their place
        port = client.base_url.port
        assert echo.header("x-forwarded-for") == ["127.0.0.1"]
        assert echo.header("x-forwarded-proto") == ["http"]
        assert echo.header("x-forwarded-prefix") == ["/svc"]
        assert echo.header("x-forwarded-host") == [f"127.0.0.1:{port}"]
        assert echo.header("forwarded") == [f'for=127.0.0.1;host="127.0.0.1:{port}";proto=http']


async def test_a_sane_request_id_is_kept_and_any_other_is_replaced(door: Door, reach: Reach, echo: Any) -> None:
    echo.headers = [(b"x-request-id", b"what the service thinks")]
    client = await door(await reach(echo))
    response = await client.get("/svc/v1/x", headers={"X-Request-Id": "abc-123"})
    assert response.headers.get_list("x-request-id") == ["abc-123"] == echo.header("x-request-id")
    for insane in ("", "a b", "x" * 129, "é", '"><script>'):
        response = await client.get("/svc/v1/x", headers=[(b"X-Request-Id", insane.encode())])
        assert len(response.headers["x-request-id"]) == 36
        assert echo.header("x-request-id") == [response.headers["x-request-id"]]


async def test_trace_context_passes_and_a_broken_one_ends(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    sane = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await client.get("/svc/v1/x", headers={"traceparent": sane, "tracestate": "a=1"})
    assert (echo.header("traceparent"), echo.header("tracestate")) == ([sane], ["a=1"])
    for broken in (
        sane.upper(),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "ff" + sane[2:],
        "junk",
    ):
        await client.get("/svc/v1/x", headers={"traceparent": broken, "tracestate": "a=1"})
        assert (echo.header("traceparent"), echo.header("tracestate")) == ([], [])


async def test_references_of_the_service_are_put_behind_its_prefix(door: Door, reach: Reach) -> None:
    service = FastAPI()

    @service.get("/v1/things/")
    async def things() -> RedirectResponse:
        return RedirectResponse(
            "/v1/jobs/7",
            headers={"Link": '</v1/things/?cursor=x>; rel="next", <https://other/y>'},
        )

    client = await door(await reach(service))
    response = await client.get("/svc/v1/things/")
    assert response.headers["location"] == "/svc/v1/jobs/7"
    assert response.headers["link"] == '</svc/v1/things/?cursor=x>; rel="next", <https://other/y>'
    # Starlette's own redirect to the path with its slash is absolute: over HTTP it names the inner address.
    response = await client.get("/svc/v1/things")
    location = response.headers["location"].removeprefix(str(client.base_url).rstrip("/"))
    assert location == "/svc/v1/things/"


async def test_a_services_own_status_and_body_pass_unchanged(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    for status in (201, 204, 304, 404, 418, 500, 503):
        echo.status = status
        sent = b"" if status in (204, 304) else b"body"
        response = await client.post("/svc/v1/x", content=sent)
        assert (response.status_code, response.content) == (status, sent)


async def test_head_has_the_length_and_no_body(door: Door, reach: Reach) -> None:
    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"12345")],
            }
        )
        await send({"type": "http.response.body"})

    client = await door(await reach(service))
    response = await client.head("/svc/v1/x")
    assert response.headers["content-length"] == "12345"
    assert (await client.head("/svc/v1/x")).status_code == 200  # the connection is still in step


async def test_trace_is_refused(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    response = await client.request("TRACE", "/svc/v1/x")
    assert response.status_code == 405
    assert echo.scopes == []


async def test_the_services_own_metrics_are_not_for_the_outside(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    response = await client.get("/svc/metrics")
    assert response.status_code == 404
    assert echo.scopes == []


async def test_header_values_that_are_not_text_are_never_mangled(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    response = await client.get("/svc/v1/x", headers=[(b"X-Name", "Zoë".encode())])
    assert response.status_code == 200
    assert echo.header("x-name") == ["Zoë"]
    response = await client.get("/svc/v1/x", headers=[(b"X-Name", "Zoë".encode("latin-1"))])
    if response.status_code == 200:
        assert dict(echo.seen["headers"])[b"x-name"] == "Zoë".encode("latin-1")
    else:
        assert response.status_code == 400
        assert "x-name" in response.json()["detail"]


async def test_two_authorization_headers_are_refused(door: Door, reach: Reach, echo: Any) -> None:
    client = await door(await reach(echo))
    response = await client.get(
        "/svc/v1/x",
        headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    )
    assert response.status_code == 400


async def test_two_routes_cannot_share_a_prefix_and_a_prefix_is_one_segment() -> None:
    nothing = InProcessUpstream(lambda scope, receive, send: asyncio.sleep(0))
    with pytest.raises(ValueError, match="share"):
        RouteTable([Route("a", "/a", nothing), Route("b", "/a", nothing)])
    for prefix in ("", "/", "a", "/a/b", "/A", "/a/"):
        with pytest.raises(ValueError, match="segment"):
            Route("a", prefix, nothing)
