"""Everything in one process: the only module of the chassis that knows the services."""

import importlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from starlette.types import ASGIApp

from services.application import create_app
from services.runtime import ServiceDefinition, opened_event_log
from services.settings import APPS, SERVICES, ConfigurationError, Settings


def _module(app: str) -> Any:
    if app not in APPS:
        raise LookupError(f"no app {app!r}: there are {', '.join(APPS)}")
    package = app if app == "gateway" else f"{app}_service"
    return importlib.import_module(f"{package}.app")


def definition_of(app: str) -> ServiceDefinition:
    """The definition of an app by its name. Raises LookupError."""
    definition = _module(app).definition
    assert isinstance(definition, ServiceDefinition)
    return definition


@asynccontextmanager
async def running_suite(settings: Settings) -> AsyncIterator[ASGIApp]:
    """All five apps over one event log, started; yields the gateway. Raises ConfigurationError."""
    try:
        settings.itaas_data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.itaas_data_dir):
            pass  # that it can be made says more than any permission bit
    except OSError as error:
        raise ConfigurationError(f"the data folder {settings.itaas_data_dir} cannot be written: {error}") from error
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(opened_event_log(settings))
        apps = {}
        for name in SERVICES:
            apps[name] = create_app(definition_of(name), settings=settings, event_log=log)
            await stack.enter_async_context(apps[name].router.lifespan_context(apps[name]))
        gateway = _module("gateway").create_gateway(apps, settings=settings, event_log=log)
        await stack.enter_async_context(gateway.lifespan())
        yield gateway
