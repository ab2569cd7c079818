"""first tables

Revision 0001, after nothing.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import services.db.types
from services.db.types import ExactDecimal, JsonDocument, UtcInstant
from services.ids import uuid7

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("aggregate", sa.String(), nullable=False),
        sa.Column("aggregate_id", sa.String(), nullable=False),
        sa.Column("before", JsonDocument, nullable=True),
        sa.Column("after", JsonDocument, nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("causation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_record")),
    )
    with op.batch_alter_table("audit_record", schema=None) as batch_op:
        batch_op.create_index("ix_audit_record_aggregate", ["aggregate", "aggregate_id"], unique=False)

    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("headers", JsonDocument, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("refused_at", UtcInstant(), nullable=False),
        sa.Column("replayed_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
    )
    op.create_table(
        "idempotency_record",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("body_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", JsonDocument, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_idempotency_record")),
    )
    with op.batch_alter_table("idempotency_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_record_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "inbox",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("defects", sa.Integer(), nullable=False),
        sa.Column("payload", JsonDocument, nullable=False),
        sa.Column("checkpoint", JsonDocument, nullable=True),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("result", JsonDocument, nullable=True),
        sa.Column("problem", JsonDocument, nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("finished_at", UtcInstant(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("lease_until", UtcInstant(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_state_lease", ["state", "lease_until"], unique=False)

    op.create_table(
        "job_input",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_job_input")),
    )
    op.create_table(
        "known_business_unit",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_business_unit")),
    )
    with op.batch_alter_table("known_business_unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_business_unit_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("headers", JsonDocument, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_shard_id", ["shard", "id"], unique=False)

    op.create_table(
        "timer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", JsonDocument, nullable=False),
        sa.Column("due_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.Column("causation_id", sa.String(), nullable=False),
        sa.Column("lease_until", UtcInstant(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timer_due_at"), ["due_at"], unique=False)

    op.create_table(
        "approval_policy",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("rules", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_policy")),
        sa.UniqueConstraint("key", name=op.f("uq_approval_policy_key")),
    )
    op.create_table(
        "business_unit",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("cost_centre", sa.String(), nullable=True),
        sa.Column("headcount", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["business_unit.id"], name=op.f("fk_business_unit_parent_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_unit")),
    )
    with op.batch_alter_table("business_unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_business_unit_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "known_offering",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("request_form", JsonDocument, nullable=False),
        sa.Column("fulfilment", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_offering")),
    )
    op.create_table(
        "known_quote",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total", ExactDecimal(), nullable=False),
        sa.Column("annual_total", ExactDecimal(), nullable=False),
        sa.Column("budget_state", sa.String(length=40), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_quote")),
    )
    with op.batch_alter_table("known_quote", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_quote_demand_id"), ["demand_id"], unique=False)

    op.create_table(
        "business_unit_external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"],
            ["business_unit.id"],
            name=op.f("fk_business_unit_external_id_business_unit_id_business_unit"),
        ),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_business_unit_external_id")),
    )
    with op.batch_alter_table("business_unit_external_id", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_business_unit_external_id_business_unit_id"), ["business_unit_id"], unique=False
        )

    op.create_table(
        "demand",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("goal_id", sa.Uuid(), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("left_state", sa.String(length=40), nullable=True),
        sa.Column("deferred_until", sa.Date(), nullable=True),
        sa.Column("offering_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", ExactDecimal(), nullable=True),
        sa.Column("options", JsonDocument, nullable=False),
        sa.Column("form", JsonDocument, nullable=False),
        sa.Column("superseded_quote_id", sa.Uuid(), nullable=True),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("decision", JsonDocument, nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_demand_business_unit_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand")),
    )
    with op.batch_alter_table("demand", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_demand_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_demand_state"), ["state"], unique=False)

    op.create_table(
        "goal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("baseline", ExactDecimal(), nullable=False),
        sa.Column("target", ExactDecimal(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_goal_business_unit_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal")),
        sa.UniqueConstraint("business_unit_id", "name", name=op.f("uq_goal_business_unit_id_name")),
    )
    op.create_table(
        "demand_transition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(length=40), nullable=False),
        sa.Column("to_state", sa.String(length=40), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_demand_transition_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand_transition")),
    )
    with op.batch_alter_table("demand_transition", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_demand_transition_demand_id"), ["demand_id"], unique=False)

    op.create_table(
        "fulfilment_order",
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("options", JsonDocument, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("fulfilled_at", UtcInstant(), nullable=True),
        sa.Column("lead_time_days", ExactDecimal(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_fulfilment_order_business_unit_id_business_unit")
        ),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_fulfilment_order_demand_id_demand")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fulfilment_order")),
        sa.UniqueConstraint("demand_id", name=op.f("uq_fulfilment_order_demand_id")),
    )
    with op.batch_alter_table("fulfilment_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fulfilment_order_business_unit_id"), ["business_unit_id"], unique=False)

    op.create_table(
        "fulfilment_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("depends_on", JsonDocument, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("completed_at", UtcInstant(), nullable=True),
        sa.Column("completed_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["fulfilment_order.id"], name=op.f("fk_fulfilment_task_order_id_fulfilment_order")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fulfilment_task")),
        sa.UniqueConstraint("order_id", "key", name=op.f("uq_fulfilment_task_order_id_key")),
    )
    op.create_table(
        "subscription",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("demand_id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("offering_id", sa.Uuid(), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", ExactDecimal(), nullable=False),
        sa.Column("options", JsonDocument, nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("activated_at", UtcInstant(), nullable=False),
        sa.Column("ended_at", UtcInstant(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_subscription_business_unit_id_business_unit")
        ),
        sa.ForeignKeyConstraint(["demand_id"], ["demand.id"], name=op.f("fk_subscription_demand_id_demand")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["fulfilment_order.id"], name=op.f("fk_subscription_order_id_fulfilment_order")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("order_id", name=op.f("uq_subscription_order_id")),
    )
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscription_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscription_demand_id"), ["demand_id"], unique=False)

    _seed_default_policy()


def _seed_default_policy() -> None:
    """The policy that is asked last: whatever no other one covers is decided by a person. It may be replaced."""
    policies = sa.table(
        "approval_policy",
        sa.column("id", sa.Uuid()),
        sa.column("version", sa.Integer()),
        sa.column("created_at", UtcInstant()),
        sa.column("updated_at", UtcInstant()),
        sa.column("correlation_id", sa.String()),
        sa.column("key", sa.String()),
        sa.column("name", sa.String()),
        sa.column("description", sa.Text()),
        sa.column("position", sa.Integer()),
        sa.column("rules", JsonDocument),
    )
    now = datetime.now(UTC)
    rule = {
        "name": "a person decides",
        "outcome": "needs_approval",
        "kinds": None,
        "budget_states": None,
        "amount_at_most": None,
    }
    policy = {
        "id": uuid7(),
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "correlation_id": "demand-migration-0001",
        "key": "default",
        "name": "A person decides",
        "description": "Asked last: what no other policy covers needs an approver.",
        "position": 1_000_000,
        "rules": [rule],
    }
    op.bulk_insert(policies, [policy])


def downgrade() -> None:
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_demand_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_business_unit_id"))

    op.drop_table("subscription")
    op.drop_table("fulfilment_task")
    with op.batch_alter_table("fulfilment_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fulfilment_order_business_unit_id"))

    op.drop_table("fulfilment_order")
    with op.batch_alter_table("demand_transition", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_demand_transition_demand_id"))

    op.drop_table("demand_transition")
    op.drop_table("goal")
    with op.batch_alter_table("demand", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_demand_state"))
        batch_op.drop_index(batch_op.f("ix_demand_business_unit_id"))

    op.drop_table("demand")
    with op.batch_alter_table("business_unit_external_id", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_business_unit_external_id_business_unit_id"))

    op.drop_table("business_unit_external_id")
    with op.batch_alter_table("known_quote", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_quote_demand_id"))

    op.drop_table("known_quote")
    op.drop_table("known_offering")
    with op.batch_alter_table("business_unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_business_unit_parent_id"))

    op.drop_table("business_unit")
    op.drop_table("approval_policy")
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timer_due_at"))

    op.drop_table("timer")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_shard_id")

    op.drop_table("outbox")
    with op.batch_alter_table("known_business_unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_business_unit_parent_id"))

    op.drop_table("known_business_unit")
    op.drop_table("job_input")
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_index("ix_job_state_lease")

    op.drop_table("job")
    op.drop_table("inbox")
    with op.batch_alter_table("idempotency_record", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_record_expires_at"))

    op.drop_table("idempotency_record")
    op.drop_table("dead_letter")
    with op.batch_alter_table("audit_record", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_record_aggregate")

    op.drop_table("audit_record")
