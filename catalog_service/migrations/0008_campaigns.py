"""campaigns

Revision 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import JsonDocument, UtcInstant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "running",
                "paused",
                "ended",
                "cancelled",
                name="campaignstate",
                native_enum=False,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("message", JsonDocument, nullable=False),
        sa.Column("channels", JsonDocument, nullable=False),
        sa.Column("starts_at", UtcInstant(), nullable=False),
        sa.Column("ends_at", UtcInstant(), nullable=False),
        sa.Column("audience", JsonDocument, nullable=False),
        sa.Column("leave_out_subscribers", sa.Boolean(), nullable=False),
        sa.Column("attribution_days", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=True),
        sa.Column("ended_at", UtcInstant(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    with op.batch_alter_table("campaign") as batch:
        batch.create_index(batch.f("ix_campaign_state"), ["state"], unique=False)

    op.create_table(
        "known_unit_profile",
        sa.Column("goals", JsonDocument, nullable=False),
        sa.Column("capabilities", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_unit_profile")),
    )
    with op.batch_alter_table("known_demand") as batch:
        batch.add_column(sa.Column("offering_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("raised_at", UtcInstant(), nullable=True))
    op.execute("UPDATE known_demand SET raised_at = seen_at")
    with op.batch_alter_table("known_demand") as batch:
        batch.alter_column("raised_at", existing_type=UtcInstant(), nullable=False)
        batch.create_index("ix_known_demand_unit", ["business_unit_id", "offering_id"], unique=False)

    op.create_table(
        "campaign_external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_external_id_campaign_id_campaign")
        ),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_campaign_external_id")),
    )
    with op.batch_alter_table("campaign_external_id") as batch:
        batch.create_index(batch.f("ix_campaign_external_id_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "campaign_role",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_role_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("campaign_id", "role", name=op.f("pk_campaign_role")),
    )
    op.create_table(
        "campaign_transition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column(
            "from_state",
            sa.Enum(
                "draft",
                "scheduled",
                "running",
                "paused",
                "ended",
                "cancelled",
                name="campaignstate",
                native_enum=False,
                length=30,
            ),
            nullable=True,
        ),
        sa.Column(
            "to_state",
            sa.Enum(
                "draft",
                "scheduled",
                "running",
                "paused",
                "ended",
                "cancelled",
                name="campaignstate",
                native_enum=False,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_transition_campaign_id_campaign")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_transition")),
    )
    with op.batch_alter_table("campaign_transition") as batch:
        batch.create_index(batch.f("ix_campaign_transition_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "campaign_unit",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("reasons", JsonDocument, nullable=False),
        sa.Column("offering_ids", JsonDocument, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_unit_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("campaign_id", "business_unit_id", name=op.f("pk_campaign_unit")),
    )
    with op.batch_alter_table("campaign_unit") as batch:
        batch.create_index("ix_campaign_unit_unit", ["business_unit_id", "campaign_id"], unique=False)

    op.create_table(
        "campaign_view",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_view_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_view")),
    )
    with op.batch_alter_table("campaign_view") as batch:
        batch.create_index("ix_campaign_view_unit", ["campaign_id", "business_unit_id", "seen_at"], unique=False)

    op.create_table(
        "campaign_offering",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_offering_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["offering_id"], ["offering.id"], name=op.f("fk_campaign_offering_offering_id_offering")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "offering_id", name=op.f("pk_campaign_offering")),
    )
    with op.batch_alter_table("campaign_offering") as batch:
        batch.create_index(batch.f("ix_campaign_offering_offering_id"), ["offering_id"], unique=False)

    with op.batch_alter_table("known_subscription") as batch:
        batch.add_column(sa.Column("demand_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("activated_at", UtcInstant(), nullable=True))
        batch.create_index("ix_known_subscription_unit", ["business_unit_id", "offering_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("known_subscription") as batch:
        batch.drop_index("ix_known_subscription_unit")
        batch.drop_column("activated_at")
        batch.drop_column("demand_id")

    with op.batch_alter_table("campaign_offering") as batch:
        batch.drop_index(batch.f("ix_campaign_offering_offering_id"))

    op.drop_table("campaign_offering")
    with op.batch_alter_table("campaign_view") as batch:
        batch.drop_index("ix_campaign_view_unit")

    op.drop_table("campaign_view")
    with op.batch_alter_table("campaign_unit") as batch:
        batch.drop_index("ix_campaign_unit_unit")

    op.drop_table("campaign_unit")
    with op.batch_alter_table("campaign_transition") as batch:
        batch.drop_index(batch.f("ix_campaign_transition_campaign_id"))

    op.drop_table("campaign_transition")
    op.drop_table("campaign_role")
    with op.batch_alter_table("campaign_external_id") as batch:
        batch.drop_index(batch.f("ix_campaign_external_id_campaign_id"))

    op.drop_table("campaign_external_id")
    with op.batch_alter_table("known_demand") as batch:
        batch.drop_index("ix_known_demand_unit")
        batch.drop_column("raised_at")
        batch.drop_column("offering_id")

    op.drop_table("known_unit_profile")
    with op.batch_alter_table("campaign") as batch:
        batch.drop_index(batch.f("ix_campaign_state"))

    op.drop_table("campaign")
