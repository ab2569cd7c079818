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
        "unit_tags_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("effective_at", UtcInstant(), nullable=False),
        sa.Column("tags", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("id", "sequence", name=op.f("pk_unit_tags_step")),
    )
    # Nobody went by the tags of a unit before: what is rated of the time so far stays without.
    op.execute(
        "INSERT INTO unit_tags_step (id, sequence, seen_at, effective_at, tags)"
        " SELECT id, sequence, seen_at, seen_at, '{}' FROM known_business_unit"
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
    op.create_table(
        "pricing_strategy",
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("target_recovery_percentage", ExactDecimal(), nullable=False),
        sa.Column("tolerance_percentage_points", ExactDecimal(), nullable=False),
        *_aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pricing_strategy")),
    )
    op.create_table(
        "price_change",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("effective_from", UtcInstant(), nullable=False),
        sa.Column("existing_subscriptions", sa.String(), nullable=False),
        sa.Column("charges", JsonDocument, nullable=False),
        sa.Column("discounts", JsonDocument, nullable=False),
        sa.Column("minimum", JsonDocument, nullable=True),
        sa.Column("maximum", ExactDecimal(), nullable=True),
        sa.Column("audience", JsonDocument, nullable=False),
        sa.Column("shadow_job_id", sa.Uuid(), nullable=True),
        sa.Column("shadow_periods", JsonDocument, nullable=False),
        sa.Column("subscriptions", sa.Integer(), nullable=False),
        sa.Column("old_amount", ExactDecimal(), nullable=False),
        sa.Column("new_amount", ExactDecimal(), nullable=False),
        sa.Column("notice", sa.String(), nullable=True),
        sa.Column("announced_at", UtcInstant(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("price_plan_id", sa.Uuid(), nullable=True),
        *_aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_change")),
    )
    with op.batch_alter_table("price_change") as batch_op:
        batch_op.create_index("ix_price_change_offering", ["offering_id", "id"])
    op.create_table(
        "shadow_price",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("applies", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("old_amount", ExactDecimal(), nullable=False),
        sa.Column("new_amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_price")),
    )
    with op.batch_alter_table("shadow_price") as batch_op:
        batch_op.create_index("ix_shadow_price_job", ["job_id", "id"])
    op.create_table(
        "shadow_price_of_unit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("subscriptions", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("old_amount", ExactDecimal(), nullable=False),
        sa.Column("new_amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_price_of_unit")),
    )
    with op.batch_alter_table("shadow_price_of_unit") as batch_op:
        batch_op.create_index("ix_shadow_price_of_unit_job", ["job_id", "id"])


def _aggregate() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
    ]


def downgrade() -> None:
    op.drop_table("shadow_price_of_unit")
    op.drop_table("shadow_price")
    op.drop_table("price_change")
    op.drop_table("pricing_strategy")
    with op.batch_alter_table("statement_line") as batch_op:
        batch_op.drop_index(batch_op.f("ix_statement_line_service_period"))
        batch_op.drop_column("split_end")
        batch_op.drop_column("service_period")
    with op.batch_alter_table("price_plan") as batch_op:
        for column in ("existing_subscriptions", "audience", "maximum", "minimum", "discounts"):
            batch_op.drop_column(column)
    op.drop_table("unit_tags_step")
    op.drop_table("subscription_step")
