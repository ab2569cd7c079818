"""The gateway app: `uvicorn gateway.app:app` in front of services over HTTP, or `create_gateway(…)` in one process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import pages
from gateway.capabilities import CAPABILITIES
from gateway.consumers import consumers
from gateway.documents import Documents
from gateway.door.admission import Admission
from gateway.door.proxy import Proxy
from gateway.door.routing import Route, RouteTable
from gateway.door.upstreams import HttpUpstream, InProcessUpstream
from gateway.routes import events as event_routes
from gateway.routes import pages as page_routes
from gateway.tables import Base
from services.application import ServiceDefinition, create_app
from services.events.log import EventLog
from services.runtime import Runtime
from services.settings import Settings

definition = ServiceDefinition(
    name="gateway",
    title="Gateway",
    description="The one door: authentication, routing, the explorer, and the archive of all events.",
    base=Base,
    migrations=Path(__file__).parent / "migrations",
    routers=[event_routes.router, page_routes.router],
    consumers=consumers,
)


class Gateway:
    """The ASGI application: the door in front, the gateway's own FastAPI app behind it."""

    def __init__(self, own: FastAPI) -> None:
        self.own = own
        self._proxy: Proxy | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._proxy or self.own)(scope, receive, send)

    def lifespan(self) -> AbstractAsyncContextManager[Any]:
        """Started on entering, stopped on leaving: for whoever serves this in a process of its own making."""
        return self.own.router.lifespan_context(self.own)

    def open(self, proxy: Proxy | None) -> None:
        """Put `proxy` in front (None: take it away)."""
        self._proxy = proxy


def create_gateway(
    services: Mapping[str, ASGIApp] | None = None,
    *,
    settings: Settings | None = None,
    event_log: EventLog | None = None,
) -> Gateway:
    """The gateway in front of `services` of this process, by name; without them, of the URLs in the settings.

    Whoever made the services runs their lifespans.
    """
    own = create_app(definition, settings=settings, event_log=event_log)
    # FastAPI's own route of that name would answer first, with the gateway's document alone.
    own.router.routes[:] = [
        route
        for route in own.router.routes
        if getattr(route, "path", "") != "/openapi.json" or getattr(route, "name", "") == "merged_document"
    ]
    gateway = Gateway(own)
    start = own.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with start(app):
            runtime: Runtime = app.state.runtime
            table = RouteTable(
                Route(
                    capability.name,
                    capability.prefix,
                    HttpUpstream(runtime.settings.service_url(capability.name))
                    if services is None
                    else InProcessUpstream(services[capability.name]),
                    title=capability.title,
                )
                for capability in CAPABILITIES
                if services is None or capability.name in services
            )
            app.state.documents = Documents(app.openapi(), table.routes, runtime.database)
            app.state.explorer = pages.explorer()
            app.state.portal = pages.portal(tokens=runtime.settings.oidc_issuer is None)
            gateway.open(
                Proxy(
                    table,
                    own=own,
                    admit=Admission(runtime.verifier),
                    max_json_bytes=runtime.settings.max_body_bytes,
                    max_upload_bytes=runtime.settings.max_upload_bytes,
                )
            )
            try:
                yield
            finally:
                gateway.open(None)
                for route in table.routes:
                    await route.upstream.aclose()

    own.router.lifespan_context = lifespan
    return gateway


app = create_gateway()
