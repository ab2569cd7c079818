"""what statements are shown with

Revision 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import UtcInstant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_classification",
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("subcategory", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_classification")),
    )
    op.add_column("price_plan", sa.Column("reason", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("price_plan", "reason")
    op.drop_table("service_classification")
