"""Which services need which: the edges of one graph without cycles."""

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from catalog_service.domain.dependency import DependencyKind
from catalog_service.tables.base import Base, state_column


class ServiceDependency(Base):
    """`service_id` depends on `on_id`."""

    __tablename__ = "service_dependency"

    service_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), primary_key=True)
    on_id: Mapped[UUID] = mapped_column(ForeignKey("service.id"), primary_key=True, index=True)
    kind: Mapped[DependencyKind] = mapped_column(state_column(DependencyKind))
    note: Mapped[str]


class DependencyGraph(Base):
    """One row, raised by whoever changes an edge: two changes that would only together make a cycle must queue."""

    __tablename__ = "dependency_graph"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    changes: Mapped[int]
