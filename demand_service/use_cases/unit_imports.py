"""Imports from HR and ERP, all or nothing: read, planned against what there is, written in one transaction.

A row of a later day is kept as a planned change, and planned anew when its day comes; one that can no longer be
made then says why.
"""

from datetime import UTC, date, datetime, time
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain.unit_import import Change, ImportUnreadable, Key, Plan, Row, State, plan_rows, read, stored
from demand_service.domain.unit_moves import MoveState
from demand_service.events import BusinessUnitChanged, BusinessUnitMoved
from demand_service.tables import (
    BusinessUnit,
    BusinessUnitExternalId,
    Person,
    PersonExternalId,
    PlannedChange,
)
from demand_service.use_cases import unit_tree
from demand_service.use_cases.business_units import settle_in
from demand_service.use_cases.profiles import note_headcount
from demand_service.work import jobs, timers
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.errors import Fault, Invalid, TooLarge
from services.events import record
from services.http import Upload
from services.work import JobRun

MOST_BYTES = 32 << 20
_SHOWN = 200


class ImportEmpty(Invalid): ...


class ImportTooLarge(TooLarge): ...


class MediaTypeNotSupported(Invalid): ...


class UnitsNotValid(Invalid): ...


async def start_import(session: AsyncSession, upload: Upload, *, media_type: str, system: str, dry_run: bool) -> Job:
    """Raises ImportEmpty, ImportTooLarge or MediaTypeNotSupported."""
    if not upload.size:
        raise ImportEmpty("the upload is empty", faults=[Fault("", "send CSV or JSON as the body")])
    if upload.size > MOST_BYTES:
        raise ImportTooLarge(f"an import has at most {MOST_BYTES} bytes; send it in parts")
    plain = media_type.partition(";")[0].strip().lower()
    if plain not in ("text/csv", "application/json"):
        raise MediaTypeNotSupported(
            f"{plain[:60]!r} is no media type of an import",
            faults=[Fault("Content-Type", "must be text/csv or application/json")],
        )
    payload = {"system": system, "dry_run": dry_run, "json": plain == "application/json"}
    return await jobs.start(session, "unit-import", payload=payload, input=upload)


@jobs.handler("unit-import")
async def import_units(run: JobRun) -> dict[str, Any]:
    if run.checkpoint is not None:  # it died between its last chunk and its end
        return cast(dict[str, Any], run.checkpoint["result"])
    try:
        text = b"".join([block async for block in run.input()]).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportUnreadable("the import is not in UTF-8") from error
    today, system = utc_now().date(), run.payload["system"]
    plan = Plan()
    rows = read(text, is_json=run.payload["json"], today=today, plan=plan)
    async with run.chunk() as session:
        run.advance(done=0, total=len(rows))
    async with run.chunk() as session:
        await unit_tree.alone_with_the_tree(session)
        plan_rows(rows, await _state(session, system), today=today, plan=plan)
        if plan.faults:
            shown = plan.faults[:_SHOWN]
            more = len(plan.faults) - len(shown)
            if more:
                shown.append(Fault("", f"and {more} more"))
            what = "1 fault" if len(plan.faults) == 1 else f"{len(plan.faults)} faults"
            raise UnitsNotValid(f"the import has {what}; nothing of it was done", faults=shown)
        result = _result(plan, dry_run=run.payload["dry_run"])
        if not run.payload["dry_run"]:
            await _apply(session, system, plan.changes, now=utc_now())
        run.advance(done=len(rows), total=len(rows), checkpoint={"result": result})
    return result


@timers.handler("planned-unit-change")
async def make_planned_change(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    planned = await session.get(PlannedChange, UUID(payload["change_id"]))
    if planned is None or planned.refusal is not None or planned.effective_on > now.date():
        return
    await unit_tree.alone_with_the_tree(session)
    fields = dict(planned.fields)
    if "ends_on" in fields:
        fields["ends_on"] = date.fromisoformat(fields["ends_on"])
    row = Row(0, planned.record, planned.external_id, planned.effective_on, fields)
    plan = plan_rows([row], await _state(session, planned.system), today=now.date(), plan=Plan())
    if plan.faults:
        planned.refusal = plan.faults[0].message
        return
    await session.delete(planned)
    await _apply(session, planned.system, plan.changes, now=now)


async def _state(session: AsyncSession, system: str) -> State:
    keys: dict[UUID, list[Key]] = {}
    for known in await session.scalars(select(BusinessUnitExternalId).order_by(BusinessUnitExternalId.id)):
        keys.setdefault(known.business_unit_id, []).append((known.system, known.id))
    columns = (BusinessUnit.id, BusinessUnit.name, BusinessUnit.parent_id)
    rows = (await session.execute(select(*columns, BusinessUnit.cost_centre, BusinessUnit.headcount))).all()
    # A unit goes by one name in the tree, that of this system where it has one; nobody's by its id.
    first = {row.id: next((k for k in keys.get(row.id, []) if k[0] == system), ("", str(row.id))) for row in rows}
    units: dict[Key, dict[str, Any]] = {}
    for row in rows:
        known_unit = {
            "name": row.name,
            "parent": None if row.parent_id is None else first[row.parent_id],
            "cost_centre": row.cost_centre,
            "headcount": row.headcount,
            "id": row.id,
        }
        for key in [first[row.id], *keys.get(row.id, [])]:
            units[key] = known_unit
    people: dict[Key, dict[str, Any]] = {}
    for person in await session.scalars(select(Person)):
        of_person = {
            "unit": first[person.business_unit_id],
            "role": person.role,
            "person_id": person.person_id,
            "starts_on": person.starts_on,
            "ends_on": person.ends_on,
        }
        people |= {(known_id.system, known_id.id): of_person for known_id in person.external_ids}
    planned = await session.scalars(
        select(PlannedChange).where(PlannedChange.system == system, PlannedChange.refusal.is_(None))
    )
    kept = {(row.record, row.external_id, row.effective_on): row.fields for row in planned}
    return State(system, units, people, kept)


def _result(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    changed = [change for change in plan.changes if change.action != "unchanged"]
    counts = dict.fromkeys(("create", "update", "plan", "unchanged"), 0)
    for change in plan.changes:
        counts[change.action] += 1
    diff = [
        {
            "line": change.row.line,
            "record": change.row.record,
            "id": change.row.id,
            "action": change.action,
            "effective_on": str(change.row.effective_on),
            "changes": {name: [_told(value) for value in pair] for name, pair in change.differences.items()},
        }
        for change in changed[:_SHOWN]
    ]
    return {"dry_run": dry_run, "counts": counts, "diff": diff, "more": len(changed) - len(diff)}


def _told(value: Any) -> Any:
    if isinstance(value, tuple):
        return f"{value[0]}:{value[1]}" if value[0] else value[1]
    return value.isoformat() if isinstance(value, date) else value


async def _apply(session: AsyncSession, system: str, changes: list[Change], *, now: datetime) -> None:
    today = now.date()
    new: dict[Key, BusinessUnit] = {}
    for change in changes:
        if change.action == "create" and change.row.record == "unit":
            key = (system, change.row.id)
            unit = BusinessUnit(
                name=change.row.fields["name"],
                parent_id=None,
                cost_centre=change.row.fields.get("cost_centre"),
                headcount=change.row.fields.get("headcount"),
                external_ids=[],
                goals=[],
                facts=[],
            )
            unit.external_ids = [BusinessUnitExternalId(system=system, id=key[1], business_unit_id=unit.id)]
            new[key] = unit
            await settle_in(session, unit, now=now, source=system)
    moves: list[tuple[BusinessUnit, UUID, date]] = []
    for change in changes:
        row, wanted = change.row, {name: pair[1] for name, pair in change.differences.items()}
        if change.action == "plan":
            await _keep(session, system, row, now=now)
        elif change.action == "unchanged":
            continue
        elif row.record == "person":
            await _person(session, system, row, wanted, new)
        else:
            key = (system, row.id) if row.record == "unit" else (system, row.fields["unit"])
            unit = await _unit(session, key, new)
            parent = wanted.pop("parent", None)
            if parent is not None:
                moves.append((unit, (await _unit(session, parent, new)).id, row.effective_on))
            if change.action == "create" or not wanted:
                continue
            for name, value in wanted.items():
                setattr(unit, name, value)
            if "headcount" in wanted:
                note_headcount(unit, source=system, today=today)
            record(session, unit, BusinessUnitChanged)
    for unit, _, _ in moves:  # a file may turn a branch over: the whole of it was checked, no step on the way is
        unit.parent_id = None
    for unit, parent_id, on in moves:
        last = await queries.last_move_of(session, unit.id)
        unit.parent_id = parent_id
        on = max(on, last) if last else on
        session.add(
            unit_tree.placement(unit, parent_id, on=on, state=MoveState.APPLIED, reason=f"imported from {system}")
        )
        record(session, unit, BusinessUnitMoved)


async def _unit(session: AsyncSession, key: Key, new: dict[Key, BusinessUnit]) -> BusinessUnit:
    if key in new:
        return new[key]
    if not key[0]:
        return await session.get_one(BusinessUnit, UUID(key[1]))
    unit = await queries.unit_known_as(session, *key)
    if unit is None:  # said as system:id
        system, _, external = key[1].partition(":")
        unit = await queries.unit_known_as(session, system, external)
    assert unit is not None, key  # the plan found it
    return unit


async def _keep(session: AsyncSession, system: str, row: Row, *, now: datetime) -> None:
    query = select(PlannedChange).where(
        PlannedChange.record == row.record,
        PlannedChange.system == system,
        PlannedChange.external_id == row.id,
        PlannedChange.effective_on == row.effective_on,
    )
    kept = (await session.scalars(query)).one_or_none()
    if kept is not None:
        kept.fields, kept.recorded_at, kept.refusal = stored(row), now, None
        return
    kept = PlannedChange(
        record=row.record,
        system=system,
        external_id=row.id,
        effective_on=row.effective_on,
        fields=stored(row),
        recorded_at=now,
    )
    session.add(kept)
    await session.flush()
    due_at = datetime.combine(row.effective_on, time.min, UTC)
    timers.set(session, "planned-unit-change", due_at=due_at, payload={"change_id": str(kept.id)})


async def _person(
    session: AsyncSession, system: str, row: Row, wanted: dict[str, Any], new: dict[Key, BusinessUnit]
) -> None:
    query = select(Person).join(PersonExternalId)
    query = query.where(PersonExternalId.system == system, PersonExternalId.id == row.id)
    person = (await session.scalars(query)).one_or_none()
    if "unit" in wanted:
        wanted["business_unit_id"] = (await _unit(session, wanted.pop("unit"), new)).id
    if person is not None:
        for name, value in wanted.items():
            setattr(person, name, value)
        return
    of_row = {"role": None, "ends_on": None, "person_id": str(uuid4())} | wanted
    person = Person(starts_on=row.effective_on, external_ids=[], **of_row)
    person.external_ids = [PersonExternalId(system=system, id=row.id, person=person.id)]
    session.add(person)
