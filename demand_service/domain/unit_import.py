"""Business units, cost centres and people from HR and ERP: rows read, then planned against what there is.

| record | columns (beside `record`, `id`, `effective_on`) |
|---|---|
| `unit` | `name` (needed for a new one), `parent`, `cost_centre`, `headcount` |
| `cost_centre` | `unit`: whose cost centre it is |
| `person` | `unit` (needed for a new one), `role`, `person_id`, `ends_on`; never a name |

`parent` and `unit` are external ids of the same system, or `system:id`. A cell that is empty stays as it is.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.errors import Fault, Invalid

COLUMNS: Mapping[str, frozenset[str]] = {
    "unit": frozenset({"name", "parent", "cost_centre", "headcount"}),
    "cost_centre": frozenset({"unit"}),
    "person": frozenset({"unit", "role", "person_id", "ends_on"}),
}
COMMON = frozenset({"record", "id", "effective_on"})
MOST_ROWS = 100_000
Key = tuple[str, str]


class ImportUnreadable(Invalid): ...


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    record: str
    id: str
    effective_on: date
    fields: dict[str, Any]


@dataclass(slots=True)
class Change:
    row: Row
    action: str  # create, update, plan, unchanged
    differences: dict[str, list[Any]]


@dataclass(slots=True)
class State:
    """What there is, by external id: of units name, parent (an external id or None), cost_centre, headcount."""

    system: str
    units: dict[Key, dict[str, Any]]
    people: dict[Key, dict[str, Any]]
    planned: dict[tuple[str, str, date], dict[str, Any]]


@dataclass(slots=True)
class Plan:
    faults: list[Fault] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def fault(self, line: int, column: str, message: str) -> None:
        self.faults.append(Fault(f"line {line}: {column}" if column else f"line {line}", message))


def read(text: str, *, is_json: bool, today: date, plan: Plan) -> list[Row]:
    """The rows that can be read; each that cannot is a fault of the plan. Raises ImportUnreadable."""
    rows: list[Row] = []
    seen: dict[tuple[str, str, date], int] = {}
    for line, cells in _json(text) if is_json else _csv(text):
        row = _row(line, cells, today, plan)
        if row is None:
            continue
        key = (row.record, row.id, row.effective_on)
        if key in seen:
            plan.fault(line, "id", f"{row.record} {row.id!r} of {row.effective_on} stands in line {seen[key]} already")
            continue
        seen[key] = line
        rows.append(row)
        if len(rows) > MOST_ROWS:
            raise ImportUnreadable(f"an import has at most {MOST_ROWS} rows; send it in parts")
    return rows


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        known = COMMON.union(*COLUMNS.values())
        wrong = [name for name in header if name not in known]
        if wrong or len(set(header)) < len(header) or not {"record", "id"} <= set(header):
            told = f"unknown: {wrong[0][:60]!r}" if wrong else "record and id are needed, and each column once"
            raise ImportUnreadable(f"the header is none of an import; {told}", faults=[Fault("line 1", told)])
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) > len(header):
                yield reader.line_num, {"": f"{len(cells)} cells under {len(header)} columns"}
                continue
            yield (
                reader.line_num,
                {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()},
            )
    except csv.Error as error:
        raise ImportUnreadable(f"line {reader.line_num} is no CSV: {error}") from error


def _json(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The elements of one array, each with the line that it begins in."""
    decoder, at, line = json.JSONDecoder(), 0, 1

    def skip(characters: str) -> None:
        nonlocal at, line
        while at < len(text) and text[at] in characters:
            line += text[at] == "\n"
            at += 1

    skip(" \t\r\n")
    if text[at : at + 1] != "[":
        raise ImportUnreadable("the import is no JSON array", faults=[Fault(f"line {line}", "must begin with [")])
    at += 1
    skip(" \t\r\n")
    while text[at : at + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise ImportUnreadable("the import is no JSON", faults=[Fault(f"line {line}", "is no JSON")]) from error
        yield line, value if isinstance(value, dict) else {"": "is no object"}
        line += text.count("\n", at, end)
        at = end
        skip(" \t\r\n")
        if text[at : at + 1] == ",":
            at += 1
            skip(" \t\r\n")
        elif text[at : at + 1] != "]":
            raise ImportUnreadable("the import is no JSON", faults=[Fault(f"line {line}", "needs , or ]")])


def _row(line: int, cells: dict[str, Any], today: date, plan: Plan) -> Row | None:
    before = len(plan.faults)
    if "" in cells:
        plan.fault(line, "", str(cells[""]))
        return None
    record = cells.get("record")
    if not isinstance(record, str) or record not in COLUMNS:
        plan.fault(line, "record", f"must be one of {', '.join(COLUMNS)}")
        return None
    fields: dict[str, Any] = {}
    for name, cell in cells.items():
        if name not in COMMON | COLUMNS[record]:
            plan.fault(line, "", f"{name[:60]!r} is no column of a {record}")
        elif cell is not None:
            fields[name] = _value(line, name, cell, plan)
    fields.pop("record")
    external, on = fields.pop("id", None), fields.pop("effective_on", today)
    if external is None:
        plan.fault(line, "id", "is needed")
    return Row(line, record, external, on, fields) if len(plan.faults) == before and external else None


def _value(line: int, name: str, cell: Any, plan: Plan) -> Any:
    if name == "headcount":
        number = int(cell) if isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) < 9 else cell
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 10_000_000:
            plan.fault(line, name, "must be a whole number from 0 to 10000000")
        return number
    if not isinstance(cell, str) or not cell.strip() or len(cell) > 200 or any(_unfit(c) for c in cell):
        plan.fault(line, name, "must be a text of at most 200 characters, without control characters")
        return None
    if name in ("effective_on", "ends_on"):
        try:
            day = date.fromisoformat(cell)
        except ValueError:
            day = date.min
        if not date(1900, 1, 1) <= day <= date(2200, 12, 31):
            plan.fault(line, name, "must be a date from 1900-01-01 to 2200-12-31, as in 2026-11-30")
        return day
    return cell


def _unfit(character: str) -> bool:
    return character < " " or "\ud800" <= character <= "\udfff"


def plan_rows(rows: list[Row], state: State, *, today: date, plan: Plan) -> Plan:
    """Compare with what there is, day by day, so that a parent of a later day is unknown on an earlier one."""
    told: set[frozenset[Key]] = set()
    for day in sorted({row.effective_on for row in rows}):
        of_day = [row for row in rows if row.effective_on == day]
        units = [row for row in of_day if row.record == "unit"]
        for row in units:  # first all units of the day: the order of a file says nothing
            state.units.setdefault((state.system, row.id), {"new": True, "parent": None})
        for row in units:
            _unit(row, state, today, plan)
        for row in units:
            _circle(row, state, told, plan)
        for row in of_day:
            if row.record == "cost_centre":
                _cost_centre(row, state, today, plan)
            elif row.record == "person":
                _person(row, state, today, plan)
    return plan


def _reference(row: Row, column: str, state: State, plan: Plan) -> Key | None:
    said = row.fields[column]
    system, _, external = said.partition(":")
    for key in ((state.system, said), (system, external)):
        if key in state.units:
            return key
    plan.fault(row.line, column, f"no business unit is known as {said!r} on {row.effective_on}")
    return None


def _unit(row: Row, state: State, today: date, plan: Plan) -> None:
    known = state.units[(state.system, row.id)]
    wanted = dict(row.fields)
    if "parent" in wanted:
        wanted["parent"] = _reference(row, "parent", state, plan)
    if "new" in known and "name" not in wanted:
        plan.fault(row.line, "name", "is needed for a new business unit")
    _note(row, known, wanted, state, today, plan)


def _cost_centre(row: Row, state: State, today: date, plan: Plan) -> None:
    if "unit" not in row.fields:
        plan.fault(row.line, "unit", "is needed")
        return
    key = _reference(row, "unit", state, plan)
    if key is not None:
        _note(row, state.units[key], {"cost_centre": row.id}, state, today, plan)


def _person(row: Row, state: State, today: date, plan: Plan) -> None:
    known = state.people.setdefault((state.system, row.id), {"new": True})
    wanted = dict(row.fields)
    if "unit" in wanted:
        wanted["unit"] = _reference(row, "unit", state, plan)
    elif "new" in known:
        plan.fault(row.line, "unit", "is needed for a new person")
    if "new" not in known and wanted.get("person_id", known.get("person_id")) != known.get("person_id"):
        plan.fault(row.line, "person_id", "a person's opaque id does not change")
    ends = wanted.get("ends_on")
    if isinstance(ends, date) and ends < known.get("starts_on", row.effective_on):
        plan.fault(row.line, "ends_on", "is before the person starts")
    _note(row, known, wanted, state, today, plan)


def _note(row: Row, known: dict[str, Any], wanted: dict[str, Any], state: State, today: date, plan: Plan) -> None:
    differences = {name: [known.get(name), value] for name, value in wanted.items() if known.get(name) != value}
    new = known.pop("new", False)
    if row.effective_on > today:
        same = state.planned.get((row.record, row.id, row.effective_on)) == stored(row)
        action = "unchanged" if same else "plan"
        differences = {} if same else differences
    else:
        action = "create" if new else "update" if differences else "unchanged"
    known.update(wanted)
    if new and row.record == "person":
        known["starts_on"] = row.effective_on
    plan.changes.append(Change(row, action, differences))


def stored(row: Row) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.fields.items()}


def _circle(row: Row, state: State, told: set[frozenset[Key]], plan: Plan) -> None:
    path: list[Key] = [(state.system, row.id)]
    while (above := state.units[path[-1]].get("parent")) is not None and above in state.units:
        if above in path:
            circle = [*path[path.index(above) :], above]
            if above == path[0] and frozenset(circle) not in told:
                told.add(frozenset(circle))
                names = " → ".join(state.units[step].get("name") or step[1] for step in circle)
                plan.fault(row.line, "parent", f"a business unit cannot be inside itself: {names}")
            return
        path.append(above)
