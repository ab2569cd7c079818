"""cost sources and the general ledger

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_TEXTS = (
    *("account", "cost_centre", "cleared_by", "charge_description", "charge_frequency", "service_subcategory"),
    *("publisher_name", "invoice_issuer_name", "invoice_id", "billing_account_id", "billing_account_name"),
    *("sub_account_name", "region_id", "region_name", "resource_name", "resource_type", "pricing_category"),
    *("sku_id", "consumed_unit"),
)
ROW_DECIMALS = ("recoverable_tax", "consumed_quantity")


def upgrade() -> None:
    op.create_table(
        "cost_delivery",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("billing_month", sa.String(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("source", "billing_month", name=op.f("pk_cost_delivery")),
    )
    with op.batch_alter_table("cost_import") as batch:
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="focus"))
        batch.add_column(sa.Column("booked", JsonDocument, nullable=False, server_default="[]"))

    with op.batch_alter_table("cost_row") as batch:
        batch.add_column(sa.Column("origin", sa.String(), nullable=False, server_default="focus"))
        batch.add_column(sa.Column("billing_month", sa.String(), nullable=True))
        batch.add_column(sa.Column("other", JsonDocument, nullable=False, server_default="{}"))
        for name in ROW_TEXTS:
            batch.add_column(sa.Column(name, sa.String(), nullable=True))
        for name in ROW_DECIMALS:
            batch.add_column(sa.Column(name, ExactDecimal(), nullable=True))
    op.execute("UPDATE cost_row SET billing_month = period")
    with op.batch_alter_table("cost_row") as batch:
        batch.alter_column("billing_month", existing_type=sa.String(), nullable=False)

    with op.batch_alter_table("cost_snapshot") as batch:
        batch.add_column(sa.Column("billing_month", sa.String(), nullable=True))
        batch.add_column(sa.Column("corrects", sa.String(), nullable=True))
        batch.drop_constraint("uq_cost_snapshot_source_period_number", type_="unique")
        batch.create_index("ix_cost_snapshot_source", ["source", "billing_month", "period", "number"], unique=True)
    op.execute("UPDATE cost_snapshot SET billing_month = period")
    with op.batch_alter_table("cost_snapshot") as batch:
        batch.drop_constraint("pk_cost_snapshot", type_="primary")
        batch.alter_column("billing_month", existing_type=sa.String(), nullable=False)
        batch.create_primary_key("pk_cost_snapshot", ["import_id", "billing_month", "period"])
    op.execute(
        "INSERT INTO cost_delivery (source, billing_month, import_id)"
        " SELECT source, billing_month, import_id FROM cost_snapshot WHERE superseded_by IS NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("cost_snapshot") as batch:
        batch.drop_index("ix_cost_snapshot_source")
        batch.drop_constraint("pk_cost_snapshot", type_="primary")
        batch.drop_column("billing_month")
        batch.drop_column("corrects")
        batch.create_primary_key("pk_cost_snapshot", ["import_id", "period"])
        batch.create_unique_constraint("uq_cost_snapshot_source_period_number", ["source", "period", "number"])
    with op.batch_alter_table("cost_row") as batch:
        for name in ("origin", "billing_month", "other", *ROW_TEXTS, *ROW_DECIMALS):
            batch.drop_column(name)
    with op.batch_alter_table("cost_import") as batch:
        batch.drop_column("kind")
        batch.drop_column("booked")
    op.drop_table("cost_delivery")
