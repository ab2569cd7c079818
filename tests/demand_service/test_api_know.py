"""What demand knows of the business, over HTTP: moves with history, profiles, alignments, promises."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from demand_service.tables import Promise
from services.clock import utc_now
from services.db.chassis_tables import Timer
from services.ids import uuid7
from tests.demand_service.world import THREAD, World, done, pointers, refused

pytestmark = pytest.mark.anyio
TODAY = utc_now().date()
NEXT_WEEK = str(TODAY + timedelta(days=7))


async def ring_all(world: World, kind: str) -> None:
    """Let the timers of a kind ring now, and wait until they have."""
    async with world.service.runtime.database.transaction() as session:
        await session.execute(update(Timer).where(Timer.kind == kind).values(due_at=utc_now()))
    async with asyncio.timeout(10):
        while True:
            async with world.service.runtime.database.reading() as session:
                if not (await session.scalars(select(Timer.id).where(Timer.kind == kind))).all():
                    return
            await asyncio.sleep(0.01)


async def test_moves_keep_history(world: World) -> None:
    path = f"/v1/business-units/{world.science}"
    arts = await world.add_unit("Arts")
    moved = await world.admin.post(f"{path}/move", json={"parent_id": str(arts), "reason": "a reform"})
    assert done(moved)["parent_id"] == str(arts)
    there = await world.admin.post(f"{path}/move", json={"parent_id": str(arts), "reason": "again"})
    refused(there, 409, "already-there")
    early = {"parent_id": None, "effective_on": "2020-01-01", "reason": "late news"}
    assert pointers(refused(await world.admin.post(f"{path}/move", json=early), 409, "move-before-the-last")) == [
        "/effective_on"
    ]
    circle = {"parent_id": str(world.science), "reason": "no"}
    problem = refused(await world.admin.post(f"/v1/business-units/{arts}/move", json=circle), 409, "unit-inside-itself")
    assert "Arts → Science → Arts" in problem["detail"]
    later = {"parent_id": None, "effective_on": NEXT_WEEK, "reason": "independence"}
    assert done(await world.admin.post(f"{path}/move", json=later))["parent_id"] == str(arts)
    history = (await world.admin.get(f"{path}/history")).json()
    assert [(one["parent_id"], one["state"], one["until"]) for one in history] == [
        (str(world.university), "applied", str(TODAY)),
        (str(arts), "applied", None),
        (None, "planned", None),
    ]
    assert history[1]["reason"] == "a reform" and history[2]["effective_on"] == NEXT_WEEK
    event = (await world.service.published("itaas.demand.business-unit.moved.v1"))[-1]
    assert event.data["parent_id"] == str(arts) and event.data["processes"] == []
    outside = {"parent_id": str(arts), "reason": "I may not"}
    refused(await world.leader.post(f"{path}/move", json=outside), 403, "business-unit-out-of-scope")


async def test_an_upsert_by_external_id_makes_changes_and_repeats(world: World) -> None:
    path = "/v1/business-units/by-external-id/hr/BU/9"
    refused(await world.admin.put(path, json={}), 422, "name-needed")
    made = await world.admin.put(path, json={"name": "Library", "parent_id": str(world.university), "headcount": 3})
    unit = done(made, 201)
    assert unit["external_ids"] == [{"system": "hr", "id": "BU/9"}]
    same = await world.admin.put(path, json={"headcount": 3})
    assert done(same)["version"] == unit["version"] and same.headers["etag"] == made.headers["etag"]
    more = {"cost_centre": "CC-1", "external_ids": [{"system": "erp", "id": "1"}]}
    changed = done(await world.admin.put(path, json=more))
    assert (changed["cost_centre"], changed["headcount"], len(changed["external_ids"])) == ("CC-1", 3, 2)
    stale = await world.admin.put(path, json={"headcount": 4}, headers={"If-Match": made.headers["etag"]})
    refused(stale, 412, "version-is-stale")


async def test_a_profile_is_kept_confirmed_and_goes_stale(world: World) -> None:
    unit = f"/v1/business-units/{world.science}"
    process = {
        "kind": "process",
        "name": "Analysis",
        "source": "interview",
        "details": {"criticality": "high", "volume": "420", "volume_unit": "a month", "capabilities": ["Analytics"]},
        "confirmed_on": "2026-01-01",
        "review_every_days": 30,
    }
    made = await world.leader.post(f"{unit}/profile-facts", json=process)
    fact = done(made, 201)
    assert fact["stale_on"] == "2026-02-01" and fact["details"]["volume"] == "420"
    refused(await world.leader.post(f"{unit}/profile-facts", json=process), 409, "fact-name-taken")
    event = (await world.service.published("itaas.demand.business-unit.changed.v1"))[-1]
    [told] = event.data["processes"]
    assert told["capabilities"] == ["Analytics"] and "pain" not in told
    for change, pointer in [
        ({"confirmed_on": "2199-01-01"}, "/confirmed_on"),
        ({"confirmed_on": "9999-12-31"}, "/confirmed_on"),
        ({"kind": "rumour"}, ""),
        ({"details": {"criticality": "very"}}, "/details/criticality"),
    ]:
        answer = await world.leader.post(f"{unit}/profile-facts", json=process | {"name": "B"} | change)
        assert answer.status_code == 422, answer.text
        assert pointers(answer.json()) == [pointer]
    head = {"kind": "headcount", "source": "HR", "details": {"value": 260}}
    done(await world.leader.post(f"{unit}/profile-facts", json=head), 201)
    assert done(await world.leader.get(unit))["headcount"] == 260
    stale = done(await world.leader.get("/v1/profile-facts", params={"stale": True}))["items"]
    assert [one["id"] for one in stale] == [fact["id"]]
    confirmed = done(await world.leader.post(f"/v1/profile-facts/{fact['id']}/confirm", json={}))
    assert confirmed["confirmed_on"] == str(TODAY) and confirmed["source"] == "interview"
    assert done(await world.leader.get("/v1/profile-facts", params={"stale": True}))["items"] == []
    fresh = done(await world.leader.get("/v1/profile-facts", params={"stale": False}))["items"]
    assert {one["kind"] for one in fresh} == {"process", "headcount"}
    tag = {"If-Match": f'"{confirmed["version"]}"'}
    renamed = await world.leader.put(f"/v1/profile-facts/{fact['id']}", json=process | {"name": "C"}, headers=tag)
    assert done(renamed)["name"] == "C"
    gone = await world.leader.delete(f"/v1/profile-facts/{fact['id']}", headers={"If-Match": renamed.headers["etag"]})
    assert gone.status_code == 204
    refused(await world.leader.get(f"/v1/profile-facts/{fact['id']}"), 404, "profile-fact-not-found")


async def test_a_goal_is_measured_over_time(world: World) -> None:
    unit = f"/v1/business-units/{world.science}"
    body = {"name": "Faster", "metric": "days", "baseline": "12", "target": "3", "due": NEXT_WEEK, "priority": 1}
    goal = done(await world.leader.post(f"{unit}/goals", json=body | {"source": "board"}), 201)
    assert (goal["priority"], goal["current"]) == (1, None)
    path = f"{unit}/goals/{goal['id']}/measurements"
    for on, value in [(str(TODAY), "9"), ("2026-01-01", "11"), (str(TODAY), "3")]:
        measured = await world.leader.post(path, json={"measured_on": on, "value": value, "source": "survey"})
        done(measured, 201)
    progress = measured.json()
    assert (progress["current"], progress["status"]) == ("3", "met")
    assert [(one["measured_on"], one["value"]) for one in progress["measurements"]] == [
        ("2026-01-01", "11"),
        (str(TODAY), "3"),
    ]
    event = (await world.service.published("itaas.demand.business-unit.changed.v1"))[-1]
    assert event.data["goals"][0]["current"] == "3" and event.data["goals"][0]["priority"] == 1
    future = await world.leader.post(path, json={"measured_on": NEXT_WEEK, "value": "1", "source": "hope"})
    assert pointers(refused(future, 422, "measured-in-future")) == ["/measured_on"]
    whole = done(await world.leader.get(f"{unit}/profile"))
    assert [(fact["kind"], fact["source"]) for fact in whole["facts"]] == [("goal", "survey")] and whole["stale"] == 0
    [fact] = whole["facts"]
    kept = await world.leader.delete(f"/v1/profile-facts/{fact['id']}", headers={"If-Match": f'"{fact["version"]}"'})
    refused(kept, 422, "fact-is-goal")


async def test_alignments_decide_for_whom_a_leader_acts(world: World) -> None:
    arts = await world.add_unit("Arts")
    person = (await world.service.published("itaas.demand.business-unit.created.v1"))[0].actor_id
    assert person is not None  # the admin's; the leader's is read from what the leader does
    tag = (await world.leader.get(f"/v1/business-units/{world.science}")).headers["etag"]
    change = {"headcount": 7}
    done(await world.leader.patch(f"/v1/business-units/{world.science}", json=change, headers={"If-Match": tag}))
    leader = (await world.service.published("itaas.demand.business-unit.changed.v1"))[-1].actor_id
    body = {"person_id": leader, "business_unit_id": str(arts)}
    refused(await world.leader.post("/v1/alignments", json=body), 403, "role-not-allowed")
    made = await world.admin.post("/v1/alignments", json=body)
    aligned = done(made, 201)
    refused(await world.admin.post("/v1/alignments", json=body), 409, "aligned-already")
    assert [one["name"] for one in done(await world.leader.get("/v1/business-units"))["items"]] == ["Arts"]
    refused(await world.leader.get(f"/v1/business-units/{world.science}"), 403, "business-unit-out-of-scope")
    path = f"/v1/alignments/{aligned['id']}"
    before = {"ends_on": "2020-01-01"}
    refused(
        await world.admin.patch(path, json=before, headers={"If-Match": made.headers["etag"]}),
        422,
        "ends-before-it-starts",
    )
    [event] = await world.service.published("itaas.demand.alignment.changed.v1")
    assert event.data["person_id"] == leader and event.business_unit_id == str(arts)
    unknown = body | {"business_unit_id": "01930000-0000-7000-8000-000000000001"}
    refused(await world.admin.post("/v1/alignments", json=unknown), 422, "business-unit-unknown")


async def test_a_promise_that_is_overdue_is_told_once(world: World) -> None:
    unit = str(world.science)
    held = {"business_unit_id": unit, "held_at": "2026-11-01T09:00:00Z", "subject": "Quarterly", "attendees": ["p1"]}
    meeting = done(await world.leader.post("/v1/meetings", json=held), 201)
    body = {
        "business_unit_id": unit,
        "meeting_id": meeting["id"],
        "text": "A first estimate",
        "owner_id": "p1",
        "due_on": "2026-11-05",
    }
    promise = done(await world.leader.post("/v1/promises", json=body), 201)
    assert promise["overdue"] is True
    await ring_all(world, "promise-overdue")
    async with world.service.runtime.database.transaction() as session:  # one that rings twice
        again = {"promise_id": promise["id"]}
        row = Timer(id=uuid7(), kind="promise-overdue", payload=again, due_at=utc_now(), fence=0, attempts=0)
        row.correlation_id = row.causation_id = THREAD
        session.add(row)
    await ring_all(world, "promise-overdue")
    [event] = await world.service.published("itaas.demand.promise.overdue.v1")
    assert "text" not in event.data and event.data["due_on"] == "2026-11-05"
    late = done(await world.leader.get("/v1/promises", params={"overdue": True}))["items"]
    assert [one["id"] for one in late] == [promise["id"]]
    path = f"/v1/promises/{promise['id']}"
    kept = done(await world.leader.post(f"{path}/keep", json={"note": "sent"}))
    assert (kept["state"], kept["overdue"]) == ("kept", False)
    assert "is kept" in refused(await world.leader.post(f"{path}/break"), 409, "promise-settled")["detail"]
    other = body | {"business_unit_id": str(await world.add_unit("Arts"))}
    refused(await world.admin.post("/v1/promises", json=other), 422, "meeting-of-another-unit")
    async with world.service.runtime.database.reading() as session:
        assert (await session.scalars(select(Promise.told_overdue_for))).one() is not None
