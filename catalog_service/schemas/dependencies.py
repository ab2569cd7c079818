"""Bodies of dependencies between services."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from catalog_service.domain.dependency import DependencyKind, Direction
from catalog_service.domain.service import ServiceState
from services.http import Body, Read

Note = Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")]


class Dependency(Body):
    on_id: UUID = Field(description="The service that is depended on")
    kind: DependencyKind = Field(description="`requires`: cannot do without it; `uses`: can, but less well")
    note: Note = Field("", examples=["Sessions are kept there."])


class DependenciesWrite(Body):
    """All that the service depends on directly; what is left out no longer counts."""

    dependencies: Annotated[list[Dependency], Field(max_length=200)]


class DependencyRead(Read):
    service_id: UUID
    on_id: UUID
    kind: DependencyKind
    note: str


class DependencyNode(Read):
    id: UUID
    name: str
    state: ServiceState
    distance: int = Field(description="Links between it and the service asked for")


class DependencyGraphRead(Read):
    service_id: UUID
    direction: Direction
    depth: int | None = Field(description="null: to the ends")
    total: int = Field(description="Services within that depth")
    nodes: list[DependencyNode] = Field(description="The nearest first, at most 2,000 of them")
    links: list[DependencyRead] = Field(description="Between the nodes, and with the service itself")
