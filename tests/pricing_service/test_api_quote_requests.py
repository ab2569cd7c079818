"""Quotes that apps ask for, without a demand or for one; and why a quote says what it says."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.clock import utc_now
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
from tests.pricing_service.test_api_budgets import PAST, accept_at, credited, issued, phases, quoted, read, set_budget
from tests.pricing_service.test_api_statements import report

pytestmark = pytest.mark.anyio

D = Decimal


def asked(world: World, **more: Any) -> dict[str, Any]:
    return {"business_unit_id": str(world.unit), "offering_id": str(world.offering), "quantity": "4"} | more


@on_both_databases
async def test_an_app_asks_accepts_is_charged_and_releases_without_a_demand(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    budget = await set_budget(finance, world, "5000")
    async with service.client(roles=["consumer"], business_units=[world.unit]) as app:
        key = {"Idempotency-Key": "ask-once"}
        body = asked(world, valid_days=3, note="for the new laboratory")
        answers = [await app.post("/v1/quotes", json=body, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        quote = answers[1].json()
        assert quote == answers[0].json()
        assert (quote["state"], quote["demand_id"], quote["note"]) == ("open", None, "for the new laboratory")
        valid = datetime.fromisoformat(quote["valid_until"]) - utc_now()
        assert timedelta(days=2, hours=23) < valid <= timedelta(days=3)
        assert quote["lines"][0]["rounding"] == {"mode": "half-even", "places": 2, "difference": "0"}
    await accept_at(service, quote, f"{PAST}-10-15")
    assert phases(await read(finance, budget), "reserved") == [0] * 9 + [120] * 3
    await world.subscribed(f"{PAST}-10-01")  # the app's own, of the same offering and without a demand
    await issued(service, finance, world, f"{PAST}-10")
    charged = await read(finance, budget)
    assert (phases(charged, "reserved"), phases(charged, "actual")) == (
        [0] * 10 + [120] * 2,
        [0] * 9 + [120] + [0] * 2,
    )
    released = await finance.post(f"/v1/quotes/{quote['id']}/release")
    assert (released.status_code, released.json()["ended_at"] is None) == (200, False)
    assert D((await read(finance, budget))["reserved"]) == 0
    again = await finance.post(f"/v1/quotes/{quote['id']}/release")
    assert refusal(again) == (409, "quote-not-releasable", [])
    told = (await service.published("itaas.pricing.quote.issued.v1"))[0]
    assert (told.data["demand_id"], told.data["service_id"]) == (None, str(world.service_id))


async def test_a_quote_for_a_demand_takes_the_place_of_its_open_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose()
    body = asked(world, demand_id=str(demand), quantity="5")
    assert (await finance.post("/v1/quotes", json=body)).status_code == 201
    old, new = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert (old["state"], old["closed_reason"]) == ("withdrawn", "another quote was asked for")
    assert (await finance.post(f"/v1/quotes/{new['id']}/accept")).status_code == 200
    assert refusal(await finance.post("/v1/quotes", json=body)) == (409, "demand-already-accepted", ["/demand_id"])
    over = await world.propose()
    await world.demand_ended(over, "rejected")
    other = await World(service).known()
    for change, found in (
        ({"quantity": "0"}, (422, "nothing-to-quote", ["/quantity"])),
        ({"quantity": "-1"}, (422, "request-not-valid", ["/quantity"])),
        ({"quantity": 4}, (422, "request-not-valid", ["/quantity"])),
        ({"valid_days": 0}, (422, "request-not-valid", ["/valid_days"])),
        ({"valid_until": "2020-01-01T00:00:00Z"}, (422, "validity-in-the-past", ["/valid_until"])),
        ({"valid_until": "2099-01-01T00:00:00Z", "valid_days": 3}, (422, "validity-given-twice", ["/valid_days"])),
        ({"offering_id": str(uuid7())}, (409, "offering-not-quotable", ["/offering_id"])),
        ({"offering_id": str(other.offering)}, (409, "offering-not-quotable", ["/offering_id"])),
        ({"demand_id": str(uuid7())}, (409, "demand-not-known", ["/demand_id"])),
        ({"demand_id": str(over)}, (409, "demand-is-over", ["/demand_id"])),
        (
            {"demand_id": str(over), "business_unit_id": str(other.unit)},
            (422, "demand-of-another-unit", ["/demand_id"]),
        ),
        ({"note": ""}, (422, "request-not-valid", ["/note"])),
    ):
        assert refusal(await finance.post("/v1/quotes", json=asked(world) | change)) == found, change
    async with service.client(roles=["consumer"], business_units=[other.unit]) as stranger:
        assert (await stranger.post("/v1/quotes", json=asked(world))).status_code == 403
        assert (await stranger.get(f"/v1/quotes/{new['id']}/explanation")).status_code == 403


@on_both_databases
async def test_a_quote_is_explained_down_to_its_plan_its_unit_cost_and_the_ledger(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await imported(service, finance, focus_csv({"EffectiveCost": "100.01"}, {"EffectiveCost": "50"}))
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id)}]}
    pool = {"name": "all", "rules": [], "driver": driver}
    made = await finance.post("/v1/cost-pools", json=pool)
    assert made.status_code == 201, made.text
    volume = {"service_id": str(world.service_id), "period": "2026-10", "volume": "7"}
    assert (await finance.post("/v1/service-volumes", json=volume)).status_code in (200, 201)
    ran = await finance.post("/v1/allocation-runs", json={"period": "2026-10", "method": "direct"})
    assert ran.status_code == 201, ran.text
    plus = {"key": "server", "name": "Server", "recurring": "month", "model": "cost_plus", "markup": "10"}
    once = {"key": "setup", "name": "Set-up", "recurring": "one_off", "model": "flat", "amount": "80"}
    plan = await world.priced(finance, plus, once)
    quote = (await finance.post("/v1/quotes", json=asked(world, quantity="3"))).json()
    budget = await set_budget(finance, world, "5000")
    await accept_at(service, quote, f"{PAST}-12-01")
    why = (await finance.get(f"/v1/quotes/{quote['id']}/explanation")).json()
    assert (why["price_plan_id"], why["plan_version"], why["allocation_run_id"]) == (plan, 1, ran.json()["id"])
    assert (why["period"], D(why["service_cost"]["amount"]), why["ledger_rows"]) == ("2026-10", D("150.01"), 2)
    assert D(why["ledger_total"]["amount"]) == D("150.01")
    assert D(why["unit_cost"]) == round(D("150.01") / 7, 10)
    server, setup = why["lines"]
    for line in why["lines"]:
        assert sum(D(part["amount"]) for part in line["parts"]) == D(line["amount"])
    rounding = next(D(part["amount"]) for part in server["parts"] if part["kind"] == "rounding")
    assert rounding == D(server["rounding"]["difference"]) != 0
    assert server["plan_charge"]["model"] == "cost_plus"
    assert (D(setup["amount"]), why["one_off_total"]["amount"]) == (80, "80.00")
    assert [(held["budget_id"], held["period"], held["charge"]) for held in why["reserved"]] == [
        (budget, f"{PAST}-12", "one_off"),
        (budget, f"{PAST}-12", "recurring"),
    ]


async def test_a_quote_holds_the_plans_minimum_so_a_hard_budget_stays_above_zero(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    terms = {
        "offering_id": str(world.offering),
        "currency": "USD",
        "charges": [PER_SERVER, PER_HOUR],
        "minimum": {"amount": "1000"},
        "effective_from": f"{PAST}-01-01T00:00:00Z",
    }
    assert (await finance.post("/v1/price-plans", json=terms)).status_code == 201
    budget = await set_budget(finance, world, "2000")
    demand = await world.propose()
    quote, other = await quoted(finance, world, demand), await quoted(finance, world)
    assert [(line["kind"], line["amount"]) for line in quote["lines"]] == [
        ("charge", "120.00"),
        ("plan_true_up", "880.00"),
    ]
    assert (quote["total"]["amount"], quote["annual_total"]["amount"]) == ("1000.00", "12000.00")
    why = (await finance.get(f"/v1/quotes/{quote['id']}/explanation")).json()
    for line in why["lines"]:
        assert sum(D(part["amount"]) for part in line["parts"]) == D(line["amount"])
    assert sum(D(line["amount"]) for line in why["lines"]) == D(why["total"]["amount"]) == 1000
    assert [line["plan_charge"] is None for line in why["lines"]] == [False, True]

    await accept_at(service, quote, f"{PAST}-11-15")
    assert phases(await read(finance, budget), "reserved")[10:] == [1000, 1000]
    refused = await accept_at(service, other, f"{PAST}-12-15")
    assert refused.detail.startswith("1000.00 is needed, 0.00 is available")
    subscription = await world.subscribed(f"{PAST}-11-01", demand=demand)
    await report(service, usage(subscription, "1", "500", day=f"{PAST}-11-03"))
    for number, period in enumerate((f"{PAST}-11", f"{PAST}-12"), 11):
        statement = await issued(service, finance, world, period)
        assert statement["total"]["amount"] == "1000.00"
        left = await read(finance, budget)
        assert (D(left["actual"]), D(left["reserved"])) == (1000 * (number - 10), 1000 * (12 - number))
        assert D(left["available"]) == 0  # in November the usage made up part of the minimum
    line = statement["lines"][0]
    await credited(finance, statement, line, "50")
    assert D((await read(finance, budget))["available"]) == 50


async def test_a_quote_knows_the_tags_and_the_term(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    gold = {"key": "gold", "name": "Gold", "percentage": "50", "tag": {"key": "class", "value": "gold"}}
    unit = {"key": "unit", "name": "Lab", "amount": "10", "tag": {"of": "business_unit", "key": "cost_centre"}}
    long = {"key": "long", "name": "Long", "amount": "7", "min_term_months": 12}
    terms = {
        "offering_id": str(world.offering),
        "currency": "USD",
        "charges": [PER_SERVER | {"discounts": [gold, unit]}],
        "discounts": [long],
        "effective_from": f"{PAST}-01-01T00:00:00Z",
    }
    assert (await finance.post("/v1/price-plans", json=terms)).status_code == 201
    plain = (await finance.post("/v1/quotes", json=asked(world))).json()
    tagged = (await finance.post("/v1/quotes", json=asked(world, tags={"class": "gold"}, term_months=12))).json()
    assert (plain["total"]["amount"], tagged["total"]["amount"]) == ("120.00", "53.00")
    data = {"id": str(world.unit), "name": "Science", "parent_id": None, "cost_centre": "CC-1"}
    await service.deliver(
        "itaas.demand.business-unit.changed.v1",
        subject=world.unit,
        data=data,
        sequence=2,
        business_unit_id=world.unit,
    )
    demand = uuid7()
    proposed = asked(world, id=str(demand), title="More servers", state="proposed", options={"class": "gold"})
    await service.deliver(
        "itaas.demand.demand.proposed.v1",
        subject=demand,
        data=proposed | {"term_months": 24},
        sequence=1,
        business_unit_id=world.unit,
    )
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert quote["total"]["amount"] == "43.00"  # 120 × 50 % − 10 − 7
