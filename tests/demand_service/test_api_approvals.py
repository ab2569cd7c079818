"""Approvals over HTTP: policies as data, and what a person decides on the quote in force."""

import pytest

from tests.demand_service.world import AUTOMATIC, FORM, World, done, pointers, refused

pytestmark = pytest.mark.anyio


async def test_there_is_a_policy_from_the_start_that_asks_a_person(world: World) -> None:
    policies = done(await world.consumer.get("/v1/approval-policies"))["items"]
    assert [(policy["key"], policy["rules"][0]["outcome"]) for policy in policies] == [("default", "needs_approval")]
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    demand = await world.demand(demand_id)
    assert demand["state"] == "proposed"
    assert (demand["decision"]["policy"], demand["decision"]["rule"]) == ("default", "a person decides")


async def test_a_policy_is_put_by_its_key(world: World) -> None:
    path = "/v1/approval-policies/small"
    refused(await world.leader.put(path, json=AUTOMATIC), 403, "role-not-allowed")
    made = await world.finance.put(path, json=AUTOMATIC)
    assert done(made, 201)["rules"][0]["amount_at_most"] == {"USD": "5000"}
    same = await world.finance.put(path, json=AUTOMATIC)
    assert done(same) == made.json() and same.headers["etag"] == made.headers["etag"]
    changed = AUTOMATIC | {"position": 7}
    refused(await world.finance.put(path, json=changed), 428, "if-match-missing")
    refused(await world.finance.put(path, json=changed, headers={"If-Match": '"9"'}), 412, "version-is-stale")
    assert done(await world.finance.put(path, json=changed, headers={"If-Match": made.headers["etag"]}))["version"] == 2
    assert done(await world.finance.get(path))["position"] == 7
    refused(await world.finance.get("/v1/approval-policies/none"), 404, "policy-not-found")


@pytest.mark.parametrize(
    ("rules", "name", "expected"),
    [
        ([], "request-not-valid", ["/rules"]),
        ([{"name": "r", "outcome": "rejected"}], "request-not-valid", ["/rules/0/outcome"]),
        ([{"name": "r", "outcome": "approved", "kinds": []}], "rule-not-possible", ["/rules/0/kinds"]),
        ([{"name": "r", "outcome": "approved"}] * 2, "rule-not-possible", ["/rules/1/name"]),
        (
            [{"name": "r", "outcome": "approved", "amount_at_most": {"USD": "-1"}}],
            "rule-not-possible",
            ["/rules/0/amount_at_most/USD"],
        ),
        ([{"name": "r", "outcome": "approved", "budget_states": ["rich"]}], "request-not-valid", None),
        ([{"name": "r", "outcome": "approved", "amount_at_most": {"usd": "1"}}], "request-not-valid", None),
    ],
)
async def test_a_policy_that_cannot_be_applied_is_refused(
    world: World, rules: list[object], name: str, expected: list[str] | None
) -> None:
    problem = refused(await world.finance.put("/v1/approval-policies/x", json={"name": "X", "rules": rules}), 422, name)
    assert expected is None or pointers(problem) == expected
    assert all(pointer.startswith("/rules") for pointer in pointers(problem))


async def test_an_approver_decides_what_policy_leaves_to_a_person(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    quote_id = await world.quote("issued", demand_id, annual="5000.01")
    asked = (await world.demand(demand_id))["decision"]
    assert asked["outcome"] == "needs_approval"
    assert "a year costs 5000.01 USD, more than the limit of 5000" in asked["reason"]
    refused(await world.leader.post(f"/v1/demands/{demand_id}/approve", json={"reason": "x"}), 403, "role-not-allowed")
    approved = await world.step(world.approver, demand_id, "approve", reason="the dean agreed on the phone")
    decision = approved["decision"]
    assert (approved["state"], decision["outcome"], decision["quote_id"]) == ("approved", "approved", str(quote_id))
    last = (await world.demand(demand_id))["history"][-1]
    assert last["person_id"] == decision["decided_by"] and last["reason"] == "the dean agreed on the phone"
    event = (await world.service.published("itaas.demand.demand.approved.v1"))[0]
    assert event.data["decision"] == decision and "dean" not in str(event.data)


async def test_nobody_approves_their_own(world: World) -> None:
    both = world.as_(["approver", "consumer"], world.science, person="connie")
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    problem = refused(await both.post(f"/v1/demands/{demand_id}/approve", json={"reason": "mine"}), 403, "own-demand")
    assert "asked for themselves" in problem["detail"]
    assert (await world.demand(demand_id))["state"] == "proposed"


async def test_nobody_approves_what_they_proposed_last(world: World) -> None:
    leo = world.as_(["approver", "demand_leader"], world.science, person="leo")
    lena = world.as_(["approver", "demand_leader"], world.science, person="lena")
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    path, body = f"/v1/demands/{demand_id}/approve", {"reason": "fits"}
    problem = refused(await leo.post(path, json=body), 403, "own-proposal")
    assert "what they proposed themselves" in problem["detail"]
    assert (await world.demand(demand_id))["state"] == "proposed"
    anew = {"offering_id": str(world.offering), "quantity": "4", "form": FORM}
    done(await lena.post(f"/v1/demands/{demand_id}/propose", json=anew))
    await world.quote("issued", demand_id)
    refused(await lena.post(path, json=body), 403, "own-proposal")
    assert (await world.step(leo, demand_id, "approve", reason="fits"))["state"] == "approved"


async def test_whoever_hands_a_request_in_proposes_it(world: World) -> None:
    both = world.as_(["approver", "demand_leader"], world.science, person="leo")
    drafted = await world.draft_request()
    await world.step(both, drafted["id"], "submit")
    await world.quote("issued", drafted["id"])
    refused(await both.post(f"/v1/demands/{drafted['id']}/approve", json={"reason": "fits"}), 403, "own-proposal")


async def test_policy_that_puts_a_demand_back_proposes_nothing(world: World) -> None:
    """The person who proposed it stays the one who may not approve it; policy itself asks nobody's leave."""
    await world.put_policy()
    leo = world.as_(["approver", "demand_leader"], world.science, person="leo")
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    assert (await world.demand(demand_id))["state"] == "approved"
    await world.quote("issued", demand_id, annual="9000.00")
    assert (await world.demand(demand_id))["history"][-1]["person_id"] is None
    refused(await leo.post(f"/v1/demands/{demand_id}/approve", json={"reason": "fits"}), 403, "own-proposal")
    assert (await world.step(world.approver, demand_id, "approve", reason="fits"))["state"] == "approved"


async def test_there_is_nothing_to_approve_without_a_quote_in_force(world: World) -> None:
    demand_id = await world.proposed()
    path, body = f"/v1/demands/{demand_id}/approve", {"reason": "x"}
    refused(await world.approver.post(path, json=body), 409, "nothing-to-approve")
    quote_id = await world.quote("issued", demand_id)
    await world.quote("expired", demand_id, quote_id=quote_id, sequence=2)
    assert (await world.demand(demand_id))["quote"]["state"] == "expired"
    refused(await world.approver.post(path, json=body), 409, "nothing-to-approve")


async def test_an_approver_turns_down(world: World) -> None:
    demand_id = await world.proposed()
    await world.quote("issued", demand_id)
    rejected = await world.step(world.approver, demand_id, "reject", reason="too dear")
    assert (rejected["state"], rejected["decision"]["outcome"]) == ("rejected", "rejected")
    assert rejected["decision"]["decided_by"] is not None
    assert (await world.told())[-1] == "demand.rejected"


async def test_a_leader_turns_down_before_there_is_a_quote(world: World) -> None:
    demand_id = await world.qualified()
    rejected = await world.step(world.leader, demand_id, "reject", reason="a duplicate")
    assert (rejected["state"], rejected["decision"]) == ("rejected", None)
    problem = refused(
        await world.leader.post(f"/v1/demands/{demand_id}/reject", json={"reason": " "}), 422, "request-not-valid"
    )
    assert pointers(problem) == ["/reason"]
