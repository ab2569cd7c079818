"""portfolio and revisions

Revision 0003, after 0002.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument, UtcInstant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _projection(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        *columns,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False)


def _uuid(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def upgrade() -> None:
    _projection("known_theme", _uuid("service_id"), _text("name"))
    _projection("known_improvement", _uuid("service_id"), _text("title"), _text("state"))
    _projection("known_demand", _uuid("business_unit_id"), _text("title"), _text("state"))

    with op.batch_alter_table("service") as batch:
        batch.add_column(sa.Column("features", JsonDocument, nullable=True))
        batch.add_column(sa.Column("retirement_planned_for", sa.Date(), nullable=True))
    with op.batch_alter_table("revision") as batch:
        batch.add_column(sa.Column("theme_ids", JsonDocument, nullable=True))
        batch.add_column(sa.Column("content", JsonDocument, nullable=True))
        batch.add_column(sa.Column("based_on", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("live_at", UtcInstant(), nullable=True))
    _fill_in()
    with op.batch_alter_table("service") as batch:
        batch.alter_column("features", nullable=False)
    with op.batch_alter_table("revision") as batch:
        batch.alter_column("theme_ids", nullable=False)
        batch.alter_column("content", nullable=False)


def _fill_in() -> None:
    """What is live now promises what its service says. What was archived before is no longer known."""
    service = sa.table(
        "service",
        sa.column("id", sa.Uuid()),
        sa.column("name", sa.String()),
        sa.column("description", sa.String()),
        sa.column("support_contact", JsonDocument),
        sa.column("active_revision", sa.Integer()),
        sa.column("features", JsonDocument),
    )
    revised = sa.table(
        "revision",
        sa.column("service_id", sa.Uuid()),
        sa.column("number", sa.Integer()),
        sa.column("theme_ids", JsonDocument),
        sa.column("content", JsonDocument),
    )
    op.execute(service.update().values(features=[]))
    op.execute(revised.update().values(theme_ids=[], content={}))
    connection = op.get_bind()
    live = sa.select(
        service.c.id, service.c.name, service.c.description, service.c.support_contact, service.c.active_revision
    ).where(service.c.active_revision.is_not(None))
    for row in connection.execute(live).all():
        content = {
            "name": row.name,
            "description": row.description,
            "features": [],
            "support_contact": row.support_contact,
            "capability_ids": [],
        }
        active = (revised.c.service_id == row.id) & (revised.c.number == row.active_revision)
        connection.execute(revised.update().where(active).values(content=content))


def downgrade() -> None:
    with op.batch_alter_table("revision") as batch:
        for name in ("live_at", "based_on", "content", "theme_ids"):
            batch.drop_column(name)
    with op.batch_alter_table("service") as batch:
        batch.drop_column("retirement_planned_for")
        batch.drop_column("features")
    for name in ("known_demand", "known_improvement", "known_theme"):
        op.drop_table(name)
