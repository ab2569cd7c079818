"""Pools, volumes and allocation runs: exact shares, what stays unallocated, unit costs and their events."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import World, focus_csv, imported, on_both_databases

pytestmark = pytest.mark.anyio


async def pool(client: httpx.AsyncClient, name: str, rules: list[dict[str, str]], **shares: Any) -> None:
    body = {
        "name": name,
        "rules": rules,
        "driver": {"kind": "fixed", "shares": [{"service_id": s, "weight": w} for s, w in shares["shares"].items()]},
    }
    answer = await client.post("/v1/cost-pools", json=body)
    assert answer.status_code == 201, answer.text


async def another_service(service: ServiceHarness, name: str) -> UUID:
    service_id = uuid7()
    data = {"id": str(service_id), "name": name, "state": "live", "unit_of_measure": "GB"}
    await service.deliver("itaas.catalog.service.created.v1", subject=service_id, data=data)
    return service_id


async def run(client: httpx.AsyncClient, period: str = "2026-10", **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/allocation-runs", json={"period": period, **more})
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


@on_both_databases
async def test_from_rows_to_unit_costs(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    storage = await another_service(service, "SAN storage")
    a, b = str(world.service_id), str(storage)
    await imported(
        service,
        finance,
        focus_csv(
            {"EffectiveCost": "100.01", "Tags": '{"service": "vm"}'},
            {"EffectiveCost": "0.00000000001", "Tags": '{"service": "vm"}'},
            {"EffectiveCost": "50", "ServiceName": "Network"},
            {"EffectiveCost": "7.5", "ServiceName": "Mystery"},
            {"EffectiveCost": "3", "ServiceName": "Idle"},
        ),
    )
    await pool(finance, "servers", [{"tag": "service", "equals": "vm"}], shares={a: "1"})
    await pool(finance, "network", [{"column": "ServiceName", "equals": "Network"}], shares={a: "2", b: "1"})
    await pool(finance, "idle", [{"column": "ServiceName", "equals": "Idle"}], shares={a: "0", b: "0"})
    volume = {"service_id": a, "period": "2026-10", "volume": "240"}
    assert (await finance.post("/v1/service-volumes", json=volume)).status_code == 200

    result = await run(finance, method="direct")
    assert result["total"] == {"amount": "160.51000000001", "currency": "USD"}
    by_service = {one["service_id"]: one for one in result["services"]}
    assert by_service[a]["cost"]["amount"] == "133.343333333343"  # 100.01000000001 + 33.333333333333
    assert by_service[a]["unit_cost"] == "0.5555972222"
    assert (by_service[a]["volume"], by_service[a]["unit"], by_service[a]["cost_rows"]) == ("240", "server", 3)
    assert (by_service[b]["unit_cost"], by_service[b]["volume_source"]) == (None, "none")
    assert [(left["pool"], left["amount"], left["cost_rows"]) for left in result["unallocated"]] == [
        ("idle", "3", 1),
        (None, "7.5", 1),
    ]
    assert result["unallocated"][0]["reason"] == "its driver sums to zero"
    shared = [Decimal(one["cost"]["amount"]) for one in result["services"]]
    left = [Decimal(one["amount"]) for one in result["unallocated"]]
    assert sum(shared + left) == Decimal(result["total"]["amount"])

    (event,) = await service.published("itaas.pricing.unit-cost.published.v1")
    assert (event.subject, event.sequence) == (a, 1)
    assert event.data == {
        "service_id": a,
        "period": "2026-10",
        "cost": {"amount": "133.343333333343", "currency": "USD"},
        "volume": "240",
        "unit_of_measure": "server",
        "unit_cost": "0.5555972222",
        "currency": "USD",
        "allocation_run_id": result["id"],
    }
    listed = (await finance.get(f"/v1/unit-costs?service_id={a}")).json()["items"]
    assert [one["allocation_run_id"] for one in listed] == [result["id"]]
    assert (await finance.get(f"/v1/allocation-runs/{result['id']}")).json() == result


async def test_same_inputs_same_hash_and_figures(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({}, {}))
    await pool(finance, "all", [], shares={str(world.service_id): "1"})
    thread = {"Correlation-Id": "loop-2"}
    first = await run(finance)
    answer = await finance.post("/v1/allocation-runs", json={"period": "2026-10"}, headers=thread)
    second = answer.json()
    assert (second["input_hash"], second["same_inputs_as"]) == (first["input_hash"], [first["id"]])
    assert [{**one, "allocation_run_id": "", "published_at": ""} for one in second["services"]] == [
        {**one, "allocation_run_id": "", "published_at": ""} for one in first["services"]
    ]
    await finance.post(
        "/v1/service-volumes", json={"service_id": str(world.service_id), "period": "2026-10", "volume": "3"}
    )
    third = await run(finance)
    assert third["input_hash"] != first["input_hash"]
    assert third["services"][0]["unit_cost"] == "5.3333333333"
    assert (await finance.get(f"/v1/allocation-runs/{first['id']}")).json() == first  # a run is immutable


async def test_unit_cost_events_belong_to_the_thread_of_their_run(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({}))
    await pool(finance, "all", [], shares={str(world.service_id): "1"})
    await world.subscribed("2026-10-17", quantity="31")
    for thread in ("one", "two"):
        body = {"period": "2026-10"}
        await finance.post("/v1/allocation-runs", json=body, headers={"Correlation-Id": thread})
    events = await service.published("itaas.pricing.unit-cost.published.v1")
    assert [(event.correlation_id, event.sequence) for event in events] == [("one", 1), ("two", 2)]
    assert events[0].data["volume"] == "15.0000000000"  # 31 × 15/31 days, where no volume was given
    assert events[0].data["unit_cost"] == "0.5333333333"


async def test_the_first_pool_in_order_takes_a_row(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({"ServiceName": "Network"}, {}))
    a = {str(world.service_id): "1"}
    await pool(finance, "rest", [], shares=a)
    late = {
        "name": "network",
        "position": 0,
        "rules": [{"column": "ServiceName", "equals": "Network"}],
        "driver": {"kind": "volume", "shares": [{"service_id": str(world.service_id)}]},
    }
    assert (await finance.post("/v1/cost-pools", json={**late, "position": 5})).status_code == 201
    pools = {one["name"]: one["cost_rows"] for one in (await run(finance))["pools"]}
    assert pools == {"rest": 2, "network": 0}


async def test_a_stranger_in_a_driver_stays_visible_and_never_stops_the_run(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({}))
    stranger = str(uuid7())
    await pool(finance, "all", [], shares={stranger: "1"})
    result = await run(finance)
    assert result["services"] == []
    assert result["unallocated"] == [
        {
            "pool": "all",
            "amount": "8.00",
            "cost_rows": 1,
            "reason": f"its driver names a service that the catalogue has not published: {stranger}",
        }
    ]


async def test_refusals_of_runs_and_pools(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    nothing = await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:itaas:problem:nothing-to-allocate")
    await imported(service, finance, focus_csv({}))
    await imported(service, finance, focus_csv({"BillingCurrency": "EUR"}), source="azure")
    mixed = await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    assert (mixed.status_code, mixed.json()["type"]) == (409, "urn:itaas:problem:mixed-currencies")

    good = {"name": "p", "rules": [], "driver": {"kind": "fixed", "shares": []}}
    twice = [{"service_id": str(world.service_id), "weight": "1"}] * 2
    for change, pointer in (
        ({"rules": [{"column": "Colour", "equals": "x"}]}, "/rules/0/column"),
        ({"rules": [{"column": "ServiceName", "tag": "a", "equals": "x"}]}, "/rules/0"),
        ({"rules": [{"equals": "x"}]}, "/rules/0"),
        ({"rules": [{"tag": 'a"b', "equals": "x"}]}, "/rules/0/tag"),
        ({"driver": {"kind": "fixed", "shares": twice}}, "/driver"),
        ({"driver": {"kind": "fixed", "shares": [{**twice[0], "weight": "-1"}]}}, "/driver/shares/0/weight"),
        ({"driver": {"kind": "fixed", "shares": [{**twice[0], "weight": 1.5}]}}, "/driver/shares/0/weight"),
        ({"colour": "blue"}, "/colour"),
        ({"name": ""}, "/name"),
    ):
        answer = await finance.post("/v1/cost-pools", json=good | change)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert (await finance.post("/v1/cost-pools", json=good)).status_code == 201
    assert (await finance.post("/v1/cost-pools", json=good)).json()["type"].endswith("pool-name-taken")
    bad = await finance.post("/v1/allocation-runs", json={"period": "2026-10", "method": "magic"})
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/method")


PREVIEW: dict[str, Any] = {
    "method": "direct",
    "currency": "USD",
    "pools": [{"name": "S1", "amount": "80000000"}, {"name": "S2", "amount": "60000000"}],
    "services": ["A", "B"],
    "drivers": {"S1": {"A": "3000", "B": "2000"}, "S2": {"A": "1000", "B": "2000"}},
}


async def test_the_allocation_calculator(service: ServiceHarness) -> None:
    async with service.client(roles=["consumer"]) as client:
        result = (await client.post("/v1/allocation-previews", json=PREVIEW)).json()
        assert [(one["service"], one["total"]["amount"]) for one in result["receivers"]] == [
            ("A", "68000000.00"),
            ("B", "72000000.00"),
        ]
        assert result["receivers"][0]["pools"]["S1"] == {"amount": "48000000.00", "currency": "USD"}
        assert result["total"]["amount"] == "140000000.00"

        circle = PREVIEW["drivers"] | {"S1": {"S2": "1", "A": "1"}, "S2": {"S1": "1", "B": "1"}}
        refused = await client.post(
            "/v1/allocation-previews", json=PREVIEW | {"method": "step_down", "drivers": circle}
        )
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:itaas:problem:circular-model")
        ordered = {"method": "step_down", "drivers": circle, "order": ["S2", "S1"]}
        result = (await client.post("/v1/allocation-previews", json=PREVIEW | ordered)).json()
        assert [one["total"]["amount"] for one in result["receivers"]] == ["110000000.00", "30000000.00"]
        assert result["gross"] == {"S1": "110000000", "S2": "60000000"}
        solved = {"method": "reciprocal", "drivers": circle}
        result = (await client.post("/v1/allocation-previews", json=PREVIEW | solved)).json()
        assert [one["total"]["amount"] for one in result["receivers"]] == ["73333333.33", "66666666.67"]

        typo = await client.post("/v1/allocation-previews", json=PREVIEW | {"drivers": {"S1": {"C": "1"}}})
        assert typo.json()["errors"][0]["pointer"] == "/drivers/S1/C"
