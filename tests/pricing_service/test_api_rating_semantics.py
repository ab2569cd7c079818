"""A subscription's history, charges in advance, discounts and minimums, from the events to the statement."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_SERVER, World, on_both_databases, usage
from tests.pricing_service.test_api_statements import explained, rate, report

pytestmark = pytest.mark.anyio
Line = tuple[str, str, str, str]


async def told(
    service: ServiceHarness, world: World, subscription: UUID, sequence: int, kind: str, **more: Any
) -> None:
    """An event of demand about a subscription."""
    data = {
        "id": str(subscription),
        "business_unit_id": str(world.unit),
        "offering_id": str(world.offering),
        "service_id": str(world.service_id),
        "quantity": "4",
        "options": {},
        "state": "active",
        "activated_at": "2026-09-01T09:00:00Z",
        "ended_at": None,
    } | more
    await service.deliver(
        f"itaas.demand.subscription.{kind}.v1",
        subject=subscription,
        data=data,
        sequence=sequence,
        business_unit_id=world.unit,
    )


async def statements_of(client: httpx.AsyncClient, world: World, period: str) -> list[dict[str, Any]]:
    listed = (await client.get(f"/v1/statements?business_unit_id={world.unit}&period={period}")).json()["items"]
    return [(await client.get(f"/v1/statements/{one['id']}")).json() for one in listed]


def lines(statement: dict[str, Any]) -> list[Line]:
    return [
        (line["service_period"], line["split_start"][-2:], line["charge"], line["amount"])
        for line in statement["lines"]
    ]


@on_both_databases
async def test_in_advance_from_first_statement_to_last_credit_whatever_the_order_of_events(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    setup = {"key": "setup", "name": "Setup", "recurring": "one_off", "model": "flat", "amount": "80"}
    await world.priced(finance, PER_SERVER | {"timing": "in_advance", "suspension": "none"}, setup)
    one = uuid7()
    await told(service, world, one, 2, "changed", quantity="6", effective_at="2026-09-16T00:00:00Z")
    await told(service, world, one, 1, "activated")
    await rate(service, finance, "2026-09")
    (september,) = await statements_of(finance, world, "2026-09")
    assert lines(september) == [
        ("2026-09", "01", "server", "60.00"),
        ("2026-09", "01", "setup", "80.00"),
        ("2026-09", "16", "server", "90.00"),
        ("2026-10", "01", "server", "180.00"),
    ]
    assert september["lines"][0]["split_end"] == "2026-09-16"
    # October is rated while September is still a draft: what that bills in advance is not billed again.
    await rate(service, finance, "2026-10")
    (october,) = await statements_of(finance, world, "2026-10")
    assert lines(october) == [("2026-11", "01", "server", "180.00")]
    assert (await finance.post(f"/v1/statements/{september['id']}/issue")).status_code == 200

    suspended = {"quantity": "6", "state": "suspended", "effective_at": "2026-10-11T00:00:00Z"}
    await told(service, world, one, 3, "suspended", **suspended)
    await told(service, world, one, 3, "suspended", **suspended)
    await rate(service, finance, "2026-10")
    (october,) = await statements_of(finance, world, "2026-10")
    assert lines(october) == [("2026-10", "01", "server", "-121.94")]  # 180 × 10/31 = 58.06 stay
    (why,) = await explained(finance, october)
    assert why["formula"].endswith("≈ 58.06 USD − 180.00 on statement 1 of 2026-09 = -121.94 USD")
    await finance.post(f"/v1/statements/{october['id']}/issue")
    ended = {"quantity": "6", "state": "ended", "ended_at": "2026-10-21T00:00:00Z"}
    await told(service, world, one, 4, "ended", **ended)
    assert (await rate(service, finance, "2026-10"))["statements"] == 0
    assert (await rate(service, finance, "2026-11"))["statements"] == 0


async def test_another_offering_discounts_by_tag_and_a_minimum_over_the_plan(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    gold = {
        "key": "gold",
        "name": "Gold",
        "percentage": "10",
        "own_line": True,
        "tag": {"key": "level", "value": "gold"},
    }
    research = {
        "key": "research",
        "name": "Research",
        "percentage": "50",
        "tag": {"of": "business_unit", "key": "kind"},
    }
    await service.deliver(
        "itaas.demand.business-unit.changed.v1",
        subject=world.unit,
        data={
            "id": str(world.unit),
            "name": "Science",
            "parent_id": None,
            "tags": {"kind": "lab"},
            "effective_at": "2026-09-01T00:00:00Z",
        },
        sequence=2,
        business_unit_id=world.unit,
    )
    other = uuid7()
    for offering, body in (
        (world.offering, {"charges": [PER_SERVER | {"discounts": [gold, research]}]}),
        (other, {"charges": [PER_SERVER | {"unit_price": "6"}], "minimum": {"amount": "100"}, "maximum": "5000"}),
    ):
        plan = {"offering_id": str(offering), "currency": "USD", "effective_from": "2026-01-01T00:00:00Z"} | body
        assert (await finance.post("/v1/price-plans", json=plan)).status_code == 201
    one = uuid7()
    await told(service, world, one, 1, "activated", tags={"level": "gold"})
    moved = {"offering_id": str(other), "effective_at": "2026-09-16T00:00:00Z"}
    await told(service, world, one, 2, "changed", **moved)
    await rate(service, finance, "2026-09")
    (draft,) = await statements_of(finance, world, "2026-09")
    assert [line["name"] for line in draft["lines"]][:2] == ["Server", "Server: Gold"]
    assert [(line["offering_id"], line["charge"], line["kind"], line["amount"]) for line in draft["lines"]] == [
        # 60, of which 10 % are 6 on a line of their own, and half of the 54 that are left
        (str(world.offering), "server", "charge", "33.00"),
        (str(world.offering), "server/gold", "discount", "-6.00"),
        (str(other), "server", "charge", "12.00"),
        (str(other), "plan", "plan_true_up", "38.00"),
    ]
    whys = await explained(finance, draft)
    assert Decimal(draft["total"]["amount"]) == 77
    assert [why["price_plan"]["offering_id"] for why in whys] == [str(world.offering)] * 2 + [str(other)] * 2

    foreign = uuid7()
    plan = {
        "offering_id": str(foreign),
        "currency": "EUR",
        "charges": [PER_SERVER],
        "effective_from": "2026-01-01T00:00:00Z",
    }
    await finance.post("/v1/price-plans", json=plan)
    await told(service, world, one, 3, "changed", offering_id=str(foreign), effective_at="2026-09-21T00:00:00Z")
    result = await rate(service, finance, "2026-09")
    assert result["unpriced"][0]["reason"] == f"offering {foreign} is priced in EUR, what was held in USD"
    assert result["totals"] == [{"amount": "43.67", "currency": "USD"}]  # 27, and 5/30 of the minimum of 100


async def test_a_commitment_over_the_term_looks_back_over_the_statements(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    plan = {
        "offering_id": str(world.offering),
        "currency": "USD",
        "effective_from": "2026-01-01T00:00:00Z",
        "charges": [PER_SERVER],
        "minimum": {"amount": "1000", "true_up": "term"},
    }
    await finance.post("/v1/price-plans", json=plan)
    await told(service, world, uuid7(), 1, "activated", term_months=2)
    await rate(service, finance, "2026-09")
    await rate(service, finance, "2026-10")
    (september,) = await statements_of(finance, world, "2026-09")
    (october,) = await statements_of(finance, world, "2026-10")
    assert lines(september) == [("2026-09", "01", "server", "120.00")]
    assert lines(october) == [("2026-10", "01", "server", "120.00"), ("2026-10", "01", "plan", "760.00")]
    assert october["lines"][1]["name"] == "Minimum commitment of 2026-09-01 to 2026-11-01"
    await explained(finance, october)


async def test_a_change_that_is_told_after_its_period_closed_is_adjusted_in_the_open_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    one = uuid7()
    await told(service, world, one, 1, "activated")
    await rate(service, finance, "2026-09")
    (september,) = await statements_of(finance, world, "2026-09")
    await finance.post(f"/v1/statements/{september['id']}/issue")
    assert (await finance.post("/v1/periods/2026-09/close")).status_code == 200
    await told(service, world, one, 2, "ended", state="ended", ended_at="2026-09-16T00:00:00Z")
    await rate(service, finance, "2026-10")
    (october,) = await statements_of(finance, world, "2026-10")
    assert lines(october) == [("2026-09", "01", "server", "-60.00")]
    await explained(finance, october)


async def test_a_matrix_prices_usage_by_what_its_meter_groups_by(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    meter = {"key": "calls", "name": "Calls", "unit": "each", "aggregation": "sum", "event_type": "app.call"}
    declared = await finance.post(
        "/v1/meters", json=meter | {"value_path": "$.count", "group_by": {"region": "$.region"}}
    )
    assert declared.status_code == 201, declared.text
    calls = {"key": "calls", "name": "Calls", "recurring": "usage", "meter": "calls", "model": "matrix"}
    rows = [{"values": {"region": "eu"}, "unit_price": "2"}, {"values": {"region": "us"}, "unit_price": "1.5"}]
    await world.priced(finance, calls | {"attributes": ["region"], "rows": rows})
    one = uuid7()
    await told(service, world, one, 1, "activated")

    def call(number: str, count: int, region: str) -> dict[str, Any]:
        return usage(one, number, day="2026-09-05", type="app.call", data={"count": count, "region": region})

    items = await report(service, call("1", 3, "eu"), call("2", 5, "us"), call("3", 1, "eu"), call("4", 7, "moon"))
    assert [item["outcome"] for item in items] == ["accepted"] * 4, items
    result = await rate(service, finance, "2026-09")
    (september,) = await statements_of(finance, world, "2026-09")
    assert [(line["quantity"], line["amount"]) for line in september["lines"]] == [("9", "15.50")]
    (why,) = await explained(finance, september)
    assert why["formula"] == "4 × 2 + 5 × 1.5 = 15.5 USD"
    assert [each["reason"] for each in result["unpriced"]] == ["no row of 'Calls' prices region moon"]
