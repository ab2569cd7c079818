"""scorecards and dependencies

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument, UtcInstant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_dependency",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("on_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_service_dependency_service_id_service")),
        sa.ForeignKeyConstraint(["on_id"], ["service.id"], name=op.f("fk_service_dependency_on_id_service")),
        sa.PrimaryKeyConstraint("service_id", "on_id", name=op.f("pk_service_dependency")),
    )
    with op.batch_alter_table("service_dependency") as batch:
        batch.create_index(batch.f("ix_service_dependency_on_id"), ["on_id"], unique=False)

    graph = op.create_table(
        "dependency_graph",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dependency_graph")),
    )
    op.bulk_insert(graph, [{"id": 1, "changes": 0}])

    op.create_table(
        "scorecard",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=True),
        sa.Column("levels", JsonDocument, nullable=False),
        sa.Column("rules", JsonDocument, nullable=False),
        sa.Column("applies_to", JsonDocument, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorecard")),
        sa.UniqueConstraint("key", name=op.f("uq_scorecard_key")),
    )

    op.create_table(
        "scorecard_result",
        sa.Column("scorecard_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("applies", sa.Boolean(), nullable=False),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("rules", JsonDocument, nullable=False),
        sa.Column("evaluated_at", UtcInstant(), nullable=False),
        sa.Column("scorecard_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scorecard_id"], ["scorecard.id"], name=op.f("fk_scorecard_result_scorecard_id_scorecard")
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_scorecard_result_service_id_service")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorecard_result")),
        sa.UniqueConstraint("scorecard_id", "service_id", name=op.f("uq_scorecard_result_scorecard_id_service_id")),
    )
    with op.batch_alter_table("scorecard_result") as batch:
        batch.create_index("ix_scorecard_result_level", ["scorecard_id", "level", "service_id"], unique=False)
        batch.create_index(batch.f("ix_scorecard_result_service_id"), ["service_id"], unique=False)

    op.create_table(
        "scorecard_level_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scorecard_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("from_level", sa.String(), nullable=True),
        sa.Column("to_level", sa.String(), nullable=True),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("scorecard_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scorecard_id"], ["scorecard.id"], name=op.f("fk_scorecard_level_change_scorecard_id_scorecard")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_scorecard_level_change_service_id_service")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scorecard_level_change")),
    )
    with op.batch_alter_table("scorecard_level_change") as batch:
        batch.create_index(batch.f("ix_scorecard_level_change_scorecard_id"), ["scorecard_id"], unique=False)
        batch.create_index("ix_scorecard_level_change_service_id", ["service_id", "scorecard_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("scorecard_level_change")
    op.drop_table("scorecard_result")
    op.drop_table("scorecard")
    op.drop_table("dependency_graph")
    op.drop_table("service_dependency")
