"""Demands over HTTP: drafting, the funnel, proposals and their forms, history, scope, bad input."""

from typing import Any
from uuid import UUID

import pytest

from tests.demand_service.world import FORM, THREAD, World, done, pointers, refused

pytestmark = pytest.mark.anyio


async def test_an_enhancement_is_assessed_and_proposed_with_its_history(world: World) -> None:
    demand_id = await world.proposed(options={"environment": "production"}, note="tier 1 is enough")
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["quantity"], demand["form"]) == ("proposed", "4", FORM)
    assert (demand["decision"], demand["quote"], demand["correlation_id"]) == (None, None, THREAD)
    steps = [(step["step"], step["from"], step["to"], step["reason"]) for step in demand["history"]]
    assert steps == [
        ("submit", "draft", "submitted", None),
        ("screen", "submitted", "screening", None),
        ("qualify", "screening", "qualified", "worth it"),
        ("propose", "qualified", "proposed", "tier 1 is enough"),
    ]
    people = {step["step"]: step["person_id"] for step in demand["history"]}
    assert people["submit"] == demand["requested_by"] and people["screen"] not in (None, people["submit"])
    assert await world.told() == ["demand.submitted", "demand.qualified", "demand.proposed"]
    event = (await world.service.published("itaas.demand.demand.proposed.v1"))[0]
    assert event.data["options"] == {"environment": "production"} and event.data["quantity"] == "4"
    assert (event.correlation_id, event.business_unit_id, event.subject) == (THREAD, str(world.science), demand_id)
    assert event.actor_id == people["propose"]


async def test_a_request_is_proposed_as_it_is_submitted(world: World) -> None:
    drafted = await world.draft_request()
    submitted = await world.step(world.consumer, drafted["id"], "submit")
    assert submitted["state"] == "proposed"
    assert await world.told() == ["demand.submitted", "demand.proposed"]
    sequences = [event.sequence for event in await world.service.published() if event.subject == drafted["id"]]
    assert sequences == [2, 3]


async def test_a_draft_is_changed_by_its_version(world: World) -> None:
    drafted = await world.draft()
    path = f"/v1/demands/{drafted['id']}"
    refused(await world.consumer.patch(path, json={"title": "B"}), 428, "if-match-missing")
    changed = await world.consumer.patch(path, json={"title": "B"}, headers={"If-Match": '"1"'})
    assert done(changed)["title"] == "B" and changed.headers["etag"] == '"2"'
    refused(await world.consumer.patch(path, json={"title": "C"}, headers={"If-Match": '"1"'}), 412, "version-is-stale")
    await world.step(world.consumer, drafted["id"], "submit")
    late = await world.consumer.patch(path, json={"title": "C"}, headers={"If-Match": "*"})
    assert (
        "is submitted and is edited only while draft or needs_information"
        in refused(late, 409, "step-not-allowed")["detail"]
    )


async def test_while_information_is_asked_for_the_words_change_but_not_the_terms(world: World) -> None:
    demand_id = await world.proposed()
    await world.step(world.leader, demand_id, "request-information", reason="which data?")
    path = f"/v1/demands/{demand_id}"
    done(await world.consumer.patch(path, json={"description": "the survey data"}, headers={"If-Match": "*"}))
    terms = await world.consumer.patch(path, json={"quantity": "9"}, headers={"If-Match": "*"})
    assert pointers(refused(terms, 409, "terms-are-proposed")) == ["/quantity"]
    resumed = await world.step(world.consumer, demand_id, "resume")
    assert (resumed["state"], resumed["left_state"]) == ("proposed", None)


async def test_a_deferred_demand_resumes_where_it_was_left(world: World) -> None:
    demand_id = await world.qualified()
    deferred = await world.step(world.leader, demand_id, "defer", until="2099-01-01", reason="next year")
    assert (deferred["state"], deferred["left_state"]) == ("deferred", "qualified")
    resumed = await world.step(world.leader, demand_id, "resume")
    assert (resumed["state"], resumed["deferred_until"]) == ("qualified", None)
    late = await world.leader.post(f"/v1/demands/{demand_id}/defer", json={"until": "2020-01-01", "reason": "never"})
    assert pointers(refused(late, 422, "deferred-into-the-past")) == ["/until"]


async def test_an_impossible_step_names_the_state_and_what_is_allowed(world: World) -> None:
    drafted = await world.draft()
    terms = {"offering_id": str(world.offering), "quantity": "1", "form": FORM}
    steps: dict[str, dict[str, Any]] = {
        **{step: {} for step in ("screen", "qualify", "resume", "close")},
        **{step: {"reason": "x"} for step in ("request-information", "reject", "cancel", "approve")},
        "propose": terms,
        "defer": {"reason": "x", "until": "2099-01-01"},
    }
    for step, body in steps.items():
        answer = await world.admin.post(f"/v1/demands/{drafted['id']}/{step}", json=body or None)
        problem = refused(answer, 409, "step-not-allowed")
        assert problem["detail"].startswith("the enhancement is draft: ")
        assert problem["detail"].endswith("allowed: submit, withdraw")
    assert (await world.demand(drafted["id"]))["history"] == []


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, ["/form/purpose"]),
        ({"purpose": 5}, ["/form/purpose"]),
        ({"purpose": "backups", "a/b~c": 1}, ["/form/a~1b~0c"]),
        ({"purpose": "backups", "disks": [1, 0]}, ["/form/disks/1"]),
        ({"purpose": "backups", "from": "soon"}, ["/form/from"]),
    ],
)
async def test_a_form_fault_names_its_pointer(world: World, form: dict[str, Any], expected: list[str]) -> None:
    demand_id = await world.qualified()
    body = {"offering_id": str(world.offering), "quantity": "1", "form": form}
    answer = await world.leader.post(f"/v1/demands/{demand_id}/propose", json=body)
    assert pointers(refused(answer, 422, "form-not-valid")) == expected
    request = {"business_unit_id": str(world.science), "title": "T", "kind": "request", **body}
    assert pointers(refused(await world.consumer.post("/v1/demands", json=request), 422, "form-not-valid")) == expected


@pytest.mark.parametrize(
    ("value", "name", "pointer"),
    [
        ("NaN", "number-not-finite", "/options/a/0"),
        ("-Infinity", "number-not-finite", "/options/a/0"),
        ("[" * 40 + "]" * 40, "form-not-valid", "/options"),
        ('"back\\u0000up"', "text-not-storable", "/options/a/0"),
    ],
)
async def test_what_no_database_keeps_is_refused(world: World, value: str, name: str, pointer: str) -> None:
    demand_id = await world.qualified()
    text = f'{{"offering_id": "{world.offering}", "quantity": "1", "options": {{"a": [{value}]}}, "form": {{}}}}'
    answer = await world.leader.post(
        f"/v1/demands/{demand_id}/propose", content=text, headers={"Content-Type": "application/json"}
    )
    assert pointers(refused(answer, 422, name)) == [pointer]


async def test_what_is_proposed_has_to_be_on_offer(world: World) -> None:
    demand_id = await world.qualified()
    path = f"/v1/demands/{demand_id}/propose"
    body: dict[str, Any] = {"offering_id": str(UUID(int=1)), "quantity": "1", "form": FORM}
    assert pointers(refused(await world.leader.post(path, json=body), 422, "offering-unknown")) == ["/offering_id"]
    body["offering_id"] = str(world.offering)
    for quantity, name in [("0", "quantity-not-possible"), ("-1", "quantity-not-possible"), (4, "request-not-valid")]:
        answer = await world.leader.post(path, json=body | {"quantity": quantity})
        assert pointers(refused(answer, 422, name)) == ["/quantity"]
    await world.publish_offering(world.offering, state="retired", sequence=2)
    refused(await world.leader.post(path, json=body), 409, "offering-not-published")


@pytest.mark.parametrize("quantity", ["1" + "0" * 18, "0." + "0" * 18 + "1", "9" * 30 + "." + "9" * 30])
async def test_a_quantity_that_pricing_cannot_read_is_refused(world: World, quantity: str) -> None:
    request = {"business_unit_id": str(world.science), "title": "T", "kind": "request", "form": FORM}
    terms = {"offering_id": str(world.offering), "quantity": quantity}
    drafted, qualified = (await world.draft_request())["id"], await world.qualified()
    answers = [
        await world.consumer.post("/v1/demands", json=request | terms),
        await world.consumer.patch(f"/v1/demands/{drafted}", json={"quantity": quantity}, headers={"If-Match": "*"}),
        await world.leader.post(f"/v1/demands/{qualified}/propose", json=terms | {"form": FORM}),
    ]
    assert [pointers(refused(answer, 422, "request-not-valid")) for answer in answers] == [["/quantity"]] * 3


async def test_a_quantity_has_up_to_18_digits_on_either_side_of_the_point(world: World) -> None:
    largest = "9" * 18 + "." + "9" * 18
    drafted = await world.draft_request(quantity=largest)
    assert (await world.step(world.consumer, drafted["id"], "submit"))["quantity"] == largest


async def test_a_request_names_its_offering_and_the_other_kinds_do_not(world: World) -> None:
    bare = {"business_unit_id": str(world.science), "title": "T"}
    answer = await world.consumer.post("/v1/demands", json=bare | {"kind": "request"})
    assert pointers(refused(answer, 422, "request-incomplete")) == ["/offering_id", "/quantity"]
    answer = await world.consumer.post("/v1/demands", json=bare | {"kind": "project", "quantity": "2"})
    assert pointers(refused(answer, 422, "offering-too-early")) == ["/quantity"]


async def test_a_goal_of_the_unit_or_one_above_is_served(world: World) -> None:
    goal = {"name": "G", "metric": "m", "baseline": "1", "target": "2", "due": "2027-01-01"}
    above = done(await world.admin.post(f"/v1/business-units/{world.university}/goals", json=goal), 201)
    assert (await world.draft(goal_id=above["id"]))["goal_id"] == above["id"]
    other = await world.add_unit("Library")
    elsewhere = done(await world.admin.post(f"/v1/business-units/{other}/goals", json=goal), 201)
    body = {"business_unit_id": str(world.science), "title": "T", "kind": "project", "goal_id": elsewhere["id"]}
    assert pointers(refused(await world.consumer.post("/v1/demands", json=body), 422, "goal-unknown")) == ["/goal_id"]


async def test_nobody_sees_or_moves_the_demands_of_other_units(world: World) -> None:
    library = await world.add_unit("Library", parent_id=world.university)
    stranger = world.as_(["consumer", "demand_leader"], library, person="sam")
    drafted = await world.draft()
    path = f"/v1/demands/{drafted['id']}"
    refused(await stranger.get(path), 403, "business-unit-out-of-scope")
    refused(await stranger.post(f"{path}/submit"), 403, "business-unit-out-of-scope")
    assert done(await stranger.get("/v1/demands"))["items"] == []
    body = {"business_unit_id": str(world.science), "title": "T", "kind": "project"}
    problem = refused(await stranger.post("/v1/demands", json=body), 403, "business-unit-out-of-scope")
    assert pointers(problem) == ["/business_unit_id"]
    head = world.as_(["consumer"], world.university, person="hana")
    assert [demand["id"] for demand in done(await head.get("/v1/demands"))["items"]] == [drafted["id"]]


async def test_demands_are_listed_by_unit_and_state(world: World) -> None:
    first, second = (await world.draft())["id"], (await world.draft())["id"]
    await world.step(world.consumer, second, "submit")

    async def listed(**filters: Any) -> list[str]:
        return [demand["id"] for demand in done(await world.consumer.get("/v1/demands", params=filters))["items"]]

    assert await listed() == [first, second]
    assert await listed(state="submitted") == [second]
    assert await listed(business_unit_id=str(world.science), state="draft") == [first]
    assert await listed(business_unit_id=str(world.university)) == []
    page = done(await world.consumer.get("/v1/demands", params={"limit": 1}))
    assert await listed(limit=1, cursor=page["next_cursor"]) == [second]
    refused(await world.consumer.get("/v1/demands", params={"state": "lost"}), 422, "request-not-valid")


async def test_the_same_post_twice_is_one_demand(world: World) -> None:
    body = {"business_unit_id": str(world.science), "title": "T", "kind": "project"}
    key = {"Idempotency-Key": "once"}
    first = await world.consumer.post("/v1/demands", json=body, headers=key)
    again = await world.consumer.post("/v1/demands", json=body, headers=key)
    assert done(first, 201) == done(again, 201)
    assert len(done(await world.consumer.get("/v1/demands"))["items"]) == 1


async def test_what_is_wrong_with_a_demand_is_named(world: World) -> None:
    good: dict[str, Any] = {"business_unit_id": str(world.science), "title": "T", "kind": "project"}
    faults: list[tuple[dict[str, Any], str]] = [
        ({"kind": "wish"}, "/kind"),
        ({"title": ""}, "/title"),
        ({"business_unit_id": "science"}, "/business_unit_id"),
        ({"form": []}, "/form"),
        ({"priority": 1}, "/priority"),
        ({"quantity": "1e3"}, "/quantity"),
    ]
    for change, pointer in faults:
        problem = refused(await world.consumer.post("/v1/demands", json=good | change), 422, "request-not-valid")
        assert pointers(problem) == [pointer]
    unknown = await world.admin.post("/v1/demands", json=good | {"business_unit_id": str(UUID(int=5))})
    assert pointers(refused(unknown, 422, "business-unit-unknown")) == ["/business_unit_id"]
    refused(await world.consumer.get(f"/v1/demands/{UUID(int=5)}"), 404, "demand-not-found")
    refused(await world.consumer.post(f"/v1/demands/{UUID(int=5)}/submit"), 404, "demand-not-found")
    refused(await world.consumer.post(f"/v1/demands/{UUID(int=5)}/screen"), 403, "role-not-allowed")


async def test_an_action_with_a_stale_version_changes_nothing(world: World) -> None:
    drafted = await world.draft()
    path = f"/v1/demands/{drafted['id']}/submit"
    refused(await world.consumer.post(path, headers={"If-Match": '"9"'}), 412, "version-is-stale")
    assert done(await world.consumer.post(path, headers={"If-Match": '"1"'}))["state"] == "submitted"


async def test_a_withdrawn_demand_has_ended(world: World) -> None:
    demand_id = await world.proposed()
    withdrawn = await world.step(world.consumer, demand_id, "withdraw", note="no longer needed")
    assert withdrawn["state"] == "withdrawn"
    problem = refused(await world.consumer.post(f"/v1/demands/{demand_id}/submit"), 409, "step-not-allowed")
    assert "nothing, it has ended" in problem["detail"]
    assert (await world.told())[-1] == "demand.withdrawn"


async def test_a_request_is_within_the_offerings_window_audience_and_options(world: World) -> None:
    """`offering.changed` counts from when it is known; the clock counts, not the timer that retires the offering."""
    others = {"everyone": False, "business_unit_ids": [str(UUID(int=7))], "roles": []}
    above = {"everyone": False, "business_unit_ids": [str(world.university)], "roles": []}
    options = [{"key": "size", "kind": "choice", "choices": ["s", "l"], "required": True}]
    body = {
        "business_unit_id": str(world.science),
        "title": "A server",
        "kind": "request",
        "offering_id": str(world.offering),
        "quantity": "1",
        "form": FORM,
    }
    for sequence, (change, status, problem) in enumerate(
        [
            ({"audience": others}, 403, "offering-not-for-unit"),
            ({"audience": above, "valid_from": "2199-01-01T00:00:00Z"}, 409, "offering-not-in-window"),
            ({"audience": above, "valid_until": "2020-01-01T00:00:00Z"}, 409, "offering-not-in-window"),
            ({"audience": above, "options": options}, 422, "options-not-valid"),
        ],
        start=2,
    ):
        await world.publish_offering(world.offering, event="changed", sequence=sequence, **change)
        answer = await world.consumer.post("/v1/demands", json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:itaas:problem:{problem}")
    assert (await world.consumer.post("/v1/demands", json=body | {"options": {"size": "s"}})).status_code == 201
