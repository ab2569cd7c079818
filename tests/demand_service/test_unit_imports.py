"""Imports from HR: what a dry run says is what the import does, and doing it twice changes nothing."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand_service.domain.unit_import import Plan, State, plan_rows, read
from services.clock import utc_now
from tests.demand_service.world import World, done

TODAY = date(2026, 11, 25)


def planned(text: str, state: State | None = None) -> tuple[Plan, State]:
    plan, state = Plan(), state or State("hr", {}, {}, {})
    rows = read(text, is_json=text.lstrip().startswith("["), today=TODAY, plan=plan)
    return plan_rows(rows, state, today=TODAY, plan=plan), state


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("record,id,name\nunit,a,A\nunit,a,B", "line 3: id", "line 2"),
        ("record,id,name,parent\nunit,a,A,zz", "line 2: parent", "zz"),
        ("record,id,name,parent\nunit,a,A,b\nunit,b,B,a", "line 2: parent", "A → B → A"),
        ("record,id\nunit,a", "line 2: name", "needed"),
        ("record,id,headcount,name\nunit,a,-1,A", "line 2: headcount", "whole number"),
        ("record,id,effective_on,name\nunit,a,2026-13-01,A", "line 2: effective_on", "date"),
        ("record,id,unit\nperson,p,nowhere", "line 2: unit", "nowhere"),
        ("record,id,name\nperson,p,Ada", "line 2", "'name' is no column of a person"),
        ('[\n{"record":"unit","id":"a","name":"A"},\n7]', "line 3", "no object"),
        ("record,id,name,parent,effective_on\nunit,a,A,b,\nunit,b,B,,2027-01-01", "line 2: parent", "2026-11-25"),
    ],
)
def test_a_fault_has_its_line(text: str, where: str, what: str) -> None:
    plan, _ = planned(text)
    assert (plan.faults[0].pointer, what in plan.faults[0].message) == (where, True), plan.faults


rows_of_units = st.lists(
    st.tuples(st.integers(0, 8), st.integers(-1, 8), st.integers(0, 3)),
    min_size=1,
    max_size=9,
    unique_by=lambda r: r[0],
)


@given(rows_of_units)
def test_planning_the_same_rows_again_changes_nothing(rows: list[tuple[int, int, int]]) -> None:
    lines = [f"unit,{unit},U{unit},{'' if parent < 0 else parent},{count}" for unit, parent, count in rows]
    text = "record,id,name,parent,headcount\n" + "\n".join(lines)
    plan, state = planned(text)
    if plan.faults:
        return
    assert {change.action for change in plan.changes} == {"create"}
    again, _ = planned(text, state)
    assert not again.faults and {change.action for change in again.changes} == {"unchanged"}


async def imported(world: World, body: str, **query: Any) -> Any:
    kind = "application/json" if body.startswith("[") else "text/csv"
    answer = await world.admin.post(
        "/v1/unit-imports", params={"system": "hr"} | query, content=body.encode(), headers={"Content-Type": kind}
    )
    return await world.service.finished_job(done(answer, 202)["id"])


@pytest.mark.anyio
async def test_a_dry_run_says_what_the_import_does(world: World) -> None:
    later = utc_now().date() + timedelta(days=30)
    body = (
        "record,id,name,parent,unit,cost_centre,headcount,role,effective_on\n"
        "unit,b,Biology,a,,,12,,\n"
        "unit,a,Nature,,,CC-1,,,\n"
        "cost_centre,CC-9,,,b,,,,\n"
        "person,p1,,,b,,,analyst,\n"
        f"unit,b,Life sciences,,,,,,{later}\n"
    )
    dry = await imported(world, body, dry_run=True)
    assert dry.state == "succeeded", dry.problem
    assert done(await world.admin.get("/v1/business-units", params={"external_id": "hr:a"}))["items"] == []
    real = await imported(world, body)
    assert real.result == dry.result | {"dry_run": False}
    assert real.result["counts"] == {"create": 3, "update": 1, "plan": 1, "unchanged": 0}
    again = await imported(world, body)
    assert again.result["counts"] == {"create": 0, "update": 0, "plan": 0, "unchanged": 5}
    [nature] = done(await world.admin.get("/v1/business-units", params={"external_id": "hr:a"}))["items"]
    [biology] = done(await world.admin.get("/v1/business-units", params={"external_id": "hr:b"}))["items"]
    assert (biology["parent_id"], biology["cost_centre"], biology["headcount"]) == (nature["id"], "CC-9", 12)
    [person] = done(await world.admin.get("/v1/people", params={"external_id": "hr:p1"}))["items"]
    assert (person["business_unit_id"], person["role"]) == (biology["id"], "analyst")
    wrong = await imported(world, '[{"record": "unit", "id": "a", "parent": "b"}]')
    assert wrong.state == "failed" and "Nature → Biology → Nature" in wrong.problem["errors"][0]["message"]
