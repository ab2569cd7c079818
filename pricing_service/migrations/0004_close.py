"""the close: exchange rates, accruals, amortisation

Revision 0004, after 0003.
"""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fiscal_calendar") as batch:
        batch.add_column(sa.Column("reporting_currency", sa.String(), nullable=True))
    with op.batch_alter_table("period_state") as batch:
        batch.add_column(sa.Column("reopened_at", UtcInstant(), nullable=True))
        batch.add_column(sa.Column("reason", sa.String(), nullable=True))
    _put_the_calendar_there()
    op.create_table(
        "exchange_rate",
        sa.Column("rate_type", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rate", ExactDecimal(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        *_aggregate("exchange_rate"),
    )
    op.create_index(
        "ix_exchange_rate_pair", "exchange_rate", ["rate_type", "base", "quote", "day", "number"], unique=True
    )
    op.create_index("ix_exchange_rate_day", "exchange_rate", ["day"])

    op.create_table(
        "accrual",
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("reverses_in", sa.String(), nullable=False),
        sa.Column("reversal_id", sa.Uuid(), nullable=False),
        sa.Column("expected_from", sa.String(), nullable=True),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("dimensions", JsonDocument, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reversed_early_at", UtcInstant(), nullable=True),
        sa.Column("reversal_reason", sa.String(), nullable=True),
        *_from_outside(),
        *_aggregate("accrual"),
    )
    op.create_index("ix_accrual_period", "accrual", ["period"])
    op.create_table(
        "amortisation_schedule",
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("first_period", sa.String(), nullable=False),
        sa.Column("last_period", sa.String(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("dimensions", JsonDocument, nullable=False),
        sa.Column("retired_in", sa.String(), nullable=True),
        sa.Column("write_off_id", sa.Uuid(), nullable=True),
        sa.Column("written_off", ExactDecimal(), nullable=True),
        sa.Column("retirement_reason", sa.String(), nullable=True),
        *_from_outside(),
        *_aggregate("amortisation_schedule"),
    )
    op.create_table(
        "cost_entry",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("lines", JsonDocument, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("corrects", JsonDocument, nullable=True),
        sa.Column("reverses", sa.Uuid(), nullable=True),
        sa.Column("reversed_by", sa.Uuid(), nullable=True),
        *_from_outside(),
        *_aggregate("cost_entry"),
    )
    op.create_index("ix_cost_entry_period", "cost_entry", ["period"])
    for table in ("accrual", "amortisation_schedule", "cost_entry"):
        op.create_index(f"ix_{table}_external", table, ["external_system", "external_id"], unique=True)


def _from_outside() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("external_system", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("content_sha256", sa.String(), nullable=False),
    ]


def _aggregate(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _put_the_calendar_there() -> None:
    """Its row is the lock of the books, so it must be there before anybody sets it."""
    calendar = sa.table(
        "fiscal_calendar",
        sa.column("scheme", sa.String()),
        sa.column("start_month", sa.Integer()),
        sa.column("year_named_by", sa.String()),
        sa.column("first_weekday", sa.Integer()),
        sa.column("time_zone", sa.String()),
        sa.column("id", sa.Uuid()),
        sa.column("version", sa.Integer()),
        sa.column("created_at", UtcInstant()),
        sa.column("updated_at", UtcInstant()),
        sa.column("correlation_id", sa.String()),
    )
    connection = op.get_bind()
    if connection.scalar(sa.select(sa.func.count()).select_from(calendar)):
        return
    now = datetime.now(UTC)
    the_calendar = UUID("0192f0c1-7b00-7000-8000-0000000000ca")
    connection.execute(
        calendar.insert().values(
            scheme="months",
            start_month=1,
            year_named_by="end",
            first_weekday=0,
            time_zone="UTC",
            id=the_calendar,
            version=1,
            created_at=now,
            updated_at=now,
            correlation_id=str(the_calendar),
        )
    )


def downgrade() -> None:
    for table in ("cost_entry", "amortisation_schedule", "accrual", "exchange_rate"):
        op.drop_table(table)
    with op.batch_alter_table("period_state") as batch:
        batch.drop_column("reason")
        batch.drop_column("reopened_at")
    with op.batch_alter_table("fiscal_calendar") as batch:
        batch.drop_column("reporting_currency")
