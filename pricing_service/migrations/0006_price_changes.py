"""history of subscriptions, terms of price plans, service period of statement lines; strategies and price changes

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subscription_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("effective_at", UtcInstant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("tags", JsonDocument, nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("renews", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", "sequence", name=op.f("pk_subscription_step")),
    )
    op.create_table(
        "known_unit_tags",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("tags", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_unit_tags")),
    )
    # What is known of a subscription so far is its last state; quantity and offering have not changed before.
    op.execute(
        "INSERT INTO subscription_step (id, sequence, seen_at, effective_at, state, offering_id, service_id, quantity,"
        " tags, term_months, renews) SELECT id, sequence, seen_at, coalesce(ended_at, activated_at), state,"
        " offering_id, service_id, quantity, '{}', NULL, false FROM known_subscription"
    )
    with op.batch_alter_table("price_plan") as batch_op:
        batch_op.add_column(sa.Column("discounts", JsonDocument, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("minimum", JsonDocument, nullable=True))
        batch_op.add_column(sa.Column("maximum", ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("audience", JsonDocument, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("existing_subscriptions", sa.String(), nullable=False, server_default="follow"))
    with op.batch_alter_table("statement_line") as batch_op:
        batch_op.add_column(sa.Column("service_period", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("split_end", sa.Date(), nullable=True))
        batch_op.create_index(batch_op.f("ix_statement_line_service_period"), ["service_period"])
    op.execute(
        "UPDATE statement_line SET service_period ="
        " (SELECT period FROM statement WHERE statement.id = statement_line.statement_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("statement_line") as batch_op:
        batch_op.drop_index(batch_op.f("ix_statement_line_service_period"))
        batch_op.drop_column("split_end")
        batch_op.drop_column("service_period")
    with op.batch_alter_table("price_plan") as batch_op:
        for column in ("existing_subscriptions", "audience", "maximum", "minimum", "discounts"):
            batch_op.drop_column(column)
    op.drop_table("known_unit_tags")
    op.drop_table("subscription_step")
