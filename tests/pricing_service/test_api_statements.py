"""Usage, rating, statements and their explanations: what is billed once is billed, and every amount adds up."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import (
    PER_HOUR,
    PER_SERVER,
    World,
    focus_csv,
    imported,
    on_both_databases,
    refusal,
    usage,
)

pytestmark = pytest.mark.anyio
BATCH = {"content-type": "application/cloudevents-batch+json"}


async def report(service: ServiceHarness, *events: Any) -> list[dict[str, Any]]:
    async with service.client(roles=["integration"]) as meter:
        answer = await meter.post("/v1/usage", json=list(events), headers=BATCH)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


async def rate(service: ServiceHarness, client: httpx.AsyncClient, period: str = "2026-11") -> dict[str, Any]:
    answer = await client.post("/v1/rating-runs", json={"period": period})
    assert answer.status_code == 202, answer.text
    job = await service.finished_job(answer.json()["id"])
    assert job.state == "succeeded", job.problem
    assert job.result is not None
    return job.result


async def statements(client: httpx.AsyncClient, world: World) -> list[dict[str, Any]]:
    listed = (await client.get(f"/v1/statements?business_unit_id={world.unit}&period=2026-11")).json()["items"]
    return [(await client.get(f"/v1/statements/{one['id']}")).json() for one in listed]


async def explained(client: httpx.AsyncClient, statement: dict[str, Any]) -> list[dict[str, Any]]:
    """The explanation of each line; each must add up to its line."""
    explanations = []
    for line in statement["lines"]:
        answer = await client.get(f"/v1/statements/{statement['id']}/lines/{line['id']}/explanation")
        assert answer.status_code == 200, answer.text
        why = answer.json()
        assert sum(Decimal(part["amount"]) for part in why["parts"]) == Decimal(line["amount"])
        assert why["amount"]["amount"] == line["amount"]
        explanations.append(why)
    return explanations


@on_both_databases
async def test_from_subscription_and_usage_to_an_explained_statement(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({"EffectiveCost": "90"}, {"EffectiveCost": "10.5"}))
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id), "weight": "1"}]}
    await finance.post("/v1/cost-pools", json={"name": "all", "rules": [], "driver": driver})
    run = (await finance.post("/v1/allocation-runs", json={"period": "2026-10"})).json()
    plan = await world.priced(finance, PER_SERVER, PER_HOUR)
    subscription = await world.subscribed("2026-11-10")
    events = (usage(subscription, "1", "12.5", day="2026-11-10"), usage(subscription, "2", "0.5", day="2026-11-30"))
    await report(service, *events)

    result = await rate(service, finance)
    assert (result["statements"], result["lines"], result["unpriced"]) == (1, 2, [])
    assert result["total"] == {"amount": "95.00", "currency": "USD"}
    (draft,) = await statements(finance, world)
    assert (draft["state"], draft["sequence"], draft["total"]["amount"]) == ("draft", 1, "95.00")
    assert [(line["charge"], line["quantity"], line["amount"]) for line in draft["lines"]] == [
        ("server", "4", "84.00"),
        ("burst", "13.0", "11.00"),
    ]
    server, burst = await explained(finance, draft)
    assert server["formula"] == "(4 × 30) × 21/30 days = 84 USD"
    assert (server["usage_events"], burst["usage_events"]) == (0, 2)
    assert [event["id"] for event in burst["usage"]] == ["1", "2"]
    assert burst["formula"] == "10 × 1 + 3 × 0.333 = 10.999 ≈ 11.00 USD"
    assert (burst["price_plan"]["id"], burst["price_plan"]["version"]) == (plan, 1)
    assert burst["price_plan"]["charge"]["meter"] == "vm-hours"
    assert burst["allocation_run_id"] == run["id"]
    assert (burst["ledger_rows"], burst["ledger_total"]["amount"]) == (2, "100.5")
    (pool,) = burst["pools"]
    assert (await finance.get(pool.pop("href"))).json()["next_cursor"] is None
    assert pool == {"name": "all", "cost_rows": 2, "amount": "100.5", "share": "100.5"}


@on_both_databases
async def test_all_usage_behind_a_line_can_be_paged_through(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    ids = [f"{number:03}" for number in range(150)]
    await report(service, *(usage(subscription, id_, "1") for id_ in ids))
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    server, burst = await explained(finance, draft)
    assert (server["usage_events"], server["usage_href"]) == (0, None)
    assert (burst["usage_events"], len(burst["usage"])) == (150, 100)
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await finance.get(burst["usage_href"], params={"limit": "60"} | cursor)).json()
        found += page["items"]
        cursor = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert [event["id"] for event in found] == ids  # all at one instant: the order goes on by source and id
    assert found[:100] == burst["usage"]
    for wrong in ("x", "WyJhIiwgImIiLCAiYyIsICIwIl0", "WyIyMDI2LTExLTA1IiwgImIiLCAiYyIsICIwIl0"):
        refused = await finance.get(burst["usage_href"], params={"cursor": wrong})
        assert refusal(refused) == (422, "cursor-not-readable", ["cursor"])
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        assert (await stranger.get(burst["usage_href"])).status_code in (403, 404)
    other = burst["usage_href"].replace(burst["line_id"], str(uuid7()))
    assert (await finance.get(other)).status_code == 404


@on_both_databases
async def test_what_a_credit_note_gave_back_is_not_given_back_again(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    await report(service, *(usage(subscription, number, "2") for number in "123"))
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    issued = (await finance.post(f"/v1/statements/{draft['id']}/issue")).json()
    burst = next(line for line in issued["lines"] if line["charge"] == "burst")
    wanted = {"statement_id": issued["id"], "lines": [{"line_id": burst["id"], "amount": "3"}], "reason": "not ours"}
    assert (await finance.post("/v1/credit-notes", json=wanted)).status_code == 201
    void = usage(subscription, "v1") | {"type": "itaas.usage.voided.v1"}
    for number, owed in (("1", "0.00"), ("2", "-1.00")):  # 6 billed and 3 credited; 4, then 2 are due
        original = {"original": {"source": "/meters/test", "id": number}}
        await report(service, void | {"id": f"void-{number}", "data": original})
        await rate(service, finance)
        (*_, draft) = await statements(finance, world)
        assert draft["total"]["amount"] == owed
        (why,) = await explained(finance, draft)
        assert "credited already" in why["formula"]
    await finance.post(f"/v1/statements/{draft['id']}/issue")
    assert (await rate(service, finance))["statements"] == 0


@on_both_databases
async def test_drafts_are_replaced_and_issued_statements_stand(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    await report(service, usage(subscription, "1", "8"))
    await rate(service, finance)
    await report(service, usage(subscription, "2", "1"))
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    assert (draft["sequence"], draft["total"]["amount"]) == (1, "129.00")

    issued = await finance.post(f"/v1/statements/{draft['id']}/issue", headers={"If-Match": '"1"'})
    assert (issued.status_code, issued.json()["state"]) == (200, "issued")
    again = await finance.post(f"/v1/statements/{draft['id']}/issue")
    assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:statement-not-issuable")
    assert (await rate(service, finance))["statements"] == 0

    await report(service, usage(subscription, "3", "4"))
    result = await rate(service, finance)
    assert (result["statements"], result["lines"]) == (1, 1)
    first, second = await statements(finance, world)
    assert first == issued.json()
    assert (second["sequence"], second["state"], second["total"]["amount"]) == (2, "draft", "2.00")
    (why,) = await explained(finance, second)
    assert why["formula"] == "10 × 1 + 3 × 0.333 = 10.999 ≈ 11.00 USD − 9.00 on statement 1 = 2.00 USD"
    assert why["usage_events"] == 1
    assert [one["usage_events"] for one in await explained(finance, first)] == [0, 2]
    (event,) = await service.published("itaas.pricing.statement.issued.v1")
    assert (event.subject, event.business_unit_id) == (first["id"], str(world.unit))
    assert event.data["total"] == {"amount": "129.00", "currency": "USD"}
    assert event.data["lines"][0]["subscription_id"] == str(subscription)


async def test_an_issued_statement_turns_its_reservation_into_actual(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR)
    body = {
        "business_unit_id": str(world.unit),
        "fiscal_year": 2026,
        "amount": {"amount": "5000", "currency": "USD"},
        "hard": True,
    }
    budget = (await finance.post("/v1/budgets", json=body)).json()
    demand = await world.propose()
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    await finance.post(f"/v1/quotes/{quote['id']}/accept")
    reserved = Decimal((await finance.get(f"/v1/budgets/{budget['id']}")).json()["reserved"])
    subscription = await world.subscribed("2026-11-01", demand=demand)
    await report(service, usage(subscription, "1", "5"))
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    await finance.post(f"/v1/statements/{draft['id']}/issue")
    after = (await finance.get(f"/v1/budgets/{budget['id']}")).json()
    expected = reserved - 120  # usage was never reserved: it is actual beside the reservation
    assert (Decimal(after["actual"]), Decimal(after["reserved"])) == (Decimal(125), expected)
    assert Decimal(after["available"]) == 5000 - 125 - expected


async def test_a_price_change_splits_the_month(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    await world.priced(finance, PER_SERVER | {"unit_price": "60"}, since="2026-11-16")
    await world.subscribed("2026-01-01")
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    assert [line["amount"] for line in draft["lines"]] == ["60.00", "120.00"]
    versions = [why["price_plan"]["version"] for why in await explained(finance, draft)]
    assert versions == [1, 2]


async def test_a_cost_plus_plan_follows_the_unit_cost_of_the_allocation_runs(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    plus = {"key": "server", "name": "Server", "recurring": "month", "model": "cost_plus", "markup": "20"}
    await world.priced(finance, plus)
    await world.subscribed("2026-01-01", quantity="3")
    unpriced = await rate(service, finance)
    assert unpriced["unpriced_count"] == 1
    assert "no allocation run knows" in unpriced["unpriced"][0]["reason"]
    await imported(service, finance, focus_csv({"EffectiveCost": "100"}))
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id)}]}
    await finance.post("/v1/cost-pools", json={"name": "all", "rules": [], "driver": driver})
    await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    assert draft["lines"][0]["formula"] == "3 × 33.3333333333 × (1 + 20 %) = 119.99999999988 ≈ 120.00 USD"
    quote = (await finance.get(f"/v1/quotes?demand_id={await world.propose(quantity='1')}")).json()["items"][0]
    assert quote["total"]["amount"] == "40.00"


async def test_falling_demand_does_not_push_up_a_price_by_the_planned_rate(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    plus = {"recurring": "month", "model": "cost_plus", "markup": "20", "name": "Server"}
    planned = plus | {"key": "planned", "basis": "planned"}
    refused = {"offering_id": str(world.offering), "currency": "USD", "charges": [planned | {"unit_cost": "1"}]}
    assert (await finance.post("/v1/price-plans", json=refused)).status_code == 422
    await world.priced(finance, plus | {"key": "actual"}, planned)
    await world.subscribed("2026-01-01", quantity="5")
    await imported(service, finance, focus_csv({"EffectiveCost": "100"}))
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id)}]}
    await finance.post("/v1/cost-pools", json={"name": "all", "rules": [], "driver": driver})

    # Five of ten are idle, and the actual unit cost is by what is in use.
    volume = {"service_id": str(world.service_id), "period": "2026-10", "volume": "5"}
    assert (await finance.post("/v1/service-volumes", json=volume)).status_code == 200
    await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    reason = (await rate(service, finance))["unpriced"][0]["reason"]
    assert "by the planned rate, but the service has no plan" in reason
    plan = {
        "service_id": str(world.service_id),
        "period": "2026-10",
        "planned_cost": {"amount": "100", "currency": "USD"},
        "planned_volume": "8",
        "practical_capacity": "10",
    }
    answer = await finance.put("/v1/service-plans", json=plan, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    assert (await rate(service, finance))["unpriced"] == []
    (draft,) = await statements(finance, world)
    assert {line["charge"]: line["amount"] for line in draft["lines"]} == {"actual": "120.00", "planned": "60.00"}
    quote = (await finance.get(f"/v1/quotes?demand_id={await world.propose(quantity='1')}")).json()["items"][0]
    assert quote["total"]["amount"] == "36.00"  # 20 + 20 % and 10 + 20 %
    (card,) = (await finance.get("/v1/rate-cards")).json()["items"]
    assert card["prices"] == ["unit cost + 20 %", "planned rate + 20 %"]


async def test_what_has_no_price_is_told_and_waits_for_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    subscription = await world.subscribed("2026-01-01")
    result = await rate(service, finance)
    assert result["unpriced"] == [
        {"subscription_id": str(subscription), "reason": f"offering {world.offering} has no price plan"}
    ]
    await world.priced(finance, PER_SERVER)
    await world.priced(finance, PER_HOUR, since="2026-12-01")  # so that the meter is known, but not in November
    await report(service, usage(subscription, "1", "3"))
    result = await rate(service, finance)
    assert result["unpriced"] == [
        {
            "subscription_id": str(subscription),
            "reason": "meter 'vm-hours' has no price on 2026-11-05",
            "meter": "vm-hours",
            "day": "2026-11-05",
        }
    ]
    assert result["total"]["amount"] == "120.00"
    await world.priced(finance, PER_SERVER, PER_HOUR, since="2026-11-01")
    assert (await rate(service, finance))["total"]["amount"] == "123.00"


@on_both_databases
async def test_usage_is_deduplicated_for_good_and_answered_one_by_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    stranger = uuid7()
    items = await report(
        service,
        usage(subscription, "a", "12.5"),
        usage(subscription, "a", "99"),
        usage(subscription, "b", "-1"),
        usage(stranger, "c"),
        usage(subscription, "d", data={"meter": "typo", "quantity": "1"}),
        "nonsense",
        usage(subscription, "e", data={"meter": "vm-hours", "quantity": 2}),
    )
    assert [(item["id"], item["outcome"], item["reason"]) for item in items] == [
        ("a", "accepted", None),
        ("a", "duplicate", None),
        ("b", "rejected", "data/quantity must not be negative"),
        ("c", "rejected", f"subscription {stranger} is not known"),
        ("d", "rejected", "meter 'typo' has no price in the offering's plan"),
        (None, "rejected", "the event is not a JSON object"),
        ("e", "accepted", None),
    ]
    again = await report(service, usage(subscription, "a", "12.5"), usage(subscription, "f", source="/other"))
    assert [item["outcome"] for item in again] == ["duplicate", "accepted"]
    assert (await rate(service, finance))["total"]["amount"] == "11.83"  # 10 + 5.5 × 0.333


async def test_one_event_by_itself_and_bodies_that_are_none(service: ServiceHarness, world: World) -> None:
    async with service.client(roles=["integration"]) as meter:
        one = {"content-type": "application/cloudevents+json; charset=utf-8"}
        answer = await meter.post("/v1/usage", json=usage(uuid7(), "x"), headers=one)
        assert answer.json()["items"][0]["outcome"] == "rejected"
        for content, headers, kind in (
            (b"[]", {"content-type": "application/json"}, "content-type-not-usage"),
            (b"{", one, "usage-not-readable"),
            (b"\xff", one, "usage-not-readable"),
            (b"[" * 100_000, BATCH, "usage-not-readable"),
            (b"{}", BATCH, "usage-not-readable"),
        ):
            refused = await meter.post("/v1/usage", content=content, headers=headers)
            assert (refused.status_code, refused.json()["type"]) == (422, f"urn:itaas:problem:{kind}")
    async with service.client(roles=["consumer"]) as consumer:
        assert (await consumer.post("/v1/usage", json=[], headers=BATCH)).status_code == 403


@on_both_databases
async def test_a_large_batch_is_taken_whole(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    items = await report(service, *[usage(subscription, str(n), "0.1") for n in range(3000)])
    assert {item["outcome"] for item in items} == {"accepted"}
    result = await rate(service, finance)
    assert result["total"]["amount"] == "106.57"  # 10 + 290 × 0.333


async def test_statements_are_seen_by_their_unit_alone(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    await world.subscribed("2026-01-01")
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    line = draft["lines"][0]["id"]
    async with service.client(roles=["consumer"], business_units=[world.unit]) as consumer:
        assert (await statements(consumer, world))[0]["id"] == draft["id"]
        assert (await consumer.post(f"/v1/statements/{draft['id']}/issue")).status_code == 403
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        assert (await stranger.get("/v1/statements")).json()["items"] == []
        for path in (f"/v1/statements/{draft['id']}", f"/v1/statements/{draft['id']}/lines/{line}/explanation"):
            assert (await stranger.get(path)).status_code == 403


async def test_refusals_of_rating_and_explanations(finance: httpx.AsyncClient, world: World) -> None:
    for period in ("2026-13", "November", "2026-1", None):
        answer = await finance.post("/v1/rating-runs", json={"period": period})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/period")
    missing = UUID(int=1)
    assert (await finance.post(f"/v1/statements/{missing}/issue")).status_code == 404
    assert (await finance.get(f"/v1/statements/{missing}/lines/{missing}/explanation")).status_code == 404
    assert (await finance.get("/v1/statements?period=x")).json()["errors"][0]["pointer"] == "period"


@on_both_databases
async def test_numbers_are_as_long_as_exact_arithmetic_makes_them(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    hourly = {name: value for name, value in PER_HOUR.items() if name != "tiers"}
    hourly |= {"model": "per_unit", "unit_price": "0.1" + "1" * 17}
    long = PER_SERVER | {"unit_price": "1.123456789012345678"}
    await world.priced(finance, long, hourly)
    asked = {"business_unit_id": str(world.unit), "offering_id": str(world.offering)}
    for quantity in ("1.000000000000000001", "1.1234567890123", "999999999999999999"):
        answer = await finance.post("/v1/quotes", json=asked | {"quantity": quantity})
        assert answer.status_code == 201, answer.text
    (event, *_) = await service.published("itaas.pricing.quote.issued.v1")
    assert event.data["quantity"] == "1.000000000000000001"
    subscription = await world.subscribed("2026-01-01", quantity="1.000000000000000001")
    await report(service, usage(subscription, "u", "1.1234567890123456"))
    await rate(service, finance)
    (statement,) = await statements(finance, world)
    exact = [part["amount"] for why in await explained(finance, statement) for part in why["parts"]]
    assert max(len(amount.partition(".")[2]) for amount in exact) > 30, exact


async def test_whatever_a_statement_can_hold_can_be_credited(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    most = "9" * 18
    await world.priced(finance, PER_SERVER | {"unit_price": most})
    await world.subscribed("2026-01-01", quantity=most)
    await rate(service, finance)
    (statement,) = await statements(finance, world)
    assert statement["total"]["amount"] == f"{(10**18 - 1) ** 2}.00"
    assert (await finance.post(f"/v1/statements/{statement['id']}/issue")).status_code == 200
    note: dict[str, Any] = {"statement_id": statement["id"], "reason": "all of it"}
    note["lines"] = [{"line_id": statement["lines"][0]["id"], "amount": statement["total"]["amount"]}]
    credited = await finance.post("/v1/credit-notes", json=note)
    assert (credited.status_code, credited.json()["total"]) == (201, statement["total"])
    note["lines"][0]["amount"] = "1" * 37
    assert (await finance.post("/v1/credit-notes", json=note)).status_code == 422
