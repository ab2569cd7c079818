"""to whom, when and with which options

Revision 0005, after 0004. Empty until the catalogue tells of an offering again: `itaas rebuild demand`.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument, UtcInstant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("known_offering") as batch:
        batch.add_column(sa.Column("valid_from", UtcInstant(), nullable=True))
        batch.add_column(sa.Column("valid_until", UtcInstant(), nullable=True))
        batch.add_column(sa.Column("audience", JsonDocument, nullable=True))
        batch.add_column(sa.Column("options", JsonDocument, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("known_offering") as batch:
        for name in ("options", "audience", "valid_until", "valid_from"):
            batch.drop_column(name)
