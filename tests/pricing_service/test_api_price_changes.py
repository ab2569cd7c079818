"""Price changes from draft to effective, rate cards per audience, and pricing strategies."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from pricing_service.tables import PriceChange
from services.db.chassis_tables import Timer
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, focus_csv, imported, on_both_databases, usage
from tests.pricing_service.test_api_rating_semantics import statements_of, told
from tests.pricing_service.test_api_statements import explained, rate, report

pytestmark = pytest.mark.anyio
DEARER = PER_SERVER | {"unit_price": "36"}


def instant(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


async def drafted(client: httpx.AsyncClient, world: World, *charges: dict[str, Any], **more: Any) -> httpx.Response:
    body = {"offering_id": str(world.offering), "effective_from": instant(days=30), "charges": list(charges)} | more
    return await client.post("/v1/price-changes", json=body)


async def shadowed(service: ServiceHarness, client: httpx.AsyncClient, change: str, periods: int = 1) -> dict[str, Any]:
    answer = await client.post(f"/v1/price-changes/{change}/shadow-pricing", json={"periods": periods})
    assert answer.status_code == 202, answer.text
    job = await service.finished_job(answer.json()["id"])
    assert job.state == "succeeded" and job.result is not None, job.problem
    return job.result


async def effective(service: ServiceHarness, client: httpx.AsyncClient, path: str, at: datetime) -> dict[str, Any]:
    """The announced change once it counts: its instant, which a test cannot wait for, is put into the past."""
    async with service.runtime.database.transaction() as session:
        await session.execute(update(PriceChange).values(effective_from=at))
        await session.execute(update(Timer).where(Timer.kind == "price-effective").values(due_at=at))
    async with asyncio.timeout(20):
        while (change := (await client.get(path)).json())["state"] != "effective":
            await asyncio.sleep(0.1)
    return dict(change)


@on_both_databases
async def test_a_price_is_shadow_priced_then_announced_then_effective(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR)
    now = datetime.now(UTC)
    last_month = (now.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    one = await world.subscribed("2026-01-01")
    await world.subscribed("2026-01-01", quantity="1", until="2026-02-01")  # ended long before
    await report(service, usage(one, "1", "20", day=f"{last_month}-05"))
    change = (await drafted(finance, world, DEARER, PER_HOUR)).json()
    path = f"/v1/price-changes/{change['id']}"
    early = await finance.post(f"{path}/announce", json={"notice": "soon"})
    assert (early.status_code, early.json()["type"]) == (409, "urn:itaas:problem:not-shadow-priced")

    result = await shadowed(service, finance, change["id"])
    assert (result["periods"], result["subscriptions"]) == ([last_month], 1)
    assert (result["old_amount"], result["new_amount"]) == ("133.33", "157.33")  # 10 + 10 × 0.333 beside the servers
    (effect,) = (await finance.get(f"{path}/effects")).json()["items"]
    assert (effect["subscription_id"], effect["business_unit_id"]) == (str(one), str(world.unit))
    assert (effect["applies"], effect["difference"], effect["period"]) == ("now", "24.00", last_month)
    (unit,) = (await finance.get(f"{path}/business-units")).json()["items"]
    assert (unit["old_amount"], unit["new_amount"], unit["subscriptions"]) == ("133.33", "157.33", 1)
    assert (await finance.get(f"{path}/effects?business_unit_id={uuid7()}")).json()["items"] == []
    again = await shadowed(service, finance, change["id"], periods=2)
    assert (again["periods"][1], again["old_amount"]) == (last_month, "253.33")
    assert len((await finance.get(f"{path}/effects")).json()["items"]) == 2

    announced = await finance.post(f"{path}/announce", json={"notice": "Licences cost more."})
    assert (announced.status_code, announced.json()["state"]) == (200, "announced"), announced.text
    for action in ("announce", "shadow-pricing"):
        body = {"notice": "x"} if action == "announce" else {}
        refused = await finance.post(f"{path}/{action}", json=body)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:price-change-not-possible")
    (told_of,) = await service.published("itaas.pricing.price.announced.v1")
    assert (told_of.subject, told_of.data["notice"]) == (str(world.offering), "Licences cost more.")
    assert told_of.data["business_unit_ids"] == [str(world.unit)]
    plan = (await effective(service, finance, path, now))["price_plan_id"]
    first, second = await service.published("itaas.pricing.price.changed.v1")
    assert (second.data["price_plan_id"], second.data["plan_version"]) == (plan, 2)
    assert first.sequence < told_of.sequence < second.sequence
    late = await finance.post(f"{path}/withdraw", json={"reason": "too late"})
    assert (late.status_code, late.json()["type"]) == (409, "urn:itaas:problem:price-change-not-possible")


async def test_who_stays_keeps_the_old_version_and_who_renews_moves(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    stayed, renewed = uuid7(), uuid7()
    for subscription in (stayed, renewed):
        await told(service, world, subscription, 1, "activated", activated_at="2026-01-01T00:00:00Z")
    for existing, applies, subscriptions in (("stay", "never", 0), ("renewal", "at_renewal", 2)):
        change = (await drafted(finance, world, DEARER, existing_subscriptions=existing)).json()
        path = f"/v1/price-changes/{change['id']}"
        assert (await shadowed(service, finance, change["id"]))["subscriptions"] == subscriptions
        effects = (await finance.get(f"{path}/effects")).json()["items"]
        assert {(each["applies"], each["old_amount"], each["new_amount"]) for each in effects} == {
            (applies, "120.00", "144.00")
        }
    await finance.post(f"{path}/announce", json={"notice": "At renewal."}, headers={"If-Match": "*"})
    soon = datetime.now(UTC)
    await effective(service, finance, path, soon)
    renewal = {"activated_at": "2026-01-01T00:00:00Z", "effective_at": (soon + timedelta(seconds=1)).isoformat()}
    await told(service, world, renewed, 2, "renewed", **renewal)
    await rate(service, finance, f"{soon:%Y-%m}")
    (draft,) = await statements_of(finance, world, f"{soon:%Y-%m}")
    whys = await explained(finance, draft)
    versions = {
        (line["subscription_id"], why["price_plan"]["version"])
        for line, why in zip(draft["lines"], whys, strict=True)
        if line["split_end"] > f"{soon:%F}"
    }
    assert versions == {(str(stayed), 1), (str(renewed), 2)}


async def test_a_withdrawn_change_is_told_of_and_wrong_ones_are_refused(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    unpriced = await drafted(finance, world, DEARER)
    assert (unpriced.status_code, unpriced.json()["type"]) == (409, "urn:itaas:problem:offering-has-no-price")
    await world.priced(finance, PER_SERVER)
    much = {"key": "d", "name": "D", "percentage": "101"}
    for charge, more, kind, pointer in (
        (DEARER | {"discounts": [much]}, {}, "discount-above-whole", "/charges/0/discounts/0/percentage"),
        (DEARER, {"discounts": [much]}, "discount-above-whole", "/discounts/0/percentage"),
        (
            DEARER | {"discounts": [{"key": "d", "name": "D", "amount": "-1"}]},
            {},
            "negative-discount",
            "/charges/0/discounts/0/amount",
        ),
        (
            DEARER | {"discounts": [{"key": "d", "name": "D"}]},
            {},
            "discount-unclear",
            "/charges/0/discounts/0/percentage",
        ),
        (DEARER | {"unit_price": "-1"}, {}, "negative-price", "/charges/0/unit_price"),
        (PER_HOUR | {"timing": "in_advance"}, {}, "charges-wrong", "/charges/0/timing"),
        (DEARER | {"suspension": "percentage"}, {}, "suspension-unclear", "/charges/0/suspension_percentage"),
        (
            {
                "key": "m",
                "name": "M",
                "recurring": "month",
                "model": "matrix",
                "attributes": ["a"],
                "rows": [{"values": {"b": "1"}, "unit_price": "1"}],
            },
            {},
            "matrix-unclear",
            "/charges/0/rows/0/values",
        ),
        (DEARER, {"minimum": {"amount": "9"}, "maximum": "8"}, "minimum-above-maximum", "/minimum"),
        (DEARER, {"existing_subscriptions": "some"}, "request-not-valid", "/existing_subscriptions"),
    ):
        answer = await drafted(finance, world, charge, **more)
        assert (answer.status_code, answer.json()["type"]) == (422, f"urn:itaas:problem:{kind}"), answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    past = await drafted(finance, world, DEARER, effective_from="2026-01-01T00:00:00Z")
    assert (past.status_code, past.json()["type"]) == (409, "urn:itaas:problem:effective-too-soon")
    async with service.client(roles=["consumer"]) as consumer:
        assert (await drafted(consumer, world, DEARER)).status_code == 403

    change = (await drafted(finance, world, DEARER)).json()
    path = f"/v1/price-changes/{change['id']}"
    stale = await finance.post(f"{path}/withdraw", json={"reason": "no"}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    await shadowed(service, finance, change["id"])
    await finance.post(f"{path}/announce", json={"notice": "n"})
    withdrawn = await finance.post(f"{path}/withdraw", json={"reason": "The supplier gave in."})
    assert (withdrawn.json()["state"], withdrawn.json()["reason"]) == ("withdrawn", "The supplier gave in.")
    (event,) = await service.published("itaas.pricing.price.withdrawn.v1")
    assert event.data["price_change_id"] == change["id"]
    listed = (await finance.get(f"/v1/price-changes?offering_id={world.offering}&state=withdrawn")).json()["items"]
    assert [one["id"] for one in listed] == [change["id"]]
    assert (await finance.get(f"/v1/price-changes/{uuid7()}")).status_code == 404


async def test_a_rate_card_shows_what_the_closest_audience_pays(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    lab = uuid7()
    await service.deliver(
        "itaas.demand.business-unit.created.v1",
        subject=lab,
        data={"id": str(lab), "name": "=Lab", "parent_id": str(world.unit)},
        business_unit_id=lab,
    )
    await world.priced(finance, PER_SERVER, PER_HOUR)
    for audience, price in ((world.unit, "20"), (uuid7(), "1")):
        plan = {
            "offering_id": str(world.offering),
            "currency": "USD",
            "charges": [PER_SERVER | {"unit_price": price, "name": "=Server"}],
            "effective_from": "2026-01-01T00:00:00Z",
            "audience": [str(audience)],
        }
        assert (await finance.post("/v1/price-plans", json=plan)).status_code == 201

    async def card(client: httpx.AsyncClient, query: str = "") -> list[list[str]]:
        answer = await client.get(f"/v1/rate-cards{query}")
        assert answer.status_code == 200, answer.text
        return [item["prices"] for item in answer.json()["items"]]

    for_all = [["30 each", "up to 10: 1 each; beyond: 0.333 each"]]
    assert await card(finance) == for_all
    assert await card(finance, f"?audience={lab}") == [["20 each"]]
    assert await card(finance, f"?audience={uuid7()}") == for_all
    assert await card(finance, "?at=2025-12-31T00:00:00Z") == []
    answer = await finance.get(f"/v1/rate-cards?audience={lab}&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["offering"], row["name"], row["price"]) == ("Tier 1", "'=Server", "20 each")
    async with service.client(roles=["consumer"], business_units=[lab]) as consumer:
        assert await card(consumer, f"?audience={lab}") == [["20 each"]]
        assert (await consumer.get(f"/v1/rate-cards?audience={world.unit}")).status_code == 403
    # A quote and a statement of the unit go by the same price.
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={await world.propose(quantity='1')}")).json()["items"]
    assert quote["total"]["amount"] == "20.00"
    await world.subscribed("2026-01-01", quantity="1")
    assert (await rate(service, finance))["total"]["amount"] == "20.00"


async def test_a_strategy_is_held_against_what_closed_periods_recovered(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    path = f"/v1/services/{world.service_id}/pricing-strategy"
    unset = await finance.get(path)
    assert (unset.json()["strategy"], unset.headers["etag"]) == ("cost_recovery", '"0"')
    body = {"strategy": "subsidised", "target_recovery_percentage": "80", "tolerance_percentage_points": "10"}
    assert (await finance.put(path, json=body)).status_code == 428
    kept = await finance.put(path, json=body, headers={"If-Match": '"0"'})
    assert (kept.status_code, kept.json()["target_recovery_percentage"], kept.headers["etag"]) == (200, "80", '"1"')
    for change, pointer in (
        ({"target_recovery_percentage": "100"}, "/target_recovery_percentage"),
        ({"tolerance_percentage_points": "-1"}, "/tolerance_percentage_points"),
        ({"strategy": "cost_recovery"}, "/target_recovery_percentage"),
    ):
        wrong = await finance.put(path, json=body | change, headers={"If-Match": "*"})
        assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:itaas:problem:strategy-unclear")
        assert wrong.json()["errors"][0]["pointer"] == pointer
    assert (await finance.get(f"/v1/services/{uuid7()}/pricing-strategy")).status_code == 404

    await imported(service, finance, focus_csv({"EffectiveCost": "200"}))
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id)}]}
    await finance.post("/v1/cost-pools", json={"name": "all", "rules": [], "driver": driver})
    await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    await world.priced(finance, PER_SERVER)
    await world.subscribed("2026-10-01")
    await rate(service, finance, "2026-10")
    (draft,) = await statements_of(finance, world, "2026-10")
    await finance.post(f"/v1/statements/{draft['id']}/issue")
    closed = await finance.post("/v1/periods/2026-10/close")
    assert closed.status_code == 200, closed.text
    shown = (await finance.get(f"{path}?periods=1")).json()
    assert (shown["drifted"], shown["overall"]["recovery_percentage"]) == (True, "60.0000")
    assert (shown["periods"][0]["revenue"], shown["periods"][0]["drift_percentage_points"]) == ("120", "-20.0000")
    assert shown["warnings"] == [
        "2026-10: 60.0000 % of the cost was recovered, -20.0000 points off the target of 80 %, where 10 are tolerated"
    ]
    (event,) = await service.published("itaas.pricing.recovery.drifted.v1")
    assert (event.subject, event.data["period"]) == (str(world.service_id), "2026-10")
    plan = {"offering_id": str(world.offering), "currency": "USD", "charges": [DEARER]}
    late = await finance.post("/v1/price-plans", json=plan | {"effective_from": "2026-10-31T23:00:00Z"})
    assert (late.status_code, late.json()["type"]) == (409, "urn:itaas:problem:effective-in-closed-period")
    assert late.json()["errors"][0]["message"] == "must not be before 2026-11-01T00:00:00Z"
