"""Assessment over HTTP: previews, scores that are made anew, cash flows, stakeholders, RAID, the portfolio."""

from typing import Any

import pytest

from services.ids import uuid7
from tests.demand_service.world import World, done, refused

pytestmark = pytest.mark.anyio

WSJF = {"business_value": 8, "time_criticality": 6, "risk_reduction": 4, "job_size": 3}


async def test_previews_keep_nothing(world: World) -> None:
    preview = done(await world.consumer.post("/v1/score-previews", json={"method": "wsjf", "inputs": WSJF}))
    assert (preview["score"], preview["terms"]["cost_of_delay"]) == ("6.00", "18")
    body = {"method": "rice", "inputs": {"reach": 1000, "impact": 2, "confidence": 0.8, "effort": 4}}
    assert done(await world.consumer.post("/v1/score-previews", json=body))["score"] == "400.00"
    none = await world.consumer.post("/v1/score-previews", json={"method": "wsjf", "inputs": WSJF | {"job_size": 0}})
    assert refused(none, 422, "size-is-zero")["errors"][0]["pointer"] == "/inputs/job_size"
    refused(await world.consumer.post("/v1/score-previews", json={"method": "x", "inputs": {}}), 422, "method-unknown")
    flows = {"currency": "USD", "rate": "0.10", "flows": ["-1000", "500", "400", "300"]}
    worth = done(await world.consumer.post("/v1/cash-flow-previews", json=flows))
    assert (worth["npv"], worth["irr"], worth["payback"], worth["returns"]) == ("10.52", "0.106517", "2.33", "one")
    few = await world.consumer.post("/v1/cash-flow-previews", json=flows | {"flows": ["1"]})
    refused(few, 422, "too-few-flows")


async def test_scores_keep_their_history_and_follow_the_goal_and_the_budget(world: World) -> None:
    unit = f"/v1/business-units/{world.science}"
    goal = {"name": "Faster", "metric": "days", "baseline": "12", "target": "3", "due": "2030-01-01"}
    goal_id = done(await world.admin.post(f"{unit}/goals", json=goal), 201)["id"]
    demand_id = (await world.draft(goal_id=goal_id))["id"]
    path = f"/v1/demands/{demand_id}/scores/wsjf"
    refused(await world.consumer.put(path, json={"inputs": WSJF}), 403, "role-not-allowed")
    first = await world.leader.put(path, json={"inputs": WSJF})
    assert done(first, 201)["score"] == "6.00"
    derived = {"inputs": WSJF | {"time_criticality": {"from": "goal_due"}, "business_value": {"from": "budget_share"}}}
    refused(await world.leader.put(path, json=derived, headers={"If-Match": "*"}), 422, "source-missing")
    derived["inputs"]["business_value"] = 8
    refused(await world.leader.put(path, json=derived), 428, "if-match-missing")
    again = done(await world.leader.put(path, json=derived, headers={"If-Match": first.headers["etag"]}))
    assert (again["terms"]["time_criticality"], again["score"], again["derived"]) == ("1", "4.33", True)
    nearer = {"due": "2026-01-01"}
    done(await world.admin.patch(f"{unit}/goals/{goal_id}", json=nearer, headers={"If-Match": "*"}))
    await world.service.published()  # the relay has told it
    await world.service.consumed("itaas.demand")
    history = done(await world.consumer.get(f"{path}/history"))["items"]
    assert [(entry["score"], entry["cause"]) for entry in history] == [
        ("6.00", "a person"),
        ("4.33", "a person"),
        ("7.33", "goal"),
    ]
    assert history[2]["person_id"] is None and history[1]["person_id"] is not None
    case = {"nature": "change", "value": "120", "cost": "45", "currency": "USD", "days": {"dev": "6"}}
    done(await world.leader.put(f"/v1/demands/{demand_id}/business-case", json=case), 201)
    await balance(world, "1000")
    share = {"inputs": WSJF | {"business_value": {"from": "budget_share"}}}
    done(await world.leader.put(path, json=share, headers={"If-Match": "*"}))
    await balance(world, "60", sequence=2)
    await balance(world, "1000", sequence=1)  # late: it changes nothing
    [score] = done(await world.consumer.get(f"/v1/demands/{demand_id}/scores"))["items"]
    assert (score["terms"]["business_value"], score["cause"], score["score"]) == ("10", "budget", "6.67")


BUDGET = uuid7()


async def balance(world: World, available: str, sequence: int = 1) -> None:
    data = {"business_unit_id": str(world.science), "fiscal_year": 2026, "available": available, "currency": "USD"}
    data_of: dict[str, Any] = {"id": str(BUDGET), "scope": {"kind": "all", "name": None, "service_ids": []}} | data
    await world.service.deliver(
        "itaas.pricing.budget.balance-changed.v1", subject=BUDGET, data=data_of, sequence=sequence
    )


async def test_cash_flows_stakeholders_and_raid_are_kept_per_demand(world: World) -> None:
    demand_id = (await world.draft())["id"]
    path = f"/v1/demands/{demand_id}"
    flows = {"currency": "JPY", "rate": "0.10", "flows": ["-1000", "500", "400", "300"]}
    assert done(await world.leader.put(f"{path}/cash-flows", json=flows), 201)["worth"]["npv"] == "11"
    assert done(await world.consumer.get(f"{path}/cash-flows"))["flows"] == flows["flows"]
    both = {"person_id": "p", "role": "r", "influence": 5, "interest": 2}
    refused(await world.leader.post(f"{path}/stakeholders", json=both), 422, "stakeholder-unnamed")
    made = done(await world.leader.post(f"{path}/stakeholders", json=both | {"person_id": None}), 201)
    changed = await world.leader.patch(
        f"{path}/stakeholders/{made['id']}", json={"interest": 5}, headers={"If-Match": '"1"'}
    )
    assert (made["approach"], done(changed)["approach"]) == ("keep_satisfied", "manage_closely")
    raised = done(await world.leader.post(f"{path}/raid", json={"kind": "decision", "title": "Build or buy"}), 201)
    detail = done(await world.consumer.get(path))["assessment"]
    assert detail == {
        "open_risks": 0, "open_issues": 0, "open_decisions": 1, "open_actions": 0, "stakeholders": 1,
    }  # fmt: skip
    move = f"{path}/raid/{raised['id']}/move"
    refused(await world.leader.post(move, json={"step": "decide"}), 422, "outcome-missing")
    assert done(await world.leader.post(move, json={"step": "decide", "outcome": "buy"}))["state"] == "decided"
    refused(await world.leader.post(move, json={"step": "drop"}), 409, "raid-step-not-allowed")
    assert len(done(await world.consumer.get(f"{path}/raid?state=decided"))["items"]) == 1


async def test_the_portfolio_is_summed_and_optimised(world: World) -> None:
    ids = []
    for value, cost, nature in (("60", "50", "run"), ("55", "50", "change"), ("110", "99.5", "change")):
        ids.append((await world.draft())["id"])
        case = {"nature": nature, "value": value, "cost": cost, "currency": "USD", "days": {"dev": "10"}}
        done(await world.leader.put(f"/v1/demands/{ids[-1]}/business-case", json=case), 201)
    summary = done(await world.leader.get("/v1/portfolio-summary"))["totals"]
    assert [(row["nature"], row["candidates"], row["value"], row["cost"]) for row in summary] == [
        ("change", 2, "165", "149.5"),
        ("run", 1, "60", "50"),
    ]
    body = {"currency": "USD", "budget": "100", "capacity": {"dev": "20"}}
    best = done(await world.leader.post("/v1/portfolio-optimisations", json=body))
    assert (best["chosen"], best["value"], best["proven_optimal"]) == (ids[:2], "115", True)
    assert best["just_missed"][0] == {
        "demand_id": ids[2], "value": "110", "lacks": {"budget": "99.5", "capacity/dev": "10"}, "barred_by": [],
    }  # fmt: skip
    other = body | {"must_have": [ids[2]]}
    assert done(await world.leader.post("/v1/portfolio-optimisations", json=other))["chosen"] == [ids[2]]
    stray = body | {"dependencies": [[ids[0], str(uuid7())]]}
    refused(await world.leader.post("/v1/portfolio-optimisations", json=stray), 422, "candidate-unknown")
    full = body | {"must_have": ids}
    refused(await world.leader.post("/v1/portfolio-optimisations", json=full), 409, "no-set-fits")


async def test_more_candidates_than_fit_a_request_are_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demand_service.use_cases.portfolio.AT_ONCE", 0)
    demand_id = (await world.draft())["id"]
    case = {"nature": "run", "value": "1", "cost": "1", "currency": "USD"}
    done(await world.leader.put(f"/v1/demands/{demand_id}/business-case", json=case), 201)
    accepted = await world.leader.post("/v1/portfolio-optimisations", json={"currency": "USD", "budget": "1"})
    job = await world.service.finished_job(done(accepted, 202)["id"])
    assert job.state == "succeeded" and job.result is not None
    assert (job.result["chosen"], job.result["proven_optimal"]) == ([demand_id], True)
