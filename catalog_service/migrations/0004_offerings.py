"""options and series

Revision 0004, after 0003.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OFFERING = sa.table("offering", sa.column("id", sa.Uuid()), sa.column("tier", JsonDocument))


def upgrade() -> None:
    _rewrite_tiers(_as_list)
    with op.batch_alter_table("offering") as batch:
        batch.create_unique_constraint(batch.f("uq_offering_series_id_number"), ["series_id", "number"])


def downgrade() -> None:
    with op.batch_alter_table("offering") as batch:
        batch.drop_constraint(batch.f("uq_offering_series_id_number"), type_="unique")
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
