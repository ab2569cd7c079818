"""Audit records, written by the session itself: no use case can forget one.

Each aggregate that is created, changed or deleted in a transaction leaves who (person_id), what, when, and
the columns before and after, in that same transaction.
"""

from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, UOWTransaction

from services import context
from services.clock import utc_now
from services.db.aggregate import Aggregate
from services.db.chassis_tables import AuditRecord
from services.ids import uuid7


@event.listens_for(Session, "before_flush")
def write_audit_records(session: Session, flush: UOWTransaction, instances: Any) -> None:
    changes = [
        *(("created", aggregate) for aggregate in session.new if isinstance(aggregate, Aggregate)),
        *(("changed", aggregate) for aggregate in session.dirty if isinstance(aggregate, Aggregate)),
        *(("deleted", aggregate) for aggregate in session.deleted if isinstance(aggregate, Aggregate)),
    ]
    for action, aggregate in changes:
        before, after = _difference(aggregate, action)
        if action == "changed" and not after:
            continue
        work = context.current()
        session.add(
            AuditRecord(
                id=uuid7(),
                at=utc_now(),
                actor_id=work.actor_id,
                action=action,
                aggregate=type(aggregate).__name__,
                aggregate_id=str(aggregate.id),
                before=before,
                after=after,
                correlation_id=work.correlation_id,
                causation_id=work.causation_id,
            )
        )


def _difference(aggregate: Aggregate, action: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state = inspect(aggregate)
    for column in state.mapper.column_attrs:
        if column.key in aggregate.__not_audited__ or column.key == "updated_at":
            continue
        if action == "deleted":
            before[column.key] = getattr(aggregate, column.key)
            continue
        history = state.attrs[column.key].history
        if action == "created":
            after[column.key] = history.added[0] if history.added else None
        elif history.has_changes():
            before[column.key] = history.deleted[0] if history.deleted else None
            after[column.key] = history.added[0] if history.added else None
    return (
        None if action == "created" else to_jsonable_python(before),
        None if action == "deleted" else to_jsonable_python(after),
    )
