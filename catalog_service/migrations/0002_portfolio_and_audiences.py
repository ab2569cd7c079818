"""portfolio and audiences

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument, UtcInstant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "capability",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["capability.id"], name=op.f("fk_capability_parent_id_capability")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capability")),
    )
    with op.batch_alter_table("capability") as batch:
        batch.create_index(batch.f("ix_capability_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "taxonomy_node",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["taxonomy_node.id"], name=op.f("fk_taxonomy_node_parent_id_taxonomy_node")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxonomy_node")),
    )
    with op.batch_alter_table("taxonomy_node") as batch:
        batch.create_index(batch.f("ix_taxonomy_node_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "capability_external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("capability_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["capability_id"], ["capability.id"], name=op.f("fk_capability_external_id_capability_id_capability")
        ),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_capability_external_id")),
    )
    with op.batch_alter_table("capability_external_id") as batch:
        batch.create_index(batch.f("ix_capability_external_id_capability_id"), ["capability_id"], unique=False)

    op.create_table(
        "taxonomy_node_external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("taxonomy_node_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["taxonomy_node_id"],
            ["taxonomy_node.id"],
            name=op.f("fk_taxonomy_node_external_id_taxonomy_node_id_taxonomy_node"),
        ),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_taxonomy_node_external_id")),
    )
    with op.batch_alter_table("taxonomy_node_external_id") as batch:
        batch.create_index(batch.f("ix_taxonomy_node_external_id_taxonomy_node_id"), ["taxonomy_node_id"], unique=False)

    op.create_table(
        "service_capability",
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("capability_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["capability_id"], ["capability.id"], name=op.f("fk_service_capability_capability_id_capability")
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_service_capability_service_id_service")),
        sa.PrimaryKeyConstraint("service_id", "capability_id", name=op.f("pk_service_capability")),
    )
    with op.batch_alter_table("service_capability") as batch:
        batch.create_index(batch.f("ix_service_capability_capability_id"), ["capability_id"], unique=False)

    op.create_table(
        "offering_audience",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_offering_audience_offering_id_offering")
        ),
        sa.PrimaryKeyConstraint("offering_id", "kind", "value", name=op.f("pk_offering_audience")),
    )
    with op.batch_alter_table("offering_audience") as batch:
        batch.create_index("ix_offering_audience_kind_value", ["kind", "value", "offering_id"], unique=False)

    op.create_table(
        "offering_relation",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_offering_relation_offering_id_offering")
        ),
        sa.ForeignKeyConstraint(["other_id"], ["offering.id"], name=op.f("fk_offering_relation_other_id_offering")),
        sa.PrimaryKeyConstraint("offering_id", "kind", "other_id", name=op.f("pk_offering_relation")),
    )
    with op.batch_alter_table("offering_relation") as batch:
        batch.create_index(batch.f("ix_offering_relation_other_id"), ["other_id"], unique=False)

    with op.batch_alter_table("offering") as batch:
        batch.add_column(sa.Column("taxonomy_node_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("everyone", sa.Boolean(), nullable=True))
        batch.add_column(sa.Column("valid_from", UtcInstant(), nullable=True))
        batch.add_column(sa.Column("valid_until", UtcInstant(), nullable=True))
        batch.add_column(sa.Column("options", JsonDocument, nullable=True))
        batch.add_column(sa.Column("bundle", JsonDocument, nullable=True))
        batch.add_column(sa.Column("series_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("number", sa.Integer(), nullable=True))
        batch.create_index(batch.f("ix_offering_series_id"), ["series_id"], unique=False)
        batch.create_index(batch.f("ix_offering_taxonomy_node_id"), ["taxonomy_node_id"], unique=False)
        batch.create_foreign_key(
            batch.f("fk_offering_taxonomy_node_id_taxonomy_node"), "taxonomy_node", ["taxonomy_node_id"], ["id"]
        )

    _fill_in_the_offerings()
    with op.batch_alter_table("offering") as batch:
        for name in ("everyone", "options", "bundle", "series_id", "number"):
            batch.alter_column(name, nullable=False)

    with op.batch_alter_table("service") as batch:
        batch.add_column(sa.Column("support_contact", JsonDocument, nullable=True))
        batch.add_column(sa.Column("taxonomy_node_id", sa.Uuid(), nullable=True))
        batch.create_index(batch.f("ix_service_taxonomy_node_id"), ["taxonomy_node_id"], unique=False)
        batch.create_foreign_key(
            batch.f("fk_service_taxonomy_node_id_taxonomy_node"), "taxonomy_node", ["taxonomy_node_id"], ["id"]
        )


def _fill_in_the_offerings() -> None:
    """Until now whatever had been published was for everybody, and no offering had a version after its first."""
    offering = sa.table(
        "offering",
        sa.column("id", sa.Uuid()),
        sa.column("state", sa.String()),
        sa.column("everyone", sa.Boolean()),
        sa.column("options", JsonDocument),
        sa.column("bundle", JsonDocument),
        sa.column("series_id", sa.Uuid()),
        sa.column("number", sa.Integer()),
    )
    op.execute(
        offering.update().values(
            everyone=offering.c.state != "draft", options=[], bundle=[], series_id=offering.c.id, number=1
        )
    )


def downgrade() -> None:
    with op.batch_alter_table("service") as batch:
        batch.drop_constraint(batch.f("fk_service_taxonomy_node_id_taxonomy_node"), type_="foreignkey")
        batch.drop_index(batch.f("ix_service_taxonomy_node_id"))
        batch.drop_column("taxonomy_node_id")
        batch.drop_column("support_contact")

    with op.batch_alter_table("offering") as batch:
        batch.drop_constraint(batch.f("fk_offering_taxonomy_node_id_taxonomy_node"), type_="foreignkey")
        batch.drop_index(batch.f("ix_offering_taxonomy_node_id"))
        batch.drop_index(batch.f("ix_offering_series_id"))
        batch.drop_column("number")
        batch.drop_column("series_id")
        batch.drop_column("bundle")
        batch.drop_column("options")
        batch.drop_column("valid_until")
        batch.drop_column("valid_from")
        batch.drop_column("everyone")
        batch.drop_column("taxonomy_node_id")

    with op.batch_alter_table("offering_relation") as batch:
        batch.drop_index(batch.f("ix_offering_relation_other_id"))

    op.drop_table("offering_relation")
    with op.batch_alter_table("offering_audience") as batch:
        batch.drop_index("ix_offering_audience_kind_value")

    op.drop_table("offering_audience")
    with op.batch_alter_table("service_capability") as batch:
        batch.drop_index(batch.f("ix_service_capability_capability_id"))

    op.drop_table("service_capability")
    with op.batch_alter_table("taxonomy_node_external_id") as batch:
        batch.drop_index(batch.f("ix_taxonomy_node_external_id_taxonomy_node_id"))

    op.drop_table("taxonomy_node_external_id")
    with op.batch_alter_table("capability_external_id") as batch:
        batch.drop_index(batch.f("ix_capability_external_id_capability_id"))

    op.drop_table("capability_external_id")
    with op.batch_alter_table("taxonomy_node") as batch:
        batch.drop_index(batch.f("ix_taxonomy_node_parent_id"))

    op.drop_table("taxonomy_node")
    with op.batch_alter_table("capability") as batch:
        batch.drop_index(batch.f("ix_capability_parent_id"))

    op.drop_table("capability")
