"""Alembic's environment for every app: `services.db.migrations` hands over the connection and the tables."""

from alembic import context

configuration = context.config.attributes
context.configure(
    connection=configuration["connection"],
    target_metadata=configuration["metadata"],
    render_as_batch=True,  # SQLite cannot alter a column in place
    render_item=configuration["render_item"],
    compare_type=False,  # the chassis's types render differently on each database on purpose
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
