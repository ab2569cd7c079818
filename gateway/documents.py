"""The merged OpenAPI document, kept fresh: asked for anew when it is old, remembered when a service is away.

What was last seen of each service is kept in the gateway's database too, so that the document is whole even right
after a restart in the middle of an outage.
"""

import asyncio
import hashlib
import json
import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.door.fetch import fetch
from gateway.door.routing import Route
from gateway.openapi import JsonObject, NotADocument, Outline, ServiceDocument, merge, parse_document
from gateway.tables import KnownDocument
from services.clock import utc_now
from services.db import Database
from services.errors import Refusal
from services.http.problems import MEDIA_TYPE

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0
FETCH_SECONDS = 5.0  # a service of this process makes its document on first use, on the same loop
MAX_DOCUMENT_BYTES = 16 << 20
SAVE_AGAIN_AFTER = timedelta(hours=1)

DOOR_RESPONSES = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/gateway.Problem"}}},
    }
    for status, description in {
        "400": "The request cannot be passed on: a path or a header with two meanings",
        "502": "The service broke off or gave no valid answer",
        "503": "The service is away; try again after `Retry-After`",
        "504": "The service took too long to answer",
    }.items()
}


class MergedDocument:
    """`content` is JSON; `etag` is a strong validator of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'


class Documents:
    def __init__(self, own: JsonObject, routes: tuple[Route, ...], database: Database) -> None:
        self._own = own
        self._routes = routes
        self._database = database
        self._known: dict[str, tuple[JsonObject, datetime]] = {}
        self._saved: dict[str, tuple[JsonObject, datetime]] = {}
        self._merged: MergedDocument | None = None
        self._fresh_until = 0.0
        self._refreshing = asyncio.Lock()

    async def merged(self) -> MergedDocument:
        """The merged document, at most FRESH_SECONDS old."""
        async with self._refreshing:
            if self._merged is None or time.monotonic() >= self._fresh_until:
                self._merged = await self._refresh()
                self._fresh_until = time.monotonic() + FRESH_SECONDS
            return self._merged

    async def _refresh(self) -> MergedDocument:
        if not self._known:
            await self._recall()
        now = utc_now()
        answers = await asyncio.gather(*(self._ask(route) for route in self._routes))
        for route, document in zip(self._routes, answers, strict=True):
            if document is not None:
                self._known[route.name] = (document, now)
        await self._save()
        return await asyncio.to_thread(self._merge, now)

    def _merge(self, now: datetime) -> MergedDocument:
        services = []
        missing = []
        for route in self._routes:
            if route.name not in self._known:
                missing.append(route.name)
                continue
            document, seen_at = self._known[route.name]
            stale_since = None if seen_at == now else seen_at.isoformat().replace("+00:00", "Z")
            services.append(
                ServiceDocument(route.name, route.prefix, route.title, document, stale_since, route.hidden_paths)
            )
        services.append(ServiceDocument("gateway", "", "Gateway", self._own))
        outline = Outline(
            title="ITaaS",
            version=self._own["info"]["version"],
            description="All services of the suite behind one door, by capability.",
            missing=tuple(missing),
            door_responses=DOOR_RESPONSES,
        )
        return MergedDocument(json.dumps(merge(services, outline), ensure_ascii=False).encode())

    async def _ask(self, route: Route) -> JsonObject | None:
        """The document that the service gives now; None if it gives none."""
        try:
            answer = await fetch(route, "/openapi.json", seconds=FETCH_SECONDS, max_bytes=MAX_DOCUMENT_BYTES)
            if answer.status != 200:
                raise NotADocument(f"status {answer.status}")
            document = parse_document(answer.content)
            merge([ServiceDocument(route.name, route.prefix, route.title, document)], Outline("", "", ""))
        except (Refusal, NotADocument, KeyError, TypeError, AttributeError) as error:
            # The last three: JSON that only looks like a document, which the trial merge stumbles over.
            log.warning("openapi_not_available", service=route.name, reason=f"{type(error).__name__}: {error}")
            return None
        return document

    async def _recall(self) -> None:
        try:
            async with self._database.reading() as session:
                rows = (await session.scalars(select(KnownDocument))).all()
        except (Refusal, SQLAlchemyError) as error:
            log.warning("known_documents_not_readable", reason=type(error).__name__)
            return
        for row in rows:
            self._known[row.service] = self._saved[row.service] = (row.document, row.seen_at)

    async def _save(self) -> None:
        """Keep what changed. A database that is away costs only the memory over a restart."""
        due: list[dict[str, Any]] = []
        for service, (document, seen_at) in self._known.items():
            saved, saved_at = self._saved.get(service, (None, seen_at))
            if saved != document or seen_at - saved_at > SAVE_AGAIN_AFTER:
                due.append({"service": service, "document": document, "seen_at": seen_at})
        if not due:
            return
        try:
            async with self._database.transaction() as session:
                for values in due:
                    await session.merge(KnownDocument(**values))
        except (Refusal, SQLAlchemyError) as error:
            log.warning("known_documents_not_saved", reason=type(error).__name__)
            return
        for values in due:
            self._saved[values["service"]] = (values["document"], values["seen_at"])
