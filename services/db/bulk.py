"""Many rows at once, past the ORM: COPY on PostgreSQL, one prepared statement on SQLite.

Rows are tuples in the order of `columns`. Values are those of Python, but JSON columns take JSON text.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table, Uuid
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from services.db.types import ExactDecimal, UtcInstant
from services.errors import Unavailable

_SQLITE = sqlite.dialect()


async def insert_many(
    session: AsyncSession, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert `rows` in the session's transaction. Raises Unavailable where the database goes away."""
    if not rows:
        return
    connection = await session.connection()
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql("SELECT 1")  # begins the transaction, of which COPY would not know
        await _copy(connection, table, columns, rows)
        return
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({places})'  # noqa: S608  # names of our own columns
    converters = [_for_sqlite(table.c[name].type) for name in columns]
    by_column = [
        column if convert is None else [None if value is None else convert(value) for value in column]
        for convert, column in zip(converters, zip(*rows, strict=True), strict=True)
    ]
    await connection.exec_driver_sql(statement, list(zip(*by_column, strict=True)))


async def _copy(connection: Any, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    import asyncpg  # type: ignore[import-untyped]

    raw = await connection.get_raw_connection()
    try:
        await raw.driver_connection.copy_records_to_table(table.name, records=rows, columns=list(columns))
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
        raise Unavailable("the database cannot be reached; try again shortly") from error


def _for_sqlite(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, ExactDecimal):
        return _decimal_text
    if isinstance(kind, UtcInstant):
        return _instant_text
    return _hex if isinstance(kind, Uuid) else None


def _hex(value: UUID) -> str:
    return value.hex


def _decimal_text(value: Decimal) -> str:
    return format(value, "f")


@lru_cache(maxsize=4096)
def _instant_text(value: datetime) -> str:
    text = UtcInstant().process_bind_param(value, _SQLITE)
    assert isinstance(text, str)
    return text
