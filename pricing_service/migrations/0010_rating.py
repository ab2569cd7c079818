"""rating

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "usage_arrival",
        sa.Column("number", number, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_usage_arrival")),
    )
    op.create_table(
        "late_usage",
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period", "subscription_id", name=op.f("pk_late_usage")),
    )
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("arrival", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("withdrawn_arrival", sa.BigInteger(), nullable=True))
        batch_op.drop_index("ix_usage_event_withdrawn")
        batch_op.drop_index("ix_usage_event_statement")
        batch_op.drop_column("statement_id")
        batch_op.drop_column("withdrawn_statement_id")
    with op.batch_alter_table("statement_line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("usage_after", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("usage_upto", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("adjusts_period", sa.String(), nullable=True))
    # What is there has no number of its own, and what was billed of it was billed by the statements that are there.
    op.execute("UPDATE statement_line SET usage_after = -1, usage_upto = 0 WHERE usage_from IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table("statement_line", schema=None) as batch_op:
        batch_op.drop_column("adjusts_period")
        batch_op.drop_column("usage_upto")
        batch_op.drop_column("usage_after")
    with op.batch_alter_table("usage_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawn_statement_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("statement_id", sa.Uuid(), nullable=True))
        batch_op.drop_column("withdrawn_arrival")
        batch_op.drop_column("arrival")
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
    op.drop_table("late_usage")
    op.drop_table("usage_arrival")
