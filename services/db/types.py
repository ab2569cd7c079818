"""Column types that mean the same on PostgreSQL and SQLite.

SQLite has neither decimals nor instants: SQLAlchemy's Numeric goes through a float there and loses digits, so
decimals are stored as text, with a collation that orders them by value and an aggregate that adds them exactly
(both registered on every SQLite connection by `services.db.database`). Sums of decimals therefore go
through `exact_sum` alone; a test forbids `func.sum` on them.
"""

import decimal
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ColumnElement, Dialect, String, types
from sqlalchemy.dialects.postgresql import JSONB, NUMERIC, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

_WIDE = decimal.Context(prec=200, traps=[decimal.Inexact, decimal.InvalidOperation])


class ExactDecimal(types.TypeDecorator[Decimal]):
    """`Decimal`: NUMERIC on PostgreSQL, text with the DECIMAL collation on SQLite. Finite values only."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(NUMERIC())
        return dialect.type_descriptor(String(collation="DECIMAL"))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"expected Decimal, got {type(value).__name__}")
        if not value.is_finite():
            raise ValueError(f"{value} cannot be stored: only finite decimals can")
        return value if dialect.name == "postgresql" else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class UtcInstant(types.TypeDecorator[datetime]):
    """An aware `datetime` in UTC, microseconds; naive ones are refused. On SQLite: text that sorts by time."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        instant = value.astimezone(UTC)
        # Not strftime: it does not pad the years before 1000, which then neither sort nor read back.
        text = instant.replace(tzinfo=None).isoformat(timespec="microseconds")
        return instant if dialect.name == "postgresql" else f"{text}Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]  # asyncpg hands over a datetime


# JSON on SQLite, JSONB on PostgreSQL.
JsonDocument = JSON().with_variant(JSONB(), "postgresql")


class exact_sum(GenericFunction[Decimal]):  # noqa: N801  # reads as the SQL function that it is
    """SUM over an ExactDecimal column, exact on both databases; NULL over no rows."""

    type = ExactDecimal()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any] | Any) -> None:
        super().__init__(column)


@compiles(exact_sum, "postgresql")
def _sum_on_postgresql(element: exact_sum, compiler: SQLCompiler, **kw: Any) -> str:
    return f"sum({compiler.process(element.clauses, **kw)})"


class ExactSumAggregate:
    """SQLite's side of `exact_sum`."""

    def __init__(self) -> None:
        self.total: Decimal | None = None

    def step(self, value: str | None) -> None:
        if value is not None:
            self.total = Decimal(value) if self.total is None else _WIDE.add(self.total, Decimal(value))

    def finalize(self) -> str | None:
        return None if self.total is None else format(self.total, "f")


def compare_decimals(left: str, right: str) -> int:
    """SQLite's DECIMAL collation: by value, so that '9.5' comes before '10'."""
    a, b = Decimal(left), Decimal(right)
    return (a > b) - (a < b)
