"""prices and readiness

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
        "known_price",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("plan_version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("effective_from", UtcInstant(), nullable=False),
        sa.Column("charges", JsonDocument, nullable=False),
        sa.Column("discounts", JsonDocument, nullable=False),
        sa.Column("audience", JsonDocument, nullable=False),
        *_projected(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_price")),
    )
    op.create_index("ix_known_price_offering", "known_price", ["offering_id", "effective_from"])
    op.create_table(
        "known_price_change",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("effective_from", UtcInstant(), nullable=False),
        sa.Column("charges", JsonDocument, nullable=False),
        sa.Column("audience", JsonDocument, nullable=False),
        sa.Column("notice", sa.String(), nullable=True),
        *_projected(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_price_change")),
    )
    op.create_index(op.f("ix_known_price_change_offering_id"), "known_price_change", ["offering_id"])
    op.create_table(
        "planned_unit_cost",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("starts_at", UtcInstant(), nullable=False),
        sa.Column("ends_at", UtcInstant(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=True),
        sa.Column("planned_rate", ExactDecimal(), nullable=False),
        sa.Column("unit_of_measure", sa.String(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        *_projected(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_unit_cost")),
    )
    op.create_index("ix_planned_unit_cost_service", "planned_unit_cost", ["service_id", "starts_at"])


def _projected() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
    )


def downgrade() -> None:
    for table in ("planned_unit_cost", "known_price_change", "known_price"):
        op.drop_table(table)
