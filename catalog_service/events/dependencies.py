"""What the catalogue publishes of dependencies between services."""

from uuid import UUID

from catalog_service.events.part import SERVICE, Part
from catalog_service.events.services import ServiceChanged, ServiceData
from services.events import event_type


class DependencyData(Part):
    on_id: UUID
    kind: str
    note: str


@event_type(
    "itaas.catalog.service.dependencies-changed.v1",
    summary="What a service depends on was said anew",
    example=ServiceChanged.event.example
    | {
        "state": "published",
        "dependencies": [{"on_id": SERVICE[:-1] + "a", "kind": "requires", "note": "Disks are there."}],
    },
)
class ServiceDependenciesChanged(ServiceData):
    """The service's full state, and all that it depends on directly."""

    dependencies: list[DependencyData]
