"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy spells per dialect."""

from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


def upsert(session: AsyncSession, table: Any) -> postgresql.Insert:
    """An insert into `table` that takes `on_conflict_do_nothing()` and `on_conflict_do_update(...)`."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return cast(postgresql.Insert, insert(table))
