"""Alembic's environment for every app: `services.db.migrations` hands over the connection and the tables."""

from typing import Any

from alembic import context
from sqlalchemy import Table, event

from services.db.types import ExactDecimal

configuration = context.config.attributes


def keep_decimals(inspector: Any, table: Table, column: Any) -> None:
    """SQLite tells nobody a column's collation: a table that batch mode copies would order its decimals as text."""
    for metadata in configuration["metadata"]:
        known = metadata.tables.get(table.name)
        if known is not None and column["name"] in known.c and isinstance(known.c[column["name"]].type, ExactDecimal):
            column["type"] = ExactDecimal()


context.configure(
    connection=configuration["connection"],
    target_metadata=configuration["metadata"],
    render_as_batch=True,  # SQLite cannot alter a column in place
    render_item=configuration["render_item"],
    compare_type=False,  # the chassis's types render differently on each database on purpose
    transaction_per_migration=True,
)
event.listen(Table, "column_reflect", keep_decimals)
try:
    with context.begin_transaction():
        context.run_migrations()
finally:
    event.remove(Table, "column_reflect", keep_decimals)
