"""Where business units stand: moves with a day and a reason, at once or when their day comes.

Whoever changes the tree's shape has it to himself until his transaction ends (an advisory lock on PostgreSQL, the
one writer on SQLite): two moves at once could close a circle together, and would wait for each other's rows.
"""

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.business_unit import UnitInsideItself, require_tree
from demand_service.domain.unit_moves import AlreadyThere, MoveState, require_after, stays
from demand_service.events import BusinessUnitMoved
from demand_service.schemas import Move
from demand_service.tables import BusinessUnit, UnitPlacement
from demand_service.work import timers
from services import context
from services.clock import utc_now
from services.errors import Fault, Invalid
from services.events import record

_LOCK = 7_302_605_112_005  # any number of our own


class ParentNotFound(Invalid): ...


async def alone_with_the_tree(session: AsyncSession) -> None:
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def put_under(
    session: AsyncSession, unit: BusinessUnit, parent_id: UUID | None, *, on: date, reason: str | None = None
) -> None:
    """Put the unit there and write it into its history. Raises ParentNotFound, UnitInsideItself, MoveBeforeTheLast."""
    await require_place(session, unit, parent_id)
    require_after(on, last=await queries.last_move_of(session, unit.id))
    unit.parent_id = parent_id
    session.add(placement(unit, parent_id, on=on, state=MoveState.APPLIED, reason=reason))


async def require_place(session: AsyncSession, unit: BusinessUnit, parent_id: UUID | None) -> None:
    await alone_with_the_tree(session)
    above = await queries.units_above(session, parent_id, lock=True)
    if parent_id is not None and not above:
        raise ParentNotFound(
            f"there is no business unit {parent_id} to be the parent", faults=[Fault("/parent_id", "does not exist")]
        )
    require_tree(
        unit.id,
        parent_id,
        parents={step.id: step.parent_id for step in above},
        names={step.id: step.name for step in [unit, *above]},
    )


def placement(
    unit: BusinessUnit, parent_id: UUID | None, *, on: date, state: MoveState, reason: str | None
) -> UnitPlacement:
    return UnitPlacement(
        business_unit_id=unit.id,
        parent_id=parent_id,
        effective_on=on,
        state=state,
        reason=reason,
        person_id=context.current().actor_id,
        recorded_at=utc_now(),
    )


async def move(session: AsyncSession, unit: BusinessUnit, body: Move, *, now: datetime) -> BusinessUnit:
    """A move of today or before is made; a later one is checked as the tree is now, kept, and checked on its day."""
    on = body.effective_on or now.date()
    if on <= now.date():
        if body.parent_id == unit.parent_id:
            raise AlreadyThere(
                f"business unit {unit.name!r} is there already", faults=[Fault("/parent_id", "is its parent")]
            )
        await put_under(session, unit, body.parent_id, on=on, reason=body.reason)
        record(session, unit, BusinessUnitMoved)
        return unit
    await require_place(session, unit, body.parent_id)
    planned = placement(unit, body.parent_id, on=on, state=MoveState.PLANNED, reason=body.reason)
    session.add(planned)
    await session.flush()
    timers.set(
        session,
        "unit-move",
        due_at=datetime.combine(on, time.min, UTC),
        payload={"placement_id": str(planned.id)},
    )
    return unit


@timers.handler("unit-move")
async def make_planned_move(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """A move that can no longer be made is refused, and its history says why."""
    planned = await session.get(UnitPlacement, UUID(payload["placement_id"]))
    if planned is None or planned.state is not MoveState.PLANNED or planned.effective_on > now.date():
        return
    await alone_with_the_tree(session)
    unit = await session.get_one(BusinessUnit, planned.business_unit_id, populate_existing=True)
    try:
        await require_place(session, unit, planned.parent_id)
    except (UnitInsideItself, ParentNotFound) as refusal:
        planned.state, planned.refusal = MoveState.REFUSED, str(refusal)
        return
    last = await queries.last_move_of(session, unit.id)
    if last is not None and last > planned.effective_on:
        planned.state, planned.refusal = MoveState.REFUSED, f"the business unit has moved on {last} already"
        return
    planned.state = MoveState.APPLIED
    if unit.parent_id != planned.parent_id:
        unit.parent_id = planned.parent_id
        record(session, unit, BusinessUnitMoved)


async def history(session: AsyncSession, unit: BusinessUnit) -> list[dict[str, Any]]:
    """Applied, planned and refused moves in the order of their days; of the applied ones until when they lasted."""
    rows = await queries.placements_of(session, unit.id)
    applied = [row for row in rows if row.state is MoveState.APPLIED]
    until = {
        row.id: stay.until
        for row, stay in zip(applied, stays([(row.effective_on, row.parent_id) for row in applied]), strict=True)
    }
    names = ("id", "parent_id", "effective_on", "state", "reason", "refusal", "person_id", "recorded_at")
    return [{name: getattr(row, name) for name in names} | {"until": until.get(row.id)} for row in rows]
