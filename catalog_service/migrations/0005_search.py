"""search index

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_document",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name=op.f("fk_search_document_offering_id_offering")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_document")),
        sa.UniqueConstraint("offering_id", name=op.f("uq_search_document_offering_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("search_document") as batch:
        batch.create_index(batch.f("ix_search_document_generation"), ["generation"], unique=False)
    with op.batch_alter_table("offering") as batch:
        batch.create_index("ix_offering_everyone", ["everyone", "id"], unique=False)
        batch.create_index("ix_offering_state_id", ["state", "id"], unique=False)
    generation = op.create_table(
        "search_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_generation")),
    )
    op.bulk_insert(generation, [{"id": 1, "generation": 1}])
    op.execute("INSERT INTO search_document (offering_id, generation) SELECT id, 1 FROM offering ORDER BY id")


def downgrade() -> None:
    with op.batch_alter_table("offering") as batch:
        batch.drop_index("ix_offering_state_id")
        batch.drop_index("ix_offering_everyone")

    op.drop_table("search_generation")
    with op.batch_alter_table("search_document") as batch:
        batch.drop_index(batch.f("ix_search_document_generation"))

    op.drop_table("search_document")
