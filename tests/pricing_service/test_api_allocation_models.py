"""Allocation models: steps from pools to business units, what-ifs, comparison, explanation, quality, planned rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from pricing_service.app import definition
from pricing_service.schemas.allocation_runs import AllocationRunCreate
from pricing_service.use_cases import allocation_runs
from services import context
from services.db.chassis_tables import ChassisBase
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, focus_csv, imported, on_both_databases, refusal, usage

pytestmark = pytest.mark.anyio

D = Decimal
FIXED = {"kind": "fixed"}
EVEN = {"kind": "even"}
HOURS = {"kind": "usage", "meter": "vm-hours"}


@dataclass
class Company:
    """Two services, three business units with heads, subscriptions with usage, and costs of October 2026."""

    service: ServiceHarness
    vm: UUID = field(default_factory=uuid7)
    san: UUID = field(default_factory=uuid7)
    units: list[UUID] = field(default_factory=lambda: [uuid7() for _ in range(3)])
    offerings: dict[UUID, UUID] = field(default_factory=dict)  # by service

    async def known(self, client: httpx.AsyncClient) -> "Company":
        for unit, heads in zip(self.units, (30, 10, None), strict=True):
            data = {"id": str(unit), "name": "Unit", "parent_id": None, "headcount": heads}
            await self.service.deliver("itaas.demand.business-unit.created.v1", subject=unit, data=data)
        for one, name in ((self.vm, "Virtual servers"), (self.san, "SAN storage")):
            data = {"id": str(one), "name": name, "state": "live", "unit_of_measure": "piece"}
            await self.service.deliver("itaas.catalog.service.created.v1", subject=one, data=data)
            await self.offered(client, one)
        held = [
            await self.subscribed(self.units[0], self.vm, "3"),
            await self.subscribed(self.units[1], self.vm, "1"),
            await self.subscribed(self.units[1], self.san, "5"),
        ]
        events = [
            usage(subscription, f"e{number}", quantity, day="2026-10-05")
            for number, (subscription, quantity) in enumerate(zip(held, ("20", "10", "10"), strict=True))
        ]
        async with self.service.client(roles=["integration"]) as meters:
            answer = await meters.post(
                "/v1/usage", json=events, headers={"content-type": "application/cloudevents-batch+json"}
            )
            assert {one["outcome"] for one in answer.json()["items"]} == {"accepted"}, answer.text
        await imported(
            self.service,
            client,
            focus_csv(
                {"EffectiveCost": "1000.01", "ServiceName": "Data centre"},
                {"EffectiveCost": "300", "ServiceName": "Licences", "Tags": '{"service": "vm"}'},
                {"EffectiveCost": "100", "ServiceName": "Overhead"},
                {"EffectiveCost": "50", "ServiceName": "Old mainframe"},
                {"EffectiveCost": "7", "ServiceName": "Nobody's"},
            ),
        )
        return self

    async def offered(self, client: httpx.AsyncClient, service_id: UUID) -> None:
        offering = self.offerings.setdefault(service_id, uuid7())
        data = {"service_id": str(service_id), "name": "Tier 1", "state": "published", "unit_of_measure": "piece"}
        await self.service.deliver("itaas.catalog.offering.published.v1", subject=offering, data=data)
        plan = {"offering_id": str(offering), "currency": "USD", "charges": [PER_HOUR]}
        answer = await client.post("/v1/price-plans", json=plan | {"effective_from": "2026-01-01T00:00:00Z"})
        assert answer.status_code == 201, answer.text

    async def subscribed(self, unit: UUID, service_id: UUID, quantity: str) -> UUID:
        subscription = uuid7()
        data = {
            "id": str(subscription),
            "demand_id": None,
            "business_unit_id": str(unit),
            "offering_id": str(self.offerings[service_id]),
            "service_id": str(service_id),
            "quantity": quantity,
            "state": "active",
            "activated_at": "2026-09-01T09:00:00Z",
            "ended_at": None,
        }
        await self.service.deliver(
            "itaas.demand.subscription.activated.v1", subject=subscription, data=data, business_unit_id=unit
        )
        return subscription

    def model(self, method: str = "reciprocal", **more: Any) -> dict[str, Any]:
        """Data centre → compute and storage, which charge each other; overhead by cost received; no mips."""
        vm, san = {"service_id": str(self.vm)}, {"service_id": str(self.san)}

        def pool(name: str, **rest: Any) -> dict[str, Any]:
            return {"name": name, "rules": [{"column": "ServiceName", "equals": name}], **rest}

        return {
            "name": "Towers",
            "effective_from": "2026-10",
            "method": method,
            "pools": [
                pool(
                    "Data centre",
                    driver=FIXED,
                    receivers=[{"tower": "compute", "weight": "3"}, {"tower": "storage", "weight": "1"}],
                ),
                pool("Licences", driver=FIXED, receivers=[vm]),
                pool("Overhead", driver={"kind": "cost_weighted"}, fallback=EVEN),
                pool("Old mainframe", driver=HOURS | {"meter": "mips"}),
            ],
            "towers": [
                {
                    "name": "compute",
                    "driver": {"kind": "statistic", "statistic": "racks"},
                    "receivers": [vm, san, {"tower": "storage"}],
                    "fallback": EVEN,
                },
                {"name": "storage", "driver": FIXED, "receivers": [vm, san, {"tower": "compute", "weight": "2"}]},
            ],
            "business_units": {
                "driver": {"kind": "usage"},
                "exceptions": [{"service_id": str(self.san), "driver": {"kind": "headcount"}, "fallback": EVEN}],
            },
        } | more


async def saved(client: httpx.AsyncClient, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = await client.post("/v1/allocation-models", json=body)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def run(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/allocation-runs", json={"period": "2026-10", **more})
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def racks(client: httpx.AsyncClient, company: Company, vm: str, san: str, storage: str) -> httpx.Response:
    values = [
        {"service_id": str(company.vm), "value": vm},
        {"service_id": str(company.san), "value": san},
        {"tower": "storage", "value": storage},
    ]
    body = {"name": "racks", "period": "2026-10", "values": values}
    return await client.put("/v1/allocation-statistics", json=body, headers={"If-Match": "*"})


def total(rows: list[dict[str, Any]], name: str = "amount") -> Decimal:
    return sum((D(row[name]) for row in rows), D(0))


async def everything(service: ServiceHarness) -> dict[str, int]:
    """How many rows each table has, the chassis' own (outbox, audit, idempotency) included."""
    tables = [*definition.metadata.sorted_tables, *ChassisBase.metadata.sorted_tables]
    async with service.runtime.database.reading() as session:
        return {table.name: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@on_both_databases
async def test_from_pools_to_business_units_and_back(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    company = await Company(service).known(finance)
    model = await saved(finance, company.model())
    assert (model["model_version"], model["pools"][0]["driver"]["kind"]) == (1, "fixed")
    first = await run(finance)  # racks are not given: compute falls back to even
    assert (first["model_version"], first["method"], first["total"]["amount"]) == (1, "reciprocal", "1457.01")
    compute, storage = first["towers"]
    assert (compute["name"], compute["sharing"]["basis"], compute["sharing"]["driver"]) == (
        "compute",
        "fallback",
        "even",
    )
    assert "'racks', which is not given" in compute["sharing"]["reason"]
    # x = 750.0075 + y/2, y = 250.0025 + x/3
    assert (compute["gross"], storage["gross"]) == ("1050.0105", "600.006")
    assert [(left["pool"], left["amount"]) for left in first["unallocated"]] == [("Old mainframe", "50"), (None, "7")]
    assert "nothing of mips is known" in first["unallocated"][0]["reason"]
    costs = {one["service_id"]: one for one in first["services"]}
    carried = [D(one["cost"]["amount"]) for one in costs.values()]
    assert sum(carried) == D(first["allocated"]["amount"]) == D("1400.01")
    assert total(first["business_units"]) == D("1400.01")
    assert first["unconsumed"] == []
    per_unit = {one["business_unit_id"]: D(one["amount"]) for one in first["business_units"]}
    vm = D(costs[str(company.vm)]["cost"]["amount"])
    assert per_unit[str(company.units[0])] == (vm * 3 / 4).quantize(D("1e-12"))  # 3 of 4 servers; storage by heads

    # How well: licences by their rule; what came through the even fallback is only spread.
    quality = (await finance.get("/v1/periods/2026-10/cost-quality")).json()
    kinds = {one["attribution"]: D(one["amount"]) for one in quality["attribution"]}
    assert sum(kinds.values()) == D("1457.01")
    assert sum(D(one["share"]) for one in quality["attribution"]) == 1
    assert (kinds["rule"], kinds["unallocated"]) == (300, 57)
    assert (kinds["driver"], kinds["spread"]) == (100, D("1000.01"))  # the storage tower passes through compute
    assert quality["attribution"] == first["attribution"]
    assert [total(pool["attribution"]) == D(pool["total"]) for pool in quality["pools"]] == [True] * 5

    # Down to the cost rows: parts, pools, threads, towers and sources all add up.
    why = (await finance.get(f"/v1/allocation-runs/{first['id']}/explanation?service_id={company.vm}")).json()
    assert total(why["parts"]) == total(why["pools"]) == D(why["amount"]["amount"]) == vm
    for part in [*why["parts"], *(part for tower in why["towers"] for part in tower["parts"])]:
        assert total(part["threads"]) == D(part["amount"])
    for tower in why["towers"]:
        assert total(tower["parts"]) == D(tower["received"])
    for pool in why["pools"]:
        assert total(pool["sources"]) == D(pool["total"])
    assert total(why["business_units"]) + D(why["not_consumed"]) == vm
    licence = next(part for part in why["parts"] if part["giver"] == "pool:Licences")
    assert licence["formula"] == "300 × 1/1 by fixed = 300"
    rules = {pool["name"]: pool["rules"] for pool in why["pools"]}
    (rule,) = rules["Licences"]
    assert {test: value for test, value in rule.items() if value is not None} == {
        "column": "ServiceName",
        "equals": "Licences",
    }
    (source,) = next(pool["sources"] for pool in why["pools"] if pool["name"] == "Licences")
    behind = (await finance.get(source["href"])).json()["items"]
    assert [D(row["cost"]) for row in behind] == [300]

    # Other inputs, another run; the first one stays as it is.
    assert (await racks(finance, company, "8", "1", "1")).status_code == 200
    second = await run(finance)
    assert (second["towers"][0]["sharing"]["basis"], second["same_inputs_as"]) == ("driver", [])
    assert (await run(finance))["same_inputs_as"] == [second["id"]]
    compared = (await finance.get(f"/v1/allocation-runs/{first['id']}/comparison?with={second['id']}")).json()
    assert [change["input"] for change in compared["inputs_changed"]] == ["statistics"]
    (change,) = compared["inputs_changed"][0]["changes"]
    assert (change["pointer"], change["before"]) == ("/racks", None)
    assert (change["after"]["tower:storage"], len(change["after"])) == ("1", 3)  # JSON, not its text
    assert total(compared["services"], "difference") == 0
    assert (compared["total"]["difference"], compared["same_inputs"]) == ("0.00", False)
    assert any(D(one["difference"]) for one in compared["business_units"])
    assert total(compared["towers"], "b") == D("1000.01")
    assert (await finance.get(f"/v1/allocation-runs/{first['id']}")).json() == first
    listed = (await finance.get("/v1/allocation-statistics?period=2026-10")).json()["items"]
    assert [(one["name"], len(one["values"])) for one in listed] == [("racks", 3)]


async def test_a_what_if_touches_nothing(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    company = await Company(service).known(finance)
    await saved(finance, company.model())
    stored = await run(finance)
    events = await service.published()  # and so the outbox is empty
    before = await everything(service)

    same = (await finance.post("/v1/allocation-what-ifs", json={"period": "2026-10"})).json()
    assert (same["comparison"]["a"], same["comparison"]["b"]) == (stored["id"], None)
    assert (same["input_hash"], same["comparison"]["same_inputs"]) == (stored["input_hash"], True)
    assert [one["cost"] for one in same["services"]] == [one["cost"] for one in stored["services"]]
    assert not any(D(one["difference"]) for one in same["comparison"]["services"])

    changed = {
        "period": "2026-10",
        "method": "direct",
        "weights": [{"pool": "Data centre", "receiver": {"tower": "storage", "weight": "0"}}],
        "volumes": [{"service_id": str(company.vm), "volume": "1000"}],
        "statistics": [{"name": "racks", "values": [{"service_id": str(company.vm), "value": "1"}]}],
    }
    answer = await finance.post("/v1/allocation-what-ifs", json=changed, headers={"Idempotency-Key": "k"})
    result = answer.json()
    assert answer.status_code == 200, answer.text
    assert (result["method"], result["towers"][1]["received"]) == ("direct", "0")
    (vm,) = [one for one in result["services"] if one["service_id"] == str(company.vm)]
    assert vm["cost"]["amount"] == "1400.01"  # all of compute, and so all of the overhead, which follows cost
    assert vm["unit_cost"] == "1.4000100000"
    inputs = {change["input"] for change in result["comparison"]["inputs_changed"]}
    assert inputs == {"model", "statistics", "volumes"}
    inline = {name: part for name, part in company.model("direct").items() if name not in ("name", "effective_from")}
    by_hours = {"name": "Data centre", "rules": inline["pools"][0]["rules"], "driver": HOURS}
    inline |= {"pools": [by_hours], "towers": []}
    fresh = (await finance.post("/v1/allocation-what-ifs", json={"period": "2026-10", "model": inline})).json()
    assert [left["amount"] for left in fresh["unallocated"]] == ["457"]
    hours = {one["service_id"]: one["cost"]["amount"] for one in fresh["services"]}  # 30 hours to 10
    assert hours == {str(company.vm): "750.0075", str(company.san): "250.0025"}
    for bad, name in (
        ({"model": inline, "model_id": str(uuid7())}, "method-and-model"),
        ({"weights": [{"tower": "x", "receiver": {"service_id": str(company.vm)}}]}, "unknown-pool"),
        ({"weights": [{"tower": "compute", "receiver": {"tower": "storage"}}]}, "unknown-receiver"),
        ({"method": "step_down"}, "circular-model"),
    ):
        assert refusal(await finance.post("/v1/allocation-what-ifs", json={"period": "2026-10"} | bad))[:2] == (
            422,
            name,
        )
    assert await everything(service) == before
    assert await service.published() == events


async def test_models_are_versions_and_wrong_ones_are_refused(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    company = await Company(service).known(finance)
    circular = await finance.post("/v1/allocation-models", json=company.model("step_down"))
    assert refusal(circular)[:2] == (422, "circular-model")
    assert "tower:compute" in circular.json()["detail"]
    order = ["Data centre", "Licences", "Overhead", "Old mainframe", "storage", "compute"]
    first = await saved(finance, company.model("step_down", order=order))
    second = await saved(finance, company.model("direct", effective_from="2026-11"))
    assert (first["model_version"], second["model_version"]) == (1, 2)
    assert (await run(finance))["model_version"] == 1  # the second is not effective yet
    assert (await run(finance, model_id=second["id"]))["model_version"] == 2
    by_pools = await run(finance, method="direct")  # there is no cost pool
    assert (by_pools["model_id"], by_pools["allocated"]["amount"]) == (None, "0")
    assert [one["amount"] for one in by_pools["unallocated"]] == ["1457.01"]
    listed = (await finance.get("/v1/allocation-models")).json()["items"]
    assert [one["effective_from"] for one in listed] == ["2026-10", "2026-11"]
    assert (await finance.get(f"/v1/allocation-models/{first['id']}")).json() == first
    for change, pointer in (
        ({"effective_from": "2026-13"}, "/effective_from"),
        ({"pools": []}, "/pools"),
        ({"order": ["Data centre"]}, "/order"),
        ({"towers": []}, "/pools/0/receivers/0"),
        ({"business_units": {"driver": FIXED}}, "/business_units"),
        ({"business_units": {"driver": HOURS | {"kind": "even"}}}, "/business_units/driver"),
    ):
        refused = await finance.post("/v1/allocation-models", json=company.model("direct", **change))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), refused.text
    both = await finance.post(
        "/v1/allocation-runs", json={"period": "2026-10", "method": "direct", "model_id": first["id"]}
    )
    assert refusal(both) == (422, "method-and-model", ["/method"])
    unknown = await finance.post("/v1/allocation-runs", json={"period": "2026-10", "model_id": str(uuid7())})
    assert unknown.status_code == 404
    for path in ("comparison?with=", "explanation?service_id="):
        assert (await finance.get(f"/v1/allocation-runs/{uuid7()}/{path}{uuid7()}")).status_code == 404
    assert refusal(await finance.get("/v1/periods/2026-09/cost-quality"))[:2] == (404, "period-not-allocated")
    async with service.client(roles=["consumer"]) as consumer:
        assert (await consumer.post("/v1/allocation-what-ifs", json={"period": "2026-10"})).status_code == 403


@on_both_databases
async def test_currencies_are_converted_at_the_periods_average_rate(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    company = await Company(service).known(finance)
    euros = focus_csv({"EffectiveCost": "10.5", "ServiceName": "Licences", "BillingCurrency": "EUR"})
    await imported(service, finance, euros, source="azure")
    await saved(finance, company.model())
    calendar = {"scheme": "months", "start_month": 1, "reporting_currency": "USD"}
    assert (await finance.put("/v1/fiscal-calendar", json=calendar, headers={"If-Match": "*"})).status_code == 200
    lacking = await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    assert refusal(lacking)[:2] == (409, "mixed-currencies")
    assert "EUR/USD by 2026-10-31" in lacking.json()["errors"][0]["message"]
    rate = {"type": "average", "base": "EUR", "quote": "USD", "rate": "1.08", "date": "2026-10-31", "source": "ECB"}
    assert (await finance.post("/v1/exchange-rates", json=rate)).status_code == 201
    result = await run(finance)
    assert result["conversions"] == [
        {"currency": "EUR", "cost": "10.5", "rate": "1.08", "rate_inverse": False, "amount": "11.34"}
    ]
    assert result["total"] == {"amount": "1468.35", "currency": "USD"}
    why = (await finance.get(f"/v1/allocation-runs/{result['id']}/explanation?service_id={company.vm}")).json()
    licences = next(pool for pool in why["pools"] if pool["name"] == "Licences")
    assert [(one["currency"], one["amount"]) for one in licences["sources"]] == [("USD", "300"), ("EUR", "11.34")]
    assert (await finance.post("/v1/exchange-rates", json=rate | {"rate": "1.09"})).status_code == 201
    other = await run(finance)
    compared = (await finance.get(f"/v1/allocation-runs/{result['id']}/comparison?with={other['id']}")).json()
    assert [change["input"] for change in compared["inputs_changed"]] == ["rates"]
    assert compared["total"]["difference"] == "0.105"


async def test_planned_rates_and_variances(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    company = await Company(service).known(finance)
    await saved(finance, company.model("direct"))
    vm = str(company.vm)
    path = f"/v1/services/{vm}/cost-variance?period=2026-10"
    plan = {
        "service_id": vm,
        "fiscal_year": 2026,
        "planned_cost": {"amount": "9600", "currency": "USD"},
        "planned_volume": "60",
        "practical_capacity": "96",
    }

    async def planned(body: Mapping[str, Any]) -> httpx.Response:
        return await finance.put("/v1/service-plans", json=body, headers={"If-Match": "*"})

    assert refusal(await finance.get(path))[:2] == (404, "plan-missing")
    answer = await planned(plan)
    items = answer.json()["items"]
    assert (len(items), {one["planned_rate"] for one in items}) == (12, {"100.0000000000"})
    assert total(items, "planned_cost") == 9600
    assert refusal(await finance.get(path))[:2] == (404, "actuals-missing")
    cost = next(one for one in (await run(finance))["services"] if one["service_id"] == vm)
    assert (cost["volume"], cost["volume_source"]) == ("8", "capacity")  # falling demand does not push it up
    found = (await finance.get(path)).json()
    actual, parts, idle = found["actual"], found["variance"], found["idle_capacity"]
    assert (actual["volume"], actual["cost"]["amount"]) == ("4.0000000000", cost["cost"]["amount"])
    amounts = {name: D(parts[name]["amount"]) for name in ("rate", "volume", "total")}
    assert amounts["rate"] + amounts["volume"] == amounts["total"] == D(actual["cost"]["amount"]) - 100 * 5
    assert (D(idle["volume"]), D(idle["cost"]["amount"]), D(idle["planned_cost"]["amount"])) == (4, 400, 300)

    one = {name: part for name, part in plan.items() if name != "fiscal_year"} | {"period": "2026-10"}
    metered = one | {"planned_cost": {"amount": "800", "currency": "USD"}, "meter": "vm-hours"}
    assert (await planned(metered)).json()["items"][0]["fiscal_year"] is None
    assert (await finance.get(path)).json()["actual"]["volume"] == "30"
    assert (await planned(one | {"planned_cost": {"amount": "1", "currency": "EUR"}})).status_code == 200
    assert refusal(await finance.get(path))[:2] == (409, "plan-currency-differs")
    for bad, name, pointer in (
        (one | {"practical_capacity": "0"}, "no-capacity", "/practical_capacity"),
        (one | {"fiscal_year": 2026}, "request-not-valid", ""),
        (one | {"planned_volume": "-1"}, "request-not-valid", "/planned_volume"),
    ):
        assert refusal(await planned(bad)) == (422, name, [pointer])
    without = await finance.put("/v1/service-plans", json=one)
    assert without.status_code == 428
    listed = (await finance.get(f"/v1/service-plans?service_id={vm}&period=2026-10")).json()["items"]
    assert [plan["currency"] for plan in listed] == ["EUR"]


async def test_a_planned_rate_is_told_period_by_period(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    company = await Company(service).known(finance)
    plan = {
        "service_id": str(company.vm),
        "fiscal_year": 2026,
        "planned_cost": {"amount": "9600", "currency": "USD"},
        "planned_volume": "60",
        "practical_capacity": "96",
    }

    async def planned(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = await finance.put("/v1/service-plans", json=body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    plans = await planned(plan)
    assert await planned(plan) == plans  # the same again is no news
    event = "itaas.pricing.unit-cost.planned.v1"
    told = {e.subject: e for e in await service.published(event)}
    assert len(told) == 12
    october = next(one for one in plans if one["period"] == "2026-10")
    assert told[october["id"]].data == {
        "service_plan_id": october["id"],
        "service_id": str(company.vm),
        "period": "2026-10",
        "starts_at": "2026-10-01T00:00:00Z",
        "ends_at": "2026-11-01T00:00:00Z",
        "fiscal_year": 2026,
        "planned_cost": {"amount": "800", "currency": "USD"},
        "planned_volume": "5",
        "practical_capacity": "8",
        "unit_of_measure": "piece",
        "planned_rate": "100.0000000000",
        "currency": "USD",
    }
    (changed,) = await planned({**plan, "fiscal_year": None, "period": "2026-10", "practical_capacity": "48"})
    again = [e for e in await service.published(event) if e.subject == october["id"]]
    assert [(e.sequence, e.data["planned_rate"]) for e in again] == [(1, "100.0000000000"), (2, "200.0000000000")]
    assert changed["id"] == october["id"]


async def test_entries_that_are_no_files_are_inputs_too(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    company = await Company(service).known(finance)
    await saved(finance, company.model())
    first = await run(finance)
    line = {"service_name": "Licences", "amount": "-10.5", "description": "goodwill"}
    entry = {"kind": "credit", "period": "2026-10", "currency": "USD", "reason": "goodwill", "lines": [line]}
    answer = await finance.post("/v1/cost-entries", json=entry)
    assert answer.status_code == 201, answer.text
    second, third = await run(finance), await run(finance)
    assert first["input_hash"] != second["input_hash"] == third["input_hash"]
    assert (second["total"]["amount"], third["same_inputs_as"]) == ("1446.51", [second["id"]])
    compared = (await finance.get(f"/v1/allocation-runs/{first['id']}/comparison?with={second['id']}")).json()
    assert [change["input"] for change in compared["inputs_changed"]] == ["snapshots", "costs"]
    assert compared["pools"][0]["difference"] == "-10.5"


async def test_a_closed_period_and_changed_inputs_stop_a_run(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    company = await Company(service).known(finance)
    await saved(finance, company.model())
    database = service.runtime.database
    with context.entered(context.WorkContext("thread", "cause", "request")):
        async with database.reading() as session:
            prepared = await allocation_runs.prepare_run(session, AllocationRunCreate(period="2026-10"))
        assert (await racks(finance, company, "1", "1", "0")).status_code == 200
        with pytest.raises(allocation_runs.InputsChanged):
            async with database.transaction() as session:
                await allocation_runs.keep_run(session, prepared)
    assert (await finance.get("/v1/allocation-runs")).json()["items"] == []
    stored = await run(finance)
    for earlier in ("2026-09", "2026-10"):
        closed = await finance.post(f"/v1/periods/{earlier}/close")
        assert closed.status_code == 200, closed.text
    refused = await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    assert refusal(refused) == (409, "period-closed", ["/period"])
    assert refusal(await racks(finance, company, "1", "1", "1"))[:2] == (409, "period-closed")
    volume = {"service_id": str(company.vm), "period": "2026-10", "volume": "1"}
    assert refusal(await finance.post("/v1/service-volumes", json=volume))[:2] == (409, "period-closed")
    plan = {
        "service_id": str(company.vm),
        "fiscal_year": 2026,
        "planned_cost": {"amount": "1", "currency": "USD"},
        "planned_volume": "1",
        "practical_capacity": "1",
    }
    answer = await finance.put("/v1/service-plans", json=plan, headers={"If-Match": "*"})
    assert refusal(answer) == (409, "period-closed", ["/fiscal_year"])
    what_if = (await finance.post("/v1/allocation-what-ifs", json={"period": "2026-10"})).json()
    assert what_if["allocated"] == stored["allocated"]  # asking is free
