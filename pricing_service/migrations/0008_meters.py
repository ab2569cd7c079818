"""meters and usage corrections

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.db.types import JsonDocument, UtcInstant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ATTRIBUTES = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _aggregate() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "meter",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("meter_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("aggregation", sa.String(), nullable=False),
        sa.Column("value_path", sa.String(), nullable=True),
        sa.Column("group_by", JsonDocument, nullable=False),
        sa.Column("allows_negative", sa.Boolean(), nullable=False),
        *_aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter")),
        sa.UniqueConstraint("key", "meter_version", name=op.f("uq_meter_key_meter_version")),
    )
    op.create_table(
        "usage_correction",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("original_source", sa.String(), nullable=False),
        sa.Column("original_id", sa.String(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_usage_correction")),
    )
    with op.batch_alter_table("usage_correction", schema=None) as batch_op:
        batch_op.create_index("ix_usage_correction_original", ["original_source", "original_id"], unique=False)
        batch_op.create_index(
            "ix_usage_correction_waits",
            ["waits"],
            unique=False,
            postgresql_where=sa.text("waits"),
            sqlite_where=sa.text("waits"),
        )
    op.create_table(
        "usage_policy",
        sa.Column("max_late_days", sa.Integer(), nullable=False),
        sa.Column("max_ahead_seconds", sa.Integer(), nullable=False),
        *_aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_policy")),
    )
    op.create_table(
        "usage_rejection",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("event_type", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("pointer", sa.String(), nullable=False),
        *_aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_rejection")),
    )
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("meter_version", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("value", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("attributes", _ATTRIBUTES, nullable=True))
        batch_op.add_column(sa.Column("counts", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("withdrawn_statement_id", sa.Uuid(), nullable=True))
        batch_op.drop_index("ix_usage_event_statement")
        batch_op.drop_constraint(batch_op.f("pk_usage_event"), type_="primary")
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.create_primary_key(batch_op.f("pk_usage_event"), ["source", "event_id", "position"])
        billed, withdrawn = sa.text("statement_id IS NOT NULL"), sa.text("withdrawn_statement_id IS NOT NULL")
        batch_op.create_index(
            "ix_usage_event_statement", ["statement_id"], unique=False, postgresql_where=billed, sqlite_where=billed
        )
        batch_op.create_index(
            "ix_usage_event_withdrawn",
            ["withdrawn_statement_id"],
            unique=False,
            postgresql_where=withdrawn,
            sqlite_where=withdrawn,
        )


def downgrade() -> None:
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_event_withdrawn")
        batch_op.drop_index("ix_usage_event_statement")
        batch_op.drop_constraint(batch_op.f("pk_usage_event"), type_="primary")
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.create_primary_key(batch_op.f("pk_usage_event"), ["source", "event_id"])
        batch_op.create_index("ix_usage_event_statement", ["statement_id"], unique=False)
        for column in ("withdrawn_statement_id", "counts", "attributes", "value", "meter_version", "position"):
            batch_op.drop_column(column)
    for table in ("usage_rejection", "usage_policy", "usage_correction", "meter"):
        op.drop_table(table)
