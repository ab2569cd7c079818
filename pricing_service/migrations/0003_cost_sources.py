"""cost sources and the general ledger

Revision 0003, after 0002.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

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
ROW_DECIMALS = (
    *("recoverable_tax", "consumed_quantity", "pricing_quantity", "commitment_discount_quantity"),
    "pricing_currency_effective_cost",
)


def aggregate() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "cost_delivery",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("billing_month", sa.String(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("source", "billing_month", name=op.f("pk_cost_delivery")),
    )
    op.create_table(
        "cost_source",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("cost_basis", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("accounts", JsonDocument, nullable=False),
        sa.Column("account_rules", JsonDocument, nullable=False),
        sa.Column("recoverable_tax", JsonDocument, nullable=False),
        sa.Column("mapping", JsonDocument, nullable=False),
        *aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_source")),
        sa.UniqueConstraint("name", name=op.f("uq_cost_source_name")),
    )
    op.create_table(
        "clearing_explanation",
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("treatment", sa.String(), nullable=False),
        *aggregate(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clearing_explanation")),
    )
    op.create_index("ix_clearing_explanation_period", "clearing_explanation", ["period", "account"])
    with op.batch_alter_table("cost_import") as batch:
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="focus"))
        batch.add_column(sa.Column("terms", JsonDocument, nullable=False, server_default="{}"))
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
        batch.drop_index("ix_cost_row_period")

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
        batch.create_index("ix_cost_row_period", ["period", "import_id"])
        for name in ("origin", "billing_month", "other", *ROW_TEXTS, *ROW_DECIMALS):
            batch.drop_column(name)
    with op.batch_alter_table("cost_import") as batch:
        batch.drop_column("kind")
        batch.drop_column("terms")
        batch.drop_column("booked")
    op.drop_table("clearing_explanation")
    op.drop_table("cost_source")
    op.drop_table("cost_delivery")
