"""lead times

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, UtcInstant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lead_time",
        sa.Column("p50_days", ExactDecimal(), nullable=False),
        sa.Column("p85_days", ExactDecimal(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("since", UtcInstant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_time")),
    )
    with op.batch_alter_table("fulfilment_order", schema=None) as batch_op:
        batch_op.create_index(
            "ix_fulfilment_order_offering_id_fulfilled_at", ["offering_id", "fulfilled_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("fulfilment_order", schema=None) as batch_op:
        batch_op.drop_index("ix_fulfilment_order_offering_id_fulfilled_at")

    op.drop_table("lead_time")
