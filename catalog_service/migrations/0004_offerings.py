"""options and series

Revision 0004, after 0003.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OFFERING = sa.table("offering", sa.column("id", sa.Uuid()), sa.column("tier", JsonDocument))


def upgrade() -> None:
    _rewrite_tiers(_as_list)
    op.create_table(
        "offering_member",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name=op.f("fk_offering_member_offering_id_offering")),
        sa.PrimaryKeyConstraint("offering_id", "member_id", name=op.f("pk_offering_member")),
    )
    with op.batch_alter_table("offering_member") as batch:
        batch.create_index(batch.f("ix_offering_member_member_id"), ["member_id"], unique=False)

    with op.batch_alter_table("offering_relation") as batch:
        batch.drop_constraint(batch.f("fk_offering_relation_other_id_offering"), type_="foreignkey")

    # Nothing could be put into it so far.
    with op.batch_alter_table("offering") as batch:
        batch.create_unique_constraint(batch.f("uq_offering_series_id_number"), ["series_id", "number"])
        batch.drop_column("bundle")


def downgrade() -> None:
    with op.batch_alter_table("offering") as batch:
        batch.add_column(sa.Column("bundle", JsonDocument, nullable=True))
        batch.drop_constraint(batch.f("uq_offering_series_id_number"), type_="unique")
    op.execute(sa.table("offering", sa.column("bundle", JsonDocument)).update().values(bundle=[]))
    with op.batch_alter_table("offering") as batch:
        batch.alter_column("bundle", nullable=False)

    with op.batch_alter_table("offering_relation") as batch:
        batch.create_foreign_key(batch.f("fk_offering_relation_other_id_offering"), "offering", ["other_id"], ["id"])
    with op.batch_alter_table("offering_member") as batch:
        batch.drop_index(batch.f("ix_offering_member_member_id"))
    op.drop_table("offering_member")
    _rewrite_tiers(_as_map)


def _rewrite_tiers(form: Any) -> None:
    """Row by row, since JSON is spelt differently by the two databases."""
    connection = op.get_bind()
    for offering_id, tier in connection.execute(sa.select(_OFFERING.c.id, _OFFERING.c.tier)).all():
        if tier is not None:
            attributes = form(tier["attributes"])
            change = _OFFERING.update().where(_OFFERING.c.id == offering_id)
            connection.execute(change.values(tier=tier | {"attributes": attributes}))


def _as_list(attributes: Any) -> Any:
    if isinstance(attributes, list):
        return attributes
    return [
        {
            "key": key,
            "name": key,
            "value": str(value) if isinstance(value, int) and not isinstance(value, bool) else value,
            "unit": None,
            "better": None,
        }
        for key, value in attributes.items()
    ]


def _as_map(attributes: Any) -> Any:
    return {attribute["key"]: attribute["value"] for attribute in attributes}
