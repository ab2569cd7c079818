"""Business units and goals over HTTP: the tree, external ids, versions, scope, and what each change tells."""

import pytest

from tests.demand_service.world import World, done, pointers, refused

pytestmark = pytest.mark.anyio
GOAL = {"name": "Faster", "metric": "days to first result", "baseline": "12", "target": "3.5", "due": "2027-03-31"}


async def test_a_unit_is_found_by_the_id_of_another_system(world: World) -> None:
    body = {"name": "Library", "parent_id": str(world.university), "external_ids": [{"system": "hr", "id": "BU:7"}]}
    made = done(await world.admin.post("/v1/business-units", json=body), 201)
    found = done(await world.admin.get("/v1/business-units", params={"external_id": "hr:BU:7"}))
    assert [unit["id"] for unit in found["items"]] == [made["id"]]
    assert found["items"][0]["external_ids"] == [{"system": "hr", "id": "BU:7"}]
    assert done(await world.admin.get("/v1/business-units", params={"external_id": "hr:BU:8"}))["items"] == []
    refused(await world.admin.get("/v1/business-units", params={"external_id": "BU-7"}), 422, "request-not-valid")


async def test_an_external_id_names_one_unit(world: World) -> None:
    ids = [{"system": "hr", "id": "1"}]
    holder = done(await world.admin.post("/v1/business-units", json={"name": "A", "external_ids": ids}), 201)
    again = await world.admin.post("/v1/business-units", json={"name": "B", "external_ids": ids})
    problem = refused(again, 409, "external-id-taken")
    assert holder["id"] in problem["detail"] and pointers(problem) == ["/external_ids"]
    twice = await world.admin.post("/v1/business-units", json={"name": "C", "external_ids": ids * 2})
    refused(twice, 422, "external-id-doubled")


async def test_a_change_needs_the_version_and_tells_the_whole_state(world: World) -> None:
    path = f"/v1/business-units/{world.science}"
    refused(await world.leader.patch(path, json={"headcount": 5}), 428, "if-match-missing")
    tag = (await world.leader.get(path)).headers["etag"]
    changed = await world.leader.patch(path, json={"headcount": 5}, headers={"If-Match": tag})
    assert done(changed)["headcount"] == 5 and changed.headers["etag"] != tag
    refused(await world.leader.patch(path, json={"headcount": 6}, headers={"If-Match": tag}), 412, "version-is-stale")
    kept = {"external_ids": [{"system": "erp", "id": "9"}]}
    done(await world.leader.patch(path, json=kept, headers={"If-Match": changed.headers["etag"]}))
    event = (await world.service.published("itaas.demand.business-unit.changed.v1"))[-1]
    assert event.data["headcount"] == 5 and event.data["external_ids"] == kept["external_ids"]
    assert (event.sequence, event.business_unit_id) == (3, str(world.science))


async def test_a_unit_is_not_moved_below_itself(world: World) -> None:
    path = f"/v1/business-units/{world.university}"
    tag = (await world.admin.get(path)).headers["etag"]
    moved = await world.admin.patch(path, json={"parent_id": str(world.science)}, headers={"If-Match": tag})
    problem = refused(moved, 409, "unit-inside-itself")
    assert "University → Science → University" in problem["detail"] and pointers(problem) == ["/parent_id"]
    root = await world.admin.patch(
        f"/v1/business-units/{world.science}", json={"parent_id": None}, headers={"If-Match": '"1"'}
    )
    assert done(root)["parent_id"] is None


async def test_what_is_wrong_with_a_unit_is_named(world: World) -> None:
    nowhere = {"name": "X", "parent_id": "01930000-0000-7000-8000-000000000001"}
    problem = refused(await world.admin.post("/v1/business-units", json=nowhere), 422, "parent-not-found")
    assert pointers(problem) == ["/parent_id"]
    for body, pointer in [
        ({}, "/name"),
        ({"name": " "}, "/name"),
        ({"name": "x\ny"}, "/name"),
        ({"name": "X", "headcount": -1}, "/headcount"),
        ({"name": "X", "headcount": "many"}, "/headcount"),
        ({"name": "X", "boss": "me"}, "/boss"),
    ]:
        assert pointers(refused(await world.admin.post("/v1/business-units", json=body), 422, "request-not-valid")) == [
            pointer
        ]
    patched = await world.admin.patch(
        f"/v1/business-units/{world.science}", json={"name": None}, headers={"If-Match": '"1"'}
    )
    assert pointers(refused(patched, 422, "request-not-valid")) == ["/name"]


async def test_a_leader_sees_and_adds_only_their_own_units_and_those_below(world: World) -> None:
    listed = done(await world.leader.get("/v1/business-units"))["items"]
    assert [unit["name"] for unit in listed] == ["Science"]
    refused(await world.leader.get(f"/v1/business-units/{world.university}"), 403, "business-unit-out-of-scope")
    refused(await world.leader.post("/v1/business-units", json={"name": "Root"}), 403, "business-unit-out-of-scope")
    below = {"name": "Physics", "parent_id": str(world.science)}
    physics = done(await world.leader.post("/v1/business-units", json=below), 201)
    assert done(await world.consumer.get(f"/v1/business-units/{physics['id']}"))["parent_id"] == str(world.science)
    refused(await world.consumer.post("/v1/business-units", json=below), 403, "role-not-allowed")


async def test_goals_are_part_of_their_unit(world: World) -> None:
    path = f"/v1/business-units/{world.science}"
    set_ = await world.leader.post(f"{path}/goals", json=GOAL)
    goal = done(set_, 201)
    assert set_.headers["etag"] == '"2"'
    event = (await world.service.published("itaas.demand.business-unit.changed.v1"))[-1]
    assert event.data["goals"] == [goal] and goal["target"] == "3.5"
    moved = await world.leader.patch(
        f"{path}/goals/{goal['id']}", json={"target": "2"}, headers={"If-Match": set_.headers["etag"]}
    )
    assert done(moved)["target"] == "2" and moved.headers["etag"] == '"3"'
    assert done(await world.leader.get(path))["goals"] == [goal | {"target": "2"}]
    refused(await world.leader.post(f"{path}/goals", json=GOAL), 409, "goal-name-taken")


@pytest.mark.parametrize(
    ("change", "name", "pointer"),
    [
        ({"baseline": None}, "goal-without-baseline", "/baseline"),
        ({"target": None}, "goal-without-target", "/target"),
        ({"target": "12.00"}, "goal-stands-still", "/target"),
        ({"target": 3}, "request-not-valid", "/target"),
        ({"due": "soon"}, "request-not-valid", "/due"),
    ],
)
async def test_a_goal_that_cannot_be_measured_is_refused(
    world: World, change: dict[str, object], name: str, pointer: str
) -> None:
    path = f"/v1/business-units/{world.science}/goals"
    assert pointers(refused(await world.leader.post(path, json=GOAL | change), 422, name)) == [pointer]
    if "due" not in change:
        goal = done(await world.leader.post(path, json=GOAL), 201)
        patched = await world.leader.patch(f"{path}/{goal['id']}", json=change, headers={"If-Match": '"2"'})
        assert pointers(refused(patched, 422, name)) == [pointer]
