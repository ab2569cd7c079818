"""scores, cash flows, stakeholders, RAID, business cases, balances

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import services.db.types
from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_balance",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("fiscal_year", sa.Integer(), nullable=False),
        sa.Column("available", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_balance")),
    )
    with op.batch_alter_table("known_balance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_balance_business_unit_id"), ["business_unit_id"], unique=False)

    op.create_table(
        "business_case",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("nature", sa.Enum("run", "change", name="nature", native_enum=False, length=40), nullable=False),
        sa.Column("value", ExactDecimal(), nullable=False),
        sa.Column("cost", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("days", JsonDocument, nullable=False),
        sa.Column("kept_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_business_case_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_case")),
        sa.UniqueConstraint("demand_id", name=op.f("uq_business_case_demand_id")),
    )
    with op.batch_alter_table("business_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_business_case_business_unit_id"), ["business_unit_id"], unique=False)

    op.create_table(
        "cash_flow_table",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("period", sa.Enum("year", "month", name="periods", native_enum=False, length=40), nullable=False),
        sa.Column("rate", ExactDecimal(), nullable=False),
        sa.Column("flows", JsonDocument, nullable=False),
        sa.Column("worth", JsonDocument, nullable=False),
        sa.Column("kept_at", UtcInstant(), nullable=False),
        sa.Column("kept_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_cash_flow_table_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_flow_table")),
        sa.UniqueConstraint("demand_id", name=op.f("uq_cash_flow_table_demand_id")),
    )
    op.create_table(
        "demand_score",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("inputs", JsonDocument, nullable=False),
        sa.Column("terms", JsonDocument, nullable=False),
        sa.Column("score", ExactDecimal(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False),
        sa.Column("scored_at", UtcInstant(), nullable=False),
        sa.Column("scored_by", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_demand_score_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand_score")),
        sa.UniqueConstraint("demand_id", "method", name=op.f("uq_demand_score_demand_id_method")),
    )
    with op.batch_alter_table("demand_score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_demand_score_derived"), ["derived"], unique=False)

    op.create_table(
        "raid_item",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("risk", "issue", "decision", "action", name="raidkind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "mitigating",
                "accepted",
                "occurred",
                "in_progress",
                "resolved",
                "decided",
                "done",
                "dropped",
                "closed",
                name="raidstate",
                native_enum=False,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("likelihood", sa.Integer(), nullable=True),
        sa.Column("impact", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("raised_by", sa.String(), nullable=False),
        sa.Column("moved_at", UtcInstant(), nullable=False),
        sa.Column("moved_by", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_raid_item_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_raid_item")),
    )
    with op.batch_alter_table("raid_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_raid_item_demand_id"), ["demand_id"], unique=False)

    op.create_table(
        "stakeholder",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("influence", sa.Integer(), nullable=False),
        sa.Column("interest", sa.Integer(), nullable=False),
        sa.Column(
            "stance",
            sa.Enum("supports", "neutral", "opposes", "unknown", name="stance", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_stakeholder_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stakeholder")),
    )
    with op.batch_alter_table("stakeholder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stakeholder_demand_id"), ["demand_id"], unique=False)

    op.create_table(
        "demand_score_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("score_id", sa.Uuid(), nullable=False),
        sa.Column("inputs", JsonDocument, nullable=False),
        sa.Column("terms", JsonDocument, nullable=False),
        sa.Column("score", ExactDecimal(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["score_id"], ["demand_score.id"], name=op.f("fk_demand_score_entry_score_id_demand_score")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand_score_entry")),
    )
    with op.batch_alter_table("demand_score_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_demand_score_entry_score_id"), ["score_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("demand_score_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_demand_score_entry_score_id"))

    op.drop_table("demand_score_entry")
    with op.batch_alter_table("stakeholder", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stakeholder_demand_id"))

    op.drop_table("stakeholder")
    with op.batch_alter_table("raid_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_raid_item_demand_id"))

    op.drop_table("raid_item")
    with op.batch_alter_table("demand_score", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_demand_score_derived"))

    op.drop_table("demand_score")
    op.drop_table("cash_flow_table")
    with op.batch_alter_table("business_case", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_business_case_business_unit_id"))

    op.drop_table("business_case")
    with op.batch_alter_table("known_balance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_balance_business_unit_id"))

    op.drop_table("known_balance")
