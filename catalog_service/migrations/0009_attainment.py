"""attainment

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attainment",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column(
            "commitment",
            sa.Enum(
                "availability",
                "lead_time",
                "response_time",
                "support_hours",
                "rto",
                "rpo",
                name="commitmentkind",
                native_enum=False,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("business_unit_id", sa.Uuid(), nullable=True),
        sa.Column("promised", ExactDecimal(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("percentile", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("attained", "missed", "not_measured", name="attainmentstate", native_enum=False, length=30),
            nullable=False,
        ),
        sa.Column("attained", ExactDecimal(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("figures", JsonDocument, nullable=False),
        sa.Column("assessment", sa.Integer(), nullable=False),
        sa.Column("assessed_at", UtcInstant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attainment")),
        sa.UniqueConstraint(
            "offering_id",
            "period",
            "commitment",
            "scope",
            name=op.f("uq_attainment_offering_id_period_commitment_scope"),
        ),
    )
    with op.batch_alter_table("attainment", schema=None) as batch_op:
        batch_op.create_index("ix_attainment_period_id", ["period", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attainment_service_id"), ["service_id"], unique=False)

    op.create_table(
        "attainment_period",
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("assessed_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_attainment_period")),
    )
    op.create_table(
        "attainment_policy",
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("max_late_days", sa.Integer(), nullable=False),
        sa.Column("max_ahead_seconds", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attainment_policy")),
    )
    op.create_table(
        "measurement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("original_source", sa.String(), nullable=True),
        sa.Column("original_id", sa.String(), nullable=True),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("offering_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("business_unit_id", sa.Uuid(), nullable=True),
        sa.Column(
            "commitment",
            sa.Enum(
                "availability",
                "lead_time",
                "response_time",
                "support_hours",
                "rto",
                "rpo",
                name="commitmentkind",
                native_enum=False,
                length=30,
            ),
            nullable=True,
        ),
        sa.Column("starts_at", UtcInstant(), nullable=True),
        sa.Column("ends_at", UtcInstant(), nullable=True),
        sa.Column("state", sa.Enum("up", "down", name="watched", native_enum=False, length=30), nullable=True),
        sa.Column("up_seconds", ExactDecimal(), nullable=True),
        sa.Column("total_seconds", ExactDecimal(), nullable=True),
        sa.Column("value", ExactDecimal(), nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
        sa.UniqueConstraint("original_source", "original_id", name=op.f("uq_measurement_original_source_original_id")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_measurement_source_event_id")),
    )
    with op.batch_alter_table("measurement", schema=None) as batch_op:
        batch_op.create_index("ix_measurement_offering_id_ends_at", ["offering_id", "ends_at"], unique=False)
        batch_op.create_index("ix_measurement_service_id_ends_at", ["service_id", "ends_at"], unique=False)

    op.create_table(
        "observed_lead_time",
        sa.Column("p50_days", ExactDecimal(), nullable=False),
        sa.Column("p85_days", ExactDecimal(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("since", UtcInstant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observed_lead_time")),
    )


def downgrade() -> None:
    op.drop_table("observed_lead_time")
    with op.batch_alter_table("measurement", schema=None) as batch_op:
        batch_op.drop_index("ix_measurement_service_id_ends_at")
        batch_op.drop_index("ix_measurement_offering_id_ends_at")

    op.drop_table("measurement")
    op.drop_table("attainment_policy")
    op.drop_table("attainment_period")
    with op.batch_alter_table("attainment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attainment_service_id"))
        batch_op.drop_index("ix_attainment_period_id")

    op.drop_table("attainment")
