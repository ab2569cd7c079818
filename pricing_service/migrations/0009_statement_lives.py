"""statements, disputes, credit notes and journals

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import services.db.types
from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billing_profile",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("cost_centre", sa.String(), nullable=True),
        sa.Column("legal_entity", sa.String(), nullable=True),
        sa.Column("tax_code", sa.String(), nullable=True),
        sa.Column("effective_from", sa.String(), nullable=False),
        sa.Column("effective_day", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_profile")),
        sa.UniqueConstraint(
            "business_unit_id", "effective_from", name=op.f("uq_billing_profile_business_unit_id_effective_from")
        ),
    )
    op.create_table(
        "billing_provider",
        sa.Column("legal_entity", sa.String(), nullable=False),
        sa.Column("cost_centre", sa.String(), nullable=False),
        sa.Column("recovery_account", sa.String(), nullable=False),
        sa.Column("charge_account", sa.String(), nullable=False),
        sa.Column("effective_from", sa.String(), nullable=False),
        sa.Column("effective_day", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_provider")),
        sa.UniqueConstraint("effective_from", name=op.f("uq_billing_provider_effective_from")),
    )
    op.create_table(
        "commitment_miss",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("offering_id", sa.Uuid(), nullable=True),
        sa.Column("business_unit_id", sa.Uuid(), nullable=True),
        sa.Column("subscription_ids", JsonDocument, nullable=True),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("promised", ExactDecimal(), nullable=False),
        sa.Column("attained", ExactDecimal(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_miss")),
        sa.UniqueConstraint("fact", name=op.f("uq_commitment_miss_fact")),
    )
    with op.batch_alter_table("commitment_miss", schema=None) as batch_op:
        batch_op.create_index("ix_commitment_miss_period", ["period"], unique=False)

    op.create_table(
        "credit_note",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("credits_period", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total_amount", ExactDecimal(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("issued_by", sa.String(), nullable=True),
        sa.Column("issued_at", UtcInstant(), nullable=False),
        sa.Column("dispute_id", sa.Uuid(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("basis", JsonDocument, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint("number", name=op.f("uq_credit_note_number")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_credit_note_reverses_id")),
    )
    with op.batch_alter_table("credit_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_note_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credit_note_period"), ["period"], unique=False)
        batch_op.create_index("ix_credit_note_statement", ["statement_id"], unique=False)

    op.create_table(
        "credit_note_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("statement_line_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=True),
        sa.Column("charge", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note_line")),
        sa.UniqueConstraint("credit_note_id", "position", name=op.f("uq_credit_note_line_credit_note_id_position")),
    )
    with op.batch_alter_table("credit_note_line", schema=None) as batch_op:
        batch_op.create_index("ix_credit_note_line_statement_line", ["statement_line_id"], unique=False)

    op.create_table(
        "dispute",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("charge", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("line_amount", ExactDecimal(), nullable=False),
        sa.Column("claimed_amount", ExactDecimal(), nullable=False),
        sa.Column("awarded_amount", ExactDecimal(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("resolution", sa.String(), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=True),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("resolved_by", sa.String(), nullable=True),
        sa.Column("resolved_at", UtcInstant(), nullable=True),
        sa.Column("credit_note_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
    )
    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dispute_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index("ix_dispute_line", ["line_id"], unique=False)
        batch_op.create_index("ix_dispute_statement", ["statement_id", "state"], unique=False)

    op.create_table(
        "document_counter",
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_document_counter")),
    )
    op.create_table(
        "intercompany_accounts",
        sa.Column("provider_entity", sa.String(), nullable=False),
        sa.Column("consumer_entity", sa.String(), nullable=False),
        sa.Column("receivable_account", sa.String(), nullable=False),
        sa.Column("payable_account", sa.String(), nullable=False),
        sa.Column("taxes", JsonDocument, nullable=False),
        sa.Column("effective_from", sa.String(), nullable=False),
        sa.Column("effective_day", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intercompany_accounts")),
        sa.UniqueConstraint(
            "provider_entity",
            "consumer_entity",
            "effective_from",
            name="uq_intercompany_accounts_pair",
        ),
    )
    op.create_table(
        "journal",
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("source_period", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("credit_note_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("net_amount", ExactDecimal(), nullable=False),
        sa.Column("tax_amount", ExactDecimal(), nullable=False),
        sa.Column("taxed_before", ExactDecimal(), nullable=False),
        sa.Column("debits", ExactDecimal(), nullable=False),
        sa.Column("credits", ExactDecimal(), nullable=False),
        sa.Column("accounts", JsonDocument, nullable=False),
        sa.Column("posted_by", sa.String(), nullable=True),
        sa.Column("posted_at", UtcInstant(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("credit_note_id", name=op.f("uq_journal_credit_note_id")),
        sa.UniqueConstraint("number", name=op.f("uq_journal_number")),
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_journal_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_journal_period"), ["period"], unique=False)
        batch_op.create_index("ix_journal_statement", ["statement_id"], unique=False)

    op.create_table(
        "journal_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("legal_entity", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("cost_centre", sa.String(), nullable=True),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("tax_code", sa.String(), nullable=True),
        sa.Column("partner_entity", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_line")),
        sa.UniqueConstraint("journal_id", "position", name=op.f("uq_journal_line_journal_id_position")),
    )
    op.create_table(
        "service_credit",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("miss_id", sa.Uuid(), nullable=False),
        sa.Column("credit_note_id", sa.Uuid(), nullable=True),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint(
            "statement_id", "subscription_id", "commitment", "period", name=op.f("pk_service_credit")
        ),
    )
    op.create_table(
        "service_credit_rule",
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("bands", JsonDocument, nullable=False),
        sa.Column("cap_percent", ExactDecimal(), nullable=False),
        sa.Column("effective_from", sa.String(), nullable=False),
        sa.Column("effective_day", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_credit_rule")),
        sa.UniqueConstraint(
            "offering_id",
            "commitment",
            "effective_from",
            name="uq_service_credit_rule_commitment",
        ),
    )
    op.create_table(
        "statement_step",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("statement_id", "number", name=op.f("pk_statement_step")),
    )
    with op.batch_alter_table("statement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mode", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("credited_amount", ExactDecimal(), server_default="0", nullable=False))
    op.execute("UPDATE statement SET mode = 'chargeback' WHERE state <> 'draft'")  # as all were until now


def downgrade() -> None:
    with op.batch_alter_table("statement", schema=None) as batch_op:
        batch_op.drop_column("credited_amount")
        batch_op.drop_column("mode")

    op.drop_table("statement_step")
    op.drop_table("service_credit_rule")
    op.drop_table("service_credit")
    op.drop_table("journal_line")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index("ix_journal_statement")
        batch_op.drop_index(batch_op.f("ix_journal_period"))
        batch_op.drop_index(batch_op.f("ix_journal_business_unit_id"))

    op.drop_table("journal")
    op.drop_table("intercompany_accounts")
    op.drop_table("document_counter")
    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.drop_index("ix_dispute_statement")
        batch_op.drop_index("ix_dispute_line")
        batch_op.drop_index(batch_op.f("ix_dispute_business_unit_id"))

    op.drop_table("dispute")
    with op.batch_alter_table("credit_note_line", schema=None) as batch_op:
        batch_op.drop_index("ix_credit_note_line_statement_line")

    op.drop_table("credit_note_line")
    with op.batch_alter_table("credit_note", schema=None) as batch_op:
        batch_op.drop_index("ix_credit_note_statement")
        batch_op.drop_index(batch_op.f("ix_credit_note_period"))
        batch_op.drop_index(batch_op.f("ix_credit_note_business_unit_id"))

    op.drop_table("credit_note")
    with op.batch_alter_table("commitment_miss", schema=None) as batch_op:
        batch_op.drop_index("ix_commitment_miss_period")

    op.drop_table("commitment_miss")
    op.drop_table("billing_provider")
    op.drop_table("billing_profile")
