"""allocation models

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allocation_flow",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("giver", sa.String(), nullable=False),
        sa.Column("receiver", sa.String(), nullable=False),
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("attribution", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "giver", "receiver", "pool", "attribution", name=op.f("pk_allocation_flow")),
    )
    with op.batch_alter_table("allocation_flow", schema=None) as batch_op:
        batch_op.create_index("ix_allocation_flow_receiver", ["run_id", "receiver"], unique=False)

    op.create_table(
        "allocation_model",
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("effective_from", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("document", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_model")),
        sa.UniqueConstraint("model_version", name=op.f("uq_allocation_model_model_version")),
    )
    op.create_table(
        "allocation_node",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("own", ExactDecimal(), nullable=False),
        sa.Column("received", ExactDecimal(), nullable=False),
        sa.Column("gross", ExactDecimal(), nullable=False),
        sa.Column("driver", sa.String(), nullable=True),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("weights", JsonDocument, nullable=False),
        sa.Column("left_over", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_allocation_node")),
        sa.UniqueConstraint("run_id", "position", name=op.f("uq_allocation_node_run_id_position")),
    )
    op.create_table(
        "allocation_source",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("cost", ExactDecimal(), nullable=False),
        sa.Column("cost_rows", sa.BigInteger(), nullable=False),
        sa.Column("rate", ExactDecimal(), nullable=False),
        sa.Column("rate_inverse", sa.Boolean(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "position", "import_id", "currency", name=op.f("pk_allocation_source")),
    )
    op.create_table(
        "allocation_statistic",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("figures", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_statistic")),
        sa.UniqueConstraint("name", "period", name=op.f("uq_allocation_statistic_name_period")),
    )
    op.create_table(
        "known_unit_profile",
        sa.Column("headcount", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_unit_profile")),
    )
    op.create_table(
        "service_plan",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("planned_cost", ExactDecimal(), nullable=False),
        sa.Column("planned_volume", ExactDecimal(), nullable=False),
        sa.Column("practical_capacity", ExactDecimal(), nullable=False),
        sa.Column("planned_rate", ExactDecimal(), nullable=False),
        sa.Column("meter", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_plan")),
        sa.UniqueConstraint("service_id", "period", name=op.f("uq_service_plan_service_id_period")),
    )
    op.create_table(
        "unit_cost_share",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("weight", ExactDecimal(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "service_id", "business_unit_id", name=op.f("pk_unit_cost_share")),
    )
    with op.batch_alter_table("unit_cost_share", schema=None) as batch_op:
        batch_op.create_index("ix_unit_cost_share_unit", ["run_id", "business_unit_id"], unique=False)

    with op.batch_alter_table("allocation_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("model_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("model_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("inputs", JsonDocument, server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("allocation_run", schema=None) as batch_op:
        batch_op.drop_column("inputs")
        batch_op.drop_column("model_version")
        batch_op.drop_column("model_id")

    with op.batch_alter_table("unit_cost_share", schema=None) as batch_op:
        batch_op.drop_index("ix_unit_cost_share_unit")

    op.drop_table("unit_cost_share")
    op.drop_table("service_plan")
    op.drop_table("known_unit_profile")
    op.drop_table("allocation_statistic")
    op.drop_table("allocation_source")
    op.drop_table("allocation_node")
    op.drop_table("allocation_model")
    with op.batch_alter_table("allocation_flow", schema=None) as batch_op:
        batch_op.drop_index("ix_allocation_flow_receiver")

    op.drop_table("allocation_flow")
