"""What the tables of every service have in common: aggregates with a version, projections with a sequence.

An aggregate's `version` is its ETag, its events' `sequence` and its guard against stale writes, all in one: every
change raises it, and SQLAlchemy adds `WHERE version = <the one loaded>` to the UPDATE, so that the second of
two concurrent writers is refused on both databases alike.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, event, inspect
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, object_session

from services import context
from services.clock import utc_now
from services.db.types import UtcInstant
from services.ids import uuid7

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """For a service's `class Base(DeclarativeBase)`: each has its own database, and so its own MetaData."""
    return MetaData(naming_convention=NAMING)


class Aggregate:
    """Mixin: identity, version, times, and the correlation id of the value loop's thread it belongs to.

    Every column but those in `__not_audited__` lands in the audit record of a change (services.audit).
    """

    __not_audited__: frozenset[str] = frozenset()

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    updated_at: Mapped[datetime] = mapped_column(UtcInstant)
    correlation_id: Mapped[str] = mapped_column()

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  # SQLAlchemy calls it with the class
        return {"version_id_col": cls.version, "version_id_generator": False}

    def __init__(self, **columns: Any) -> None:
        now = utc_now()
        columns.setdefault("id", uuid7())
        columns.setdefault("version", 0)
        columns.setdefault("created_at", now)
        columns.setdefault("updated_at", now)
        columns.setdefault("correlation_id", context.current().correlation_id)
        super().__init__(**columns)


def touch(aggregate: Aggregate) -> None:
    """Raise the version. Needed where only other rows than the aggregate's own have changed; the rest is automatic."""
    aggregate.version += 1
    aggregate.updated_at = utc_now()


class Projection:
    """Mixin: this service's small copy of what another one owns. Applied by higher `sequence` only, no foreign keys."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column()
    seen_at: Mapped[datetime] = mapped_column(UtcInstant)

    def __init__(self, **columns: Any) -> None:
        super().__init__(**columns)


def is_changed(aggregate: Aggregate) -> bool:
    """Whether a column has changed since the version was last raised or the change was last flushed."""
    session = object_session(aggregate)
    return (
        session is not None
        and session.is_modified(aggregate, include_collections=False)
        and not inspect(aggregate).attrs.version.history.has_changes()
    )


@event.listens_for(Aggregate, "before_update", propagate=True)
def _raise_the_version(mapper: Any, connection: Any, target: Aggregate) -> None:
    """No change may slip past the other writers' check, also one that publishes nothing or is flushed early."""
    if is_changed(target):
        touch(target)
