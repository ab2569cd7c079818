"""units and their profiles

Revision 0003, after 0002.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from services.db.types import ExactDecimal, JsonDocument, UtcInstant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "planned_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("fields", JsonDocument, nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_change")),
        sa.UniqueConstraint(
            "record",
            "system",
            "external_id",
            "effective_on",
            name=op.f("uq_planned_change_record_system_external_id_effective_on"),
        ),
    )
    op.create_table(
        "alignment",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_alignment_business_unit_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alignment")),
    )
    with op.batch_alter_table("alignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alignment_business_unit_id"), ["business_unit_id"], unique=False)
        batch_op.create_index("ix_alignment_person", ["person_id", "business_unit_id"], unique=False)

    op.create_table(
        "meeting",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("held_at", UtcInstant(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.Column("attendees", JsonDocument, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_meeting_business_unit_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index("ix_meeting_unit", ["business_unit_id", "id"], unique=False)

    op.create_table(
        "person",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_person_business_unit_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("person_id", name=op.f("uq_person_person_id")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_business_unit_id"), ["business_unit_id"], unique=False)

    op.create_table(
        "unit_placement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("planned", "applied", "refused", name="movestate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_unit_placement_business_unit_id_business_unit")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["business_unit.id"], name=op.f("fk_unit_placement_parent_id_business_unit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_placement")),
    )
    with op.batch_alter_table("unit_placement", schema=None) as batch_op:
        batch_op.create_index("ix_unit_placement_unit", ["business_unit_id", "effective_on", "id"], unique=False)

    op.create_table(
        "goal_measurement",
        sa.Column("goal_id", sa.Uuid(), nullable=False),
        sa.Column("measured_on", sa.Date(), nullable=False),
        sa.Column("value", ExactDecimal(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["goal_id"], ["goal.id"], name=op.f("fk_goal_measurement_goal_id_goal")),
        sa.PrimaryKeyConstraint("goal_id", "measured_on", name=op.f("pk_goal_measurement")),
    )
    op.create_table(
        "person_external_id",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_person_external_id_person_person")),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_person_external_id")),
    )
    with op.batch_alter_table("person_external_id", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_external_id_person"), ["person"], unique=False)

    op.create_table(
        "profile_fact",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("headcount", "site", "system", "process", "goal", name="factkind", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("goal_id", sa.Uuid(), nullable=True),
        sa.Column("details", JsonDocument, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("review_every_days", sa.Integer(), nullable=False),
        sa.Column("stale_on", sa.Date(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_profile_fact_business_unit_id_business_unit")
        ),
        sa.ForeignKeyConstraint(["goal_id"], ["goal.id"], name=op.f("fk_profile_fact_goal_id_goal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_fact")),
        sa.UniqueConstraint(
            "business_unit_id", "kind", "name", name=op.f("uq_profile_fact_business_unit_id_kind_name")
        ),
    )
    with op.batch_alter_table("profile_fact", schema=None) as batch_op:
        batch_op.create_index("ix_profile_fact_stale_on", ["stale_on"], unique=False)

    op.create_table(
        "promise",
        sa.Column("business_unit_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind", sa.Enum("promise", "follow_up", name="promisekind", native_enum=False, length=40), nullable=False
        ),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "kept", "broken", "withdrawn", name="promisestate", native_enum=False, length=40),
            nullable=False,
        ),
        sa.Column("settled_at", UtcInstant(), nullable=True),
        sa.Column("settled_note", sa.String(), nullable=True),
        sa.Column("told_overdue_for", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("correlation_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_unit_id"], ["business_unit.id"], name=op.f("fk_promise_business_unit_id_business_unit")
        ),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_promise_meeting_id_meeting")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    with op.batch_alter_table("promise", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_promise_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index("ix_promise_unit", ["business_unit_id", "state", "due_on"], unique=False)

    with op.batch_alter_table("goal") as batch_op:
        batch_op.add_column(sa.Column("priority", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("set_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("current", ExactDecimal(), nullable=True))
        batch_op.add_column(sa.Column("measured_on", sa.Date(), nullable=True))
    _fill()
    with op.batch_alter_table("goal") as batch_op:
        batch_op.alter_column("priority", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("set_on", existing_type=sa.Date(), nullable=False)


def _fill() -> None:
    """Each unit has stood where it stands since it was made; each goal and headcount becomes a fact of that day."""
    instants = [sa.column("created_at", UtcInstant())]
    unit = sa.table(
        "business_unit",
        *[sa.column(name, sa.Uuid()) for name in ("id", "parent_id")],
        sa.column("headcount", sa.Integer()),
        sa.column("correlation_id", sa.String()),
        *instants,
    )
    goal = sa.table(
        "goal",
        *[sa.column(name, sa.Uuid()) for name in ("id", "business_unit_id")],
        sa.column("name", sa.String()),
        sa.column("set_on", sa.Date()),
        sa.column("priority", sa.Integer()),
    )
    placement = sa.table(
        "unit_placement",
        *[sa.column(name, sa.Uuid()) for name in ("id", "business_unit_id", "parent_id")],
        sa.column("effective_on", sa.Date()),
        sa.column("state", sa.String()),
        sa.column("recorded_at", UtcInstant()),
    )
    fact = sa.table(
        "profile_fact",
        *[sa.column(name, sa.Uuid()) for name in ("id", "business_unit_id", "goal_id")],
        *[sa.column(name, sa.String()) for name in ("kind", "name", "source", "correlation_id")],
        sa.column("details", JsonDocument),
        *[sa.column(name, sa.Date()) for name in ("confirmed_on", "stale_on")],
        *[sa.column(name, sa.Integer()) for name in ("review_every_days", "version")],
        *[sa.column(name, UtcInstant()) for name in ("created_at", "updated_at")],
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(unit)).all():
        made = row.created_at
        connection.execute(
            placement.insert().values(
                id=row.id,
                business_unit_id=row.id,
                parent_id=row.parent_id,
                effective_on=made.date(),
                state="applied",
                recorded_at=made,
            )
        )
        known = {
            "business_unit_id": row.id,
            "source": "before sources were kept",
            "confirmed_on": made.date(),
            "stale_on": made.date() + timedelta(days=91),
            "review_every_days": 90,
            "version": 1,
            "created_at": made,
            "updated_at": made,
            "correlation_id": row.correlation_id,
        }
        if row.headcount is not None:
            details = {"value": row.headcount}
            connection.execute(
                fact.insert().values(id=row.id, kind="headcount", name="Headcount", details=details, **known)
            )
        goals = connection.execute(sa.select(goal.c.id, goal.c.name).where(goal.c.business_unit_id == row.id)).all()
        for one in goals:
            connection.execute(
                fact.insert().values(id=one.id, kind="goal", name=one.name, goal_id=one.id, details={}, **known)
            )
        of_unit = goal.c.business_unit_id == row.id
        connection.execute(goal.update().where(of_unit).values(priority=3, set_on=made.date()))


def downgrade() -> None:
    with op.batch_alter_table("goal", schema=None) as batch_op:
        batch_op.drop_column("measured_on")
        batch_op.drop_column("current")
        batch_op.drop_column("set_on")
        batch_op.drop_column("priority")

    with op.batch_alter_table("promise", schema=None) as batch_op:
        batch_op.drop_index("ix_promise_unit")
        batch_op.drop_index(batch_op.f("ix_promise_owner_id"))

    op.drop_table("promise")
    with op.batch_alter_table("profile_fact", schema=None) as batch_op:
        batch_op.drop_index("ix_profile_fact_stale_on")

    op.drop_table("profile_fact")
    with op.batch_alter_table("person_external_id", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_external_id_person"))

    op.drop_table("person_external_id")
    op.drop_table("goal_measurement")
    with op.batch_alter_table("unit_placement", schema=None) as batch_op:
        batch_op.drop_index("ix_unit_placement_unit")

    op.drop_table("unit_placement")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_business_unit_id"))

    op.drop_table("person")
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.drop_index("ix_meeting_unit")

    op.drop_table("meeting")
    with op.batch_alter_table("alignment", schema=None) as batch_op:
        batch_op.drop_index("ix_alignment_person")
        batch_op.drop_index(batch_op.f("ix_alignment_business_unit_id"))

    op.drop_table("alignment")
    op.drop_table("planned_change")
