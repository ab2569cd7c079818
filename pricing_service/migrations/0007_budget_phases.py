"""budgets in phases

Revision 0007, after 0006.

A budget that is in use is phased evenly. What it has reserved lies in the fiscal year's last periods, as the quotes
asked for it; what it has spent becomes an opening entry of the first period, which all controls reckon with.
"""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import services.db.types
from services.db.types import ExactDecimal, JsonDocument, UtcInstant
from services.ids import uuid7

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WIDE = Context(prec=120)


def upgrade() -> None:
    op.create_table(
        "known_demand",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_demand")),
    )
    with op.batch_alter_table("quote", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proposal_sequence", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("service_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("note", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("allocation_run_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("ended_at", UtcInstant(), nullable=True))
        batch_op.alter_column("demand_id", existing_type=sa.Uuid(), nullable=True)
    op.create_table(
        "budget_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("figure", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("delta", ExactDecimal(), nullable=False),
        sa.Column("charge", sa.String(), nullable=True),
        sa.Column("demand_id", sa.Uuid(), nullable=True),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_entry")),
    )
    with op.batch_alter_table("budget_entry", schema=None) as batch_op:
        batch_op.create_index("ix_budget_entry_budget", ["budget_id", "figure", "number"], unique=False)
    op.create_table(
        "budget_transfer",
        sa.Column("from_budget_id", sa.Uuid(), nullable=False),
        sa.Column("to_budget_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("parts", JsonDocument, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_transfer")),
    )
    with op.batch_alter_table("budget_transfer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_budget_transfer_from_budget_id"), ["from_budget_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_budget_transfer_to_budget_id"), ["to_budget_id"], unique=False)
    with op.batch_alter_table("budget", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scope_key", sa.String(), nullable=False, server_default="all"))
        batch_op.add_column(sa.Column("scope_kind", sa.String(), nullable=False, server_default="all"))
        batch_op.add_column(sa.Column("scope_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("service_ids", JsonDocument, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("memo", ExactDecimal(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("figures", JsonDocument, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("control", sa.String(), nullable=False, server_default="year"))
        batch_op.add_column(sa.Column("thresholds", JsonDocument, nullable=False, server_default="[50, 80, 100]"))
        batch_op.add_column(sa.Column("crossed", JsonDocument, nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("year_end", sa.String(), nullable=False, server_default="lapse"))
        batch_op.add_column(sa.Column("carry_over_cap", ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("settled_at", UtcInstant(), nullable=True))
        batch_op.add_column(sa.Column("change_reason", sa.String(), nullable=True))
        batch_op.drop_constraint(op.f("uq_budget_business_unit_id_fiscal_year_currency"), type_="unique")
        batch_op.create_unique_constraint(
            op.f("uq_budget_business_unit_id_fiscal_year_currency_scope_key"),
            ["business_unit_id", "fiscal_year", "currency", "scope_key"],
        )
    held = _held()
    with op.batch_alter_table("reservation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservation_demand_id"))
    op.drop_table("reservation")
    op.create_table(
        "reservation",
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("budget_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("charge", sa.String(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=True),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("amount", ExactDecimal(), nullable=False),
        sa.Column("left", ExactDecimal(), nullable=False),
        sa.PrimaryKeyConstraint("quote_id", "budget_id", "number", "charge", name=op.f("pk_reservation")),
    )
    with op.batch_alter_table("reservation", schema=None) as batch_op:
        batch_op.create_index("ix_reservation_budget", ["budget_id", "number"], unique=False)
        batch_op.create_index("ix_reservation_demand", ["demand_id"], unique=False)
    _phase(held)


_BUDGET = sa.table(
    "budget",
    sa.column("id", sa.Uuid()),
    sa.column("amount", ExactDecimal()),
    sa.column("reserved", ExactDecimal()),
    sa.column("actual", ExactDecimal()),
    sa.column("figures", JsonDocument),
)
_ENTRY = sa.table(
    "budget_entry",
    sa.column("id", sa.Uuid()),
    sa.column("budget_id", sa.Uuid()),
    sa.column("number", sa.Integer()),
    sa.column("figure", sa.String()),
    sa.column("cause", sa.String()),
    sa.column("delta", ExactDecimal()),
    sa.column("charge", sa.String()),
    sa.column("demand_id", sa.Uuid()),
    sa.column("quote_id", sa.Uuid()),
    sa.column("at", UtcInstant()),
)
_RESERVATION = sa.table(
    "reservation",
    sa.column("quote_id", sa.Uuid()),
    sa.column("budget_id", sa.Uuid()),
    sa.column("number", sa.Integer()),
    sa.column("charge", sa.String()),
    sa.column("demand_id", sa.Uuid()),
    sa.column("offering_id", sa.Uuid()),
    sa.column("amount", ExactDecimal()),
    sa.column("left", ExactDecimal()),
)
_QUOTE = sa.table(
    "quote",
    sa.column("id", sa.Uuid()),
    sa.column("offering_id", sa.Uuid()),
    sa.column("total_amount", ExactDecimal()),
)


def _held() -> list[Any]:
    query = (
        sa.select(_RESERVATION.c.quote_id, _RESERVATION.c.budget_id, _RESERVATION.c.demand_id, _RESERVATION.c.left)
        .add_columns(_QUOTE.c.offering_id, _QUOTE.c.total_amount)
        .join_from(_RESERVATION, _QUOTE, _QUOTE.c.id == _RESERVATION.c.quote_id)
    )
    return [row for row in op.get_bind().execute(query) if row.left]


def _phase(held: list[Any]) -> None:
    connection, now = op.get_bind(), datetime.now(UTC)
    entries: list[dict[str, Any]] = []
    phases: dict[Any, list[dict[str, Decimal]]] = {}

    def enter(budget_id: Any, number: int, figure: str, cause: str, delta: Decimal, **more: Any) -> None:
        of_phase = phases[budget_id][number - 1]
        of_phase[figure] = _WIDE.add(of_phase[figure], delta)
        row = {"id": uuid7(), "budget_id": budget_id, "number": number, "figure": figure, "cause": cause}
        row |= {"delta": delta, "charge": None, "demand_id": None, "quote_id": None, "at": now} | more
        if delta:
            entries.append(row)

    for budget in connection.execute(sa.select(_BUDGET)).all():
        zero = dict.fromkeys(("amount", "reserved", "actual", "memo"), Decimal(0))
        phases[budget.id] = [dict(zero) for _ in range(12)]
        part = _WIDE.divide(budget.amount, Decimal(12)).quantize(Decimal("0.01"), ROUND_DOWN, _WIDE)
        for number in range(2, 13):
            enter(budget.id, number, "amount", "opening", part)
        enter(budget.id, 1, "amount", "opening", _WIDE.subtract(budget.amount, _WIDE.multiply(part, Decimal(11))))
        enter(budget.id, 1, "actual", "opening", budget.actual)
    reservations: list[dict[str, Any]] = []
    for old in held:
        left = old.left
        for number in range(12, 0, -1):
            amount = left if number == 1 else min(left, old.total_amount)
            left = _WIDE.subtract(left, amount)
            if not amount:
                continue
            whose = {"quote_id": old.quote_id, "demand_id": old.demand_id, "charge": "recurring"}
            enter(old.budget_id, number, "reserved", "opening", amount, **whose)
            reservations.append(
                whose
                | {"budget_id": old.budget_id, "number": number, "offering_id": old.offering_id}
                | {"amount": amount, "left": amount}
            )
    for budget_id, figures in phases.items():
        shown = [{figure: format(value, "f") for figure, value in phase.items()} for phase in figures]
        connection.execute(sa.update(_BUDGET).where(_BUDGET.c.id == budget_id).values(figures=shown))
    for table, rows in ((_ENTRY, entries), (_RESERVATION, reservations)):
        if rows:
            connection.execute(sa.insert(table), rows)


def downgrade() -> None:
    raise NotImplementedError("what the phases of a budget say cannot be told in one sum: restore the copy instead")
