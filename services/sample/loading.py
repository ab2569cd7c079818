"""What loading the sample is made of: requests that converge, and patience with events."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.identity.principal import Role
from services.ids import uuid7
from services.sample.organisation import Organisation, SampleNotLoaded

ARRIVAL_SECONDS = 30.0

Json = dict[str, Any]
ClientFor = Callable[[Role], httpx.AsyncClient]


@dataclass
class Loading:
    """One load: its thread, what it has made so far, and the events that have to arrive of it."""

    organisation: Organisation
    client_for: ClientFor
    thread: str = field(default_factory=lambda: str(uuid7()))
    made: dict[str, int] = field(default_factory=dict)
    announced: set[tuple[str, str]] = field(default_factory=set)  # (event type, subject) that have to arrive

    def external_ids(self, key: str) -> list[Json]:
        return [{"system": self.organisation.system, "id": key}]

    def note(self, what: str) -> None:
        self.made[what] = self.made.get(what, 0) + 1

    async def known(self, client: httpx.AsyncClient, path: str, keys: set[str]) -> dict[str, Json]:
        """What the organisation's keys name at `path`, as far as it is there. The sample comes early in a list."""
        found: dict[str, Json] = {}

        def take(items: Iterable[Json]) -> bool:
            for item in items:
                for external in item["external_ids"]:
                    if external["system"] == self.organisation.system and external["id"] in keys:
                        found[external["id"]] = item
            return len(found) == len(keys)

        await self.page_through(client, path, take)
        return found

    async def seen(
        self, client: httpx.AsyncClient, path: str, name: str, wanted: set[str], **parameters: str | int
    ) -> set[str]:
        """Which of `wanted` values the field `name` has among the items at `path`."""
        seen: set[str] = set()

        def take(items: Iterable[Json]) -> bool:
            seen.update(item[name] for item in items)
            return wanted <= seen

        await self.page_through(client, path, take, **parameters)
        return seen

    async def everything(self, client: httpx.AsyncClient, path: str) -> list[Json]:
        everything: list[Json] = []

        def take(items: Iterable[Json]) -> bool:
            everything.extend(items)
            return False

        await self.page_through(client, path, take)
        return everything

    async def page_through(
        self,
        client: httpx.AsyncClient,
        path: str,
        take: Callable[[Iterable[Json]], bool],
        **parameters: str | int,
    ) -> None:
        """Give page after page to `take`, until it has enough or there are no more."""
        parameters["limit"] = 200
        while True:
            page = await self.send(client, "GET", path, parameters=parameters)
            if take(page["items"]) or page["next_cursor"] is None:
                return
            parameters["cursor"] = page["next_cursor"]

    async def post(self, client: httpx.AsyncClient, path: str, body: Json | None = None) -> Json:
        return await self.send(client, "POST", path, body)

    async def send(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        parameters: dict[str, str | int] | None = None,
    ) -> Json:
        headers = {"Correlation-Id": self.thread}
        if method == "POST":
            # The same key for the same thing: two that load at once make it once, even where no name is unique.
            said = json.dumps([path, parameters, body], sort_keys=True)
            headers["Idempotency-Key"] = f"sample-{hashlib.sha256(said.encode()).hexdigest()}"
        elif method != "GET":
            headers["If-Match"] = "*"
        response = await client.request(method, path, json=body, params=parameters, headers=headers)
        if not response.is_success:
            raise SampleNotLoaded(f"{method} {path} was refused: {_why(response)}")
        document: Json = response.json()
        return document

    def person_id(self, role: Role) -> str:
        """Whom the others see behind the token of a role: its claim, which they have checked."""
        payload = self.client_for(role).headers["Authorization"].split(".")[1]
        claims: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["person_id"])

    async def arrival(self) -> None:
        """Wait until the events of this load have gone through the event log, so that the others know of it too."""
        reader = self.client_for(Role.ADMIN)
        deadline = time.monotonic() + ARRIVAL_SECONDS
        missing = self.announced
        while missing:
            trace = await self.send(reader, "GET", f"/events/v1/trace/{self.thread}")
            missing = missing - {(event["type"], event["subject"]) for event in trace["events"]}
            if missing and time.monotonic() > deadline:
                event_type, subject = min(missing)
                raise SampleNotLoaded(
                    f"{len(missing)} events have not arrived within {ARRIVAL_SECONDS:.0f} s, "
                    f"first of them {event_type} of {subject}: is the event log running?"
                )
            if missing:
                await asyncio.sleep(0.05)


def _why(response: httpx.Response) -> str:
    try:
        problem = response.json()
        faults = "; ".join(f"{fault['pointer']} {fault['message']}" for fault in problem["errors"])
        return f"{response.status_code} {problem['detail']}" + (f" ({faults})" if faults else "")
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.text[:200]}"
