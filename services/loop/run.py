"""What every step of the loop uses: requests that survive a restart of the suite, patience with events, checks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from services.identity.principal import Role
from services.ids import uuid7

Echo = Callable[[str], None]
Json = dict[str, Any]

PATIENCE_SECONDS = 30


class LoopFailed(Exception):
    """A step, a sum or an event is missing; the message names it."""


class ClientFor(Protocol):
    def __call__(self, role: Role, business_units: Any = (), person: str | None = None) -> httpx.AsyncClient: ...


@dataclass
class Loop:
    """One run: its thread, who acts, and what has come of it so far."""

    client_for: ClientFor
    echo: Echo
    thread: str = field(default_factory=lambda: str(uuid7()))
    found: Json = field(default_factory=dict)

    def tell(self, step: str, words: str) -> None:
        self.echo(f"{step:<9} {words}")

    def owner(self) -> httpx.AsyncClient:
        """Of the service: whoever loaded the sample, which is the role's own person."""
        return self.client_for(Role.SERVICE_OWNER)

    async def get(self, client: httpx.AsyncClient, path: str, **params: Any) -> Json:
        return await _answer(lambda: client.get(path, params=params))

    async def post(self, client: httpx.AsyncClient, path: str, body: Json | None = None, **options: Any) -> Json:
        headers = {"Idempotency-Key": str(uuid7()), "Correlation-Id": self.thread} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return await _answer(lambda: client.post(path, headers=headers, **options))

    async def job(self, client: httpx.AsyncClient, service: str, started: Json) -> Json:
        """Wait for a job and return its result."""

        async def look() -> Json | None:
            job = await self.get(client, f"/{service}/v1/jobs/{started['id']}")
            return job if job["state"] in ("succeeded", "failed", "cancelled") else None

        job = await eventually(look, f"job {started['kind']}")
        check(job["state"] == "succeeded", f"job {job['kind']} {job['state']}: {job['problem']}")
        result: Json = job["result"]
        return result


def check(condition: bool, what: str) -> None:
    if not condition:
        raise LoopFailed(what)


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` finds once events have done their work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise LoopFailed(f"{what} did not come within {PATIENCE_SECONDS} s")


async def _answer(send: Callable[[], Awaitable[httpx.Response]]) -> Json:
    """Send until there is an answer: the suite may restart meanwhile, and the Idempotency-Key makes that safe."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            response = await send()
            if not _may_pass_later(response) or time.monotonic() > deadline:
                break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)
    if response.is_error:
        raise LoopFailed(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    document: Json = response.json()
    return document


def _may_pass_later(response: httpx.Response) -> bool:
    return response.status_code in (502, 503, 504) or (
        response.status_code == httpx.codes.CONFLICT and response.json().get("type", "").endswith("still-in-flight")
    )


async def one(loop: Loop, client: httpx.AsyncClient, path: str, key: str) -> Json:
    found = (await loop.get(client, path, external_id=f"sample:{key}"))["items"]
    check(len(found) == 1, f"{path} has no sample:{key}; run `itaas sample load`")
    item: Json = found[0]
    return item


def money(money: Json) -> str:
    return f"{money['amount']} {money['currency']}"
