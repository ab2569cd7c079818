"""The application factory: a FastAPI app with every convention of the suite, from one ServiceDefinition."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from services import logs
from services.collector import settle
from services.errors import Unavailable
from services.events.log import EventLog
from services.http import documents, jobs, problems
from services.http.middleware import Edge
from services.identity import public
from services.identity.access import has_rule
from services.runtime import Runtime, ServiceDefinition
from services.settings import Settings, load_settings

__all__ = ["ServiceDefinition", "create_app"]


class Health(BaseModel):
    status: str
    app: str
    version: str
    event_log: str = "unknown"


def create_app(
    definition: ServiceDefinition, *, settings: Settings | None = None, event_log: EventLog | None = None
) -> FastAPI:
    """The app of `definition`. Settings come from the environment when it starts, unless given.

    `event_log` is given where several apps share one process and so one embedded log.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        given: Settings | None = app.state.settings
        chosen = given or load_settings()
        if given is None:
            logs.configure(chosen.log_level, chosen.log_format)
        runtime = Runtime(definition, chosen)
        async with runtime.running(app.state.event_log):
            app.state.runtime = runtime
            if given is None:  # a process of its own, as `uvicorn pricing_service.app:app`
                settle()
            yield

    app = FastAPI(
        title=definition.title,
        description=definition.description,
        version=definition.version,
        lifespan=lifespan,
        docs_url=None,  # the gateway's explorer shows all apps, from assets of its own
        redoc_url=None,
        max_body_size=None,  # the route class and the gateway know uploads from other bodies
    )
    app.state.settings, app.state.event_log = settings, event_log
    app.add_middleware(Edge, name=definition.name)
    problems.install(app)
    documents.install(app)
    for router in definition.routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema and not has_rule(route.dependant):
                raise TypeError(f"{definition.name} {route.path}: declare who may call it, with may(...) or public()")
        app.include_router(router)
    if definition.jobs.handlers:
        app.include_router(jobs.router)
    app.include_router(_operations(app, definition))
    return app


def _operations(app: FastAPI, definition: ServiceDefinition) -> APIRouter:
    router = APIRouter(tags=["Operations"], dependencies=[public()])

    @router.get("/health/live", summary="Is the process alive?")
    async def live() -> Health:
        """Answers as long as the event loop turns; says nothing of what the app depends on."""
        return Health(status="ok", app=definition.name, version=definition.version)

    @router.get("/health/ready", summary="Can it serve requests?")
    async def ready() -> Health:
        """503 while the database is away. An event log that is away delays events but refuses no request."""
        runtime: Runtime = app.state.runtime
        try:
            await runtime.database.ping()
        except OSError as error:
            raise Unavailable("the database cannot be reached") from error
        reading = runtime.consumer is None or runtime.consumer.healthy
        log = "ok" if reading and not runtime.relay.failing else "away"
        return Health(status="ok", app=definition.name, version=definition.version, event_log=log)

    @router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """All metrics of this process, in the Prometheus text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router
