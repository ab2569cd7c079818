"""Everything in one process: the only module of the chassis that knows the services."""

import importlib

from services.runtime import ServiceDefinition
from services.settings import APPS


def definition_of(app: str) -> ServiceDefinition:
    """The definition of an app by its name. Raises LookupError."""
    if app not in APPS:
        raise LookupError(f"no app {app!r}: there are {', '.join(APPS)}")
    package = app if app == "gateway" else f"{app}_service"
    definition = importlib.import_module(f"{package}.app").definition
    assert isinstance(definition, ServiceDefinition)
    return definition
