"""From a run's explanation and a statement's line down to the cost rows that the run took, whatever came later."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_SERVER, World, focus_csv, imported, on_both_databases, refusal

pytestmark = pytest.mark.anyio


POOLS: list[tuple[str, list[dict[str, Any]]]] = [
    ("any_of", [{"column": "ServiceName", "in": ["web", "db"]}]),
    ("begins", [{"column": "ServiceName", "prefix": "w"}]),  # `web` is taken before
    ("untagged", [{"tag": "env", "present": False}]),
    ("tagged", [{"tag": "env", "present": True}]),
]
COSTS = (
    {"ServiceName": "web", "EffectiveCost": "1"},
    {"ServiceName": "db", "EffectiveCost": "2", "Tags": '{"env": "a"}'},
    {"ServiceName": "wan", "EffectiveCost": "4"},
    {"ServiceName": "lan", "EffectiveCost": "8"},
    {"ServiceName": "san", "EffectiveCost": "16", "Tags": '{"env": "b"}'},
)
TAKEN = {"any_of": ["1", "2"], "begins": ["4"], "untagged": ["8"], "tagged": ["16"]}


def receivers(service_id: object) -> dict[str, Any]:
    return {"kind": "fixed", "shares": [{"service_id": str(service_id), "weight": "1"}]}


async def rows(client: httpx.AsyncClient, href: str) -> list[str]:
    answer = await client.get(href)
    assert answer.status_code == 200, answer.text
    return [f"{Decimal(row['cost']).normalize():f}" for row in answer.json()["items"]]


async def run(client: httpx.AsyncClient, **more: Any) -> str:
    answer = await client.post("/v1/allocation-runs", json={"period": "2026-10", **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def linked(client: httpx.AsyncClient, run_id: str, service_id: object) -> dict[str, list[str]]:
    """Per pool the costs that its links show, each import's and currency's by a link of its own."""
    why = await client.get(f"/v1/allocation-runs/{run_id}/explanation?service_id={service_id}")
    assert why.status_code == 200, why.text
    found = {}
    for pool in why.json()["pools"]:
        shown = [(source, await rows(client, source["href"])) for source in pool["sources"]]
        assert [sum(map(Decimal, costs)) for _, costs in shown] == [Decimal(source["cost"]) for source, _ in shown]
        found[pool["name"]] = [cost for _, costs in shown for cost in costs]
    return found


@on_both_databases
async def test_a_run_leads_to_the_rows_that_it_took(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv(*COSTS))
    for name, rules in POOLS:
        body = {"name": name, "rules": rules, "driver": receivers(world.service_id)}
        assert (await finance.post("/v1/cost-pools", json=body)).status_code == 201
    by_pools = await run(finance)
    assert await linked(finance, by_pools, world.service_id) == TAKEN
    model = {
        "name": "One service",
        "effective_from": "2026-10",
        "method": "direct",
        "pools": [
            {
                "name": name,
                "rules": rules,
                "driver": {"kind": "fixed"},
                "receivers": [{"service_id": str(world.service_id)}],
            }
            for name, rules in POOLS
        ],
    }
    assert (await finance.post("/v1/allocation-models", json=model)).status_code == 201
    by_model = await run(finance)
    assert await linked(finance, by_model, world.service_id) == TAKEN

    # Of a line of a statement too.
    await world.priced(finance, PER_SERVER)
    await world.subscribed("2026-09-01")
    rating = await finance.post("/v1/rating-runs", json={"period": "2026-10"})
    await service.finished_job(rating.json()["id"])
    (draft,) = (await finance.get("/v1/statements?period=2026-10")).json()["items"]
    (line,) = (await finance.get(f"/v1/statements/{draft['id']}")).json()["lines"]
    why = (await finance.get(f"/v1/statements/{draft['id']}/lines/{line['id']}/explanation")).json()
    assert (why["allocation_run_id"], why["ledger_rows"]) == (by_model, 5)
    assert {pool["name"]: await rows(finance, pool["href"]) for pool in why["pools"]} == TAKEN

    # A restatement, and another pool in front: what the runs took stays what it was.
    await imported(service, finance, focus_csv({"ServiceName": "web", "EffectiveCost": "99"}))
    assert await rows(finance, "/v1/cost-rows?period=2026-10") == ["99"]
    assert await linked(finance, by_pools, world.service_id) == TAKEN
    assert await linked(finance, by_model, world.service_id) == TAKEN
    assert await rows(finance, f"/v1/cost-rows?allocation_run_id={by_model}") == ["1", "2", "4", "8", "16"]
    assert (await linked(finance, await run(finance), world.service_id)) == {
        "any_of": ["99"],
        **{name: [] for name in ("begins", "untagged", "tagged")},
    }

    for query, wanted in (
        ("pool=any_of", (422, "run-alone", ["allocation_run_id"])),
        (f"allocation_run_id={by_model}&period=2026-10&cleared=true", (422, "run-alone", ["period", "cleared"])),
        (f"allocation_run_id={by_model}&pool=none", (404, "pool-not-in-run", ["pool"])),
        (f"allocation_run_id={uuid7()}&pool=any_of", (404, "not-found", ["allocation_run_id"])),
    ):
        assert refusal(await finance.get(f"/v1/cost-rows?{query}")) == wanted


@on_both_databases
async def test_only_the_newest_run_of_a_period_says_what_a_service_cost(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({"EffectiveCost": "200"}))
    other = uuid7()
    data = {"id": str(other), "name": "SAN storage", "state": "live", "unit_of_measure": "GB"}
    await service.deliver("itaas.catalog.service.created.v1", subject=other, data=data)

    async def costs(receiver: object) -> dict[str, str]:
        model = {
            "name": "To one",
            "effective_from": "2026-10",
            "method": "direct",
            "pools": [
                {
                    "name": "all",
                    "rules": [],
                    "driver": {"kind": "fixed"},
                    "receivers": [{"service_id": str(receiver)}],
                }
            ],
        }
        assert (await finance.post("/v1/allocation-models", json=model)).status_code == 201
        await run(finance)
        items = (await finance.get("/v1/recovery?period=2026-10")).json()["items"]
        return {one["service_id"]: one["cost"]["amount"] for one in items if one["cost"] is not None}

    async def rated() -> dict[str, Any]:
        started = await finance.post("/v1/rating-runs", json={"period": "2026-10"})
        result = (await service.finished_job(started.json()["id"])).result
        assert result is not None
        return result

    plus = {"key": "server", "name": "Server", "recurring": "month", "model": "cost_plus", "markup": "0"}
    await world.priced(finance, plus)
    await world.subscribed("2026-09-01")
    assert await costs(world.service_id) == {str(world.service_id): "200"}
    assert (await rated())["unpriced_count"] == 0
    assert await costs(other) == {str(other): "200"}  # once, and where it is by now
    assert "no allocation run knows" in (await rated())["unpriced"][0]["reason"]
