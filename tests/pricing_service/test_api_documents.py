"""From real costs to a statement, its documents, and a FOCUS export that the public validator takes."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from pricing_service.domain.csv_cells import safe_cell
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service import focus_validator
from tests.pricing_service.samples import PER_SERVER, World, imported, real_focus_sample, real_rates, refusal, usage
from tests.pricing_service.test_api_statements import rate, report

pytestmark = pytest.mark.anyio
D = Decimal

COST_PLUS = {"key": "server", "name": "Server", "recurring": "month", "model": "cost_plus", "markup": "10"}
SUPPORT = {
    "key": "support",
    "name": "Support",
    "recurring": "month",
    "timing": "in_advance",
    "model": "flat",
    "amount": "50",
    "discounts": [{"key": "loyal", "name": "Loyalty", "percentage": "20"}],
}
BURST = {
    "key": "burst",
    "name": "Burst compute",
    "recurring": "usage",
    "meter": "vm-hours",
    "model": "graduated",
    "tiers": [{"up_to": "10", "unit_price": "1"}, {"unit_price": "0.333"}],
}


async def issued(service: ServiceHarness, client: httpx.AsyncClient, period: str) -> list[dict[str, Any]]:
    await rate(service, client, period)
    found = []
    for one in (await client.get(f"/v1/statements?period={period}&state=draft")).json()["items"]:
        answer = await client.post(f"/v1/statements/{one['id']}/issue")
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
    return found


async def focus(client: httpx.AsyncClient, period: str, **query: str) -> list[dict[str, str]]:
    answer = await client.get(f"/v1/focus-exports/{period}", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.text)))


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((D(row[column]) for row in rows), D(0))


async def costed(service: ServiceHarness, client: httpx.AsyncClient, world: World) -> None:
    """The real sample, shared out to the one service."""
    await imported(service, client, real_focus_sample().read_bytes(), basis="effective")
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id), "weight": "1"}]}
    await client.post("/v1/cost-pools", json={"name": "cloud", "rules": [], "driver": driver})
    run = await client.post("/v1/allocation-runs", json={"period": "2024-09"})
    assert run.status_code == 201, run.text


async def second_unit(service: ServiceHarness, world: World, client: httpx.AsyncClient) -> UUID:
    """Its statements are showback."""
    unit = uuid7()
    data = {"id": str(unit), "name": "Arts", "parent_id": None}
    await service.deliver("itaas.demand.business-unit.created.v1", subject=unit, data=data, business_unit_id=unit)
    profile = {"business_unit_id": str(unit), "effective_from": "2024-01", "mode": "showback"}
    answer = await client.put("/v1/billing-profiles", json=profile, headers={"If-Match": "*"})
    assert answer.status_code in (200, 201), answer.text
    return unit


async def two_exported_months(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> list[dict[str, str]]:
    """From the real sample to FOCUS rows: two months, showback, a prepaid fee, a discount, a correction."""
    await world.priced(finance, COST_PLUS, SUPPORT, BURST, since="2024-01-01")
    shown = World(service, await second_unit(service, world, finance), world.service_id, world.offering)
    first, second = await world.subscribed("2024-09-01", quantity="3"), await shown.subscribed("2024-09-11")
    await costed(service, finance, world)
    await report(service, usage(first, "1", "12.5", day="2024-09-03"), usage(second, "2", "4", day="2024-09-12"))
    classified = await finance.put(
        f"/v1/services/{world.service_id}/classification",
        json={"category": "Compute", "subcategory": "Virtual Machines"},
        headers={"If-Match": "*"},
    )
    assert classified.status_code == 200, classified.text

    september = await issued(service, finance, "2024-09")
    assert len(september) == 2
    rows = await focus(finance, "2024-09")
    by_unit = {statement["business_unit_id"]: statement for statement in september}
    for unit, statement in by_unit.items():
        own = [row for row in rows if row["BillingAccountId"] == unit]
        assert total(own, "ContractedCost") == D(statement["total"]["amount"])
        assert total(own, "BilledCost") == (D(0) if unit == str(shown.unit) else D(statement["total"]["amount"]))
        assert {row["InvoiceId"] for row in own} == {statement["id"]}
    prepaid = [row for row in rows if row["ChargeCategory"] == "Purchase"]
    assert [(row["ContractedCost"], row["EffectiveCost"], row["ListCost"]) for row in prepaid] == [
        ("40.0", "0.0", "50.0")
    ] * 2
    assert {row["ChargePeriodStart"] for row in prepaid} == {"2024-10-01T00:00:00Z"}
    assert {(row["ServiceCategory"], row["ServiceSubcategory"]) for row in rows} == {("Compute", "Virtual Machines")}

    # October: what was prepaid is drawn down. September's statement is credited after the close: where the line is of
    # September that is a correction, where it is of October it is not.
    await issued(service, finance, "2024-10")
    closed = await finance.post("/v1/periods/2024-09/close")
    assert closed.status_code == 200, closed.text
    statement = by_unit[str(world.unit)]
    lines = {line["charge"]: line for line in statement["lines"]}
    note = await finance.post(
        "/v1/credit-notes",
        json={
            "statement_id": statement["id"],
            "lines": [
                {"line_id": lines["burst"]["id"], "amount": "1.23"},
                {"line_id": lines["support"]["id"], "amount": "5"},
            ],
            "reason": "metered twice",
        },
    )
    assert note.status_code == 201, note.text
    october = await focus(finance, note.json()["period"])
    credits = [row for row in october if row["InvoiceId"] == note.json()["number"]]
    columns = ("ChargeClass", "ChargeCategory", "BilledCost", "ChargePeriodStart", "ChargePeriodEnd")
    assert [tuple(row[column] for column in columns) for row in credits] == [
        ("Correction", "Usage", "-1.23", "2024-09-01T00:00:00Z", "2024-10-01T00:00:00Z"),
        ("", "Usage", "-5.0", "2024-10-01T00:00:00Z", "2024-11-01T00:00:00Z"),
    ]
    drawn = [row for row in await focus(finance, "2024-10") if row["InvoiceId"] in {s["id"] for s in september}]
    assert [(row["ChargeCategory"], row["BilledCost"], row["EffectiveCost"]) for row in drawn] == [
        ("Usage", "0.0", "40.0")
    ] * 2
    assert await focus(finance, "2024-09") == rows  # what was issued stays as it was exported

    async with service.client(roles=["consumer"], business_units=[world.unit]) as consumer:
        own = await focus(consumer, "2024-09")
        assert {row["BillingAccountId"] for row in own} == {str(world.unit)}
        other = await consumer.get(f"/v1/focus-exports/2024-09?business_unit_id={shown.unit}")
        assert other.status_code in (403, 404)

    return [*rows, *(await focus(finance, "2024-10")), *([] if note.json()["period"] == "2024-10" else credits)]


async def test_real_costs_become_statements_and_focus_rows(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    assert len(await two_exported_months(service, finance, world)) >= 10


@pytest.mark.skipif(focus_validator.missing() is not None, reason=focus_validator.missing() or "")
async def test_the_public_validator_takes_the_export(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, tmp_path: Path
) -> None:
    rows = await two_exported_months(service, finance, world)
    file = tmp_path / "export.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    verdict = focus_validator.validate(file)
    assert verdict.failed == {focus_validator.CONTRADICTORY}, verdict.output
    assert verdict.passed > 240


async def test_published_rates_are_charged_to_the_cent(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    """Real rates of universities, each year's from its fiscal year (July) on; what they print is what is charged."""
    with real_rates().open(newline="") as file:
        rates = [row for row in csv.DictReader(file) if row["service"] == "Open Source DB Service"]
    assert len(rates) == 4
    for row in rates:
        charge = PER_SERVER | {"name": row["service"], "unit_price": row["price"]}
        await world.priced(finance, charge, since=f"20{int(row['fiscal_year'][2:]) - 1}-07-01")
    await world.subscribed("2016-07-01", quantity="3")
    for row in rates:
        period = f"20{int(row['fiscal_year'][2:]) - 1}-10"
        (statement,) = await issued(service, finance, period)
        assert D(statement["total"]["amount"]) == 3 * D(row["price"])


async def test_pages_tables_changes_and_levers(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    cheap = World(service, world.unit, world.service_id)
    await service.deliver(
        "itaas.catalog.offering.published.v1",
        subject=cheap.offering,
        data={
            "id": str(cheap.offering),
            "service_id": str(world.service_id),
            "name": "<b>Tier 0</b>",
            "state": "published",
            "unit_of_measure": "server",
        },
    )
    await cheap.priced(finance, PER_SERVER | {"unit_price": "20"}, BURST)
    term = {"key": "term", "name": "Three years", "percentage": "15", "min_term_months": 36}
    await world.priced(finance, PER_SERVER | {"discounts": [term]}, BURST)
    busy, idle = await world.subscribed("2026-01-01"), await world.subscribed("2026-01-01", quantity="1")
    await report(service, usage(busy, "1", "6", day="2026-09-05"), usage(busy, "2", "8", day="2026-10-05"))
    (september,) = await issued(service, finance, "2026-09")
    late = await cheap.subscribed("2026-10-01", quantity="2")
    (october,) = await issued(service, finance, "2026-10")

    changes = (await finance.get(f"/v1/statements/{october['id']}/changes")).json()
    assert (changes["compared_with"], changes["before"], changes["after"]) == ("2026-09", "156.00", "198.00")
    assert sum(D(item["amount"]) for item in changes["items"]) == D(changes["difference"]) == D("42")
    assert {(item["driver"], item["charge"], D(item["amount"])) for item in changes["items"]} == {
        ("started", "server", D(40)),
        ("volume", "burst", D(2)),
    }
    levers = (await finance.get(f"/v1/statements/{october['id']}/levers")).json()["items"]
    found = {(lever["kind"], lever["subscription_id"]): D(lever["saving"]["amount"]) for lever in levers}
    assert found == {
        ("cheaper_offering", str(busy)): D(40),
        ("commitment", str(busy)): D(18),
        ("unused_subscription", str(idle)): D(30),
    }
    assert str(late) not in {lever["subscription_id"] for lever in levers}

    page = await finance.get(f"/v1/statements/{october['id']}/document")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.headers["content-security-policy"].replace("default-src 'none'", "")
    assert "&lt;b&gt;Tier 0&lt;/b&gt;" in page.text and "<b>Tier 0" not in page.text
    assert "198.00" in page.text and "Science" in page.text and "What you could do" in page.text
    table = await finance.get(f"/v1/statements/{october['id']}/document?format=csv")
    assert "attachment" in table.headers["content-disposition"]
    cells = list(csv.DictReader(io.StringIO(table.text)))
    assert sum(D(cell["amount"]) for cell in cells) == D("198")
    assert {cell["business_unit"] for cell in cells} == {"Science"}
    own = await finance.get(f"/v1/statements/{september['id']}/document?format=focus")
    assert len(own.text.splitlines()) == 1 + len(september["lines"])


async def test_levers_go_by_audiences_and_price_a_term_as_a_whole(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    below = uuid7()
    data = {"id": str(below), "name": "Physics", "parent_id": str(world.unit)}
    await service.deliver("itaas.demand.business-unit.created.v1", subject=below, data=data, business_unit_id=below)
    held = World(service, below, world.service_id, world.offering)

    async def offered(name: str) -> UUID:
        offering = uuid7()
        data = {"id": str(offering), "service_id": str(world.service_id), "name": name, "state": "published"}
        data["unit_of_measure"] = "server"
        await service.deliver("itaas.catalog.offering.published.v1", subject=offering, data=data)
        return offering

    async def priced(offering: UUID, price: str, **more: Any) -> None:
        plan = {"offering_id": str(offering), "currency": "USD", "effective_from": "2026-01-01T00:00:00Z"} | more
        answer = await finance.post("/v1/price-plans", json=plan | {"charges": [PER_SERVER | {"unit_price": price}]})
        assert answer.status_code == 201, answer.text

    async def levers(subscriber: UUID) -> dict[str, tuple[Any, Decimal]]:
        (statement,) = await issued(service, finance, "2026-10")
        found = (await finance.get(f"/v1/statements/{statement['id']}/levers")).json()["items"]
        return {
            lever["kind"]: (lever["offering_id"], D(lever["saving"]["amount"]))
            for lever in found
            if lever["subscription_id"] == str(subscriber)
        }

    term = {"key": "term", "name": "One year", "percentage": "10", "min_term_months": 12}
    year = {"discounts": [term], "minimum": {"amount": "1380", "true_up": "term"}}
    await priced(world.offering, "30", **year)
    family, other = await offered("Family"), await offered("Others")
    await priced(family, "20", audience=[str(world.unit)])  # of the unit above: the subscriber's as well
    await priced(family, "1")  # for all, and newer: but the closer audience goes first
    await priced(other, "2", audience=[str(uuid7())])
    one = await held.subscribed("2026-01-01")
    # 4 × 30 = 120 a month; a year of 4 × 27 comes to 1296, and 84 are missing to 1380: 115 a month
    assert await levers(one) == {"cheaper_offering": (str(family), D(40)), "commitment": (None, D(5))}

    await priced(world.offering, "30", **year | {"minimum": {"amount": "5000", "true_up": "term"}}, reason="misprint")
    await held.subscribed("2026-10-01", quantity="1")
    assert await levers(one) == {"cheaper_offering": (str(family), D(40))}


async def test_recovery_and_refusals(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    await costed(service, finance, world)
    await world.priced(finance, PER_SERVER | {"unit_price": "5"}, since="2024-01-01")
    await world.subscribed("2024-09-01")
    (statement,) = await issued(service, finance, "2024-09")
    line = statement["lines"][0]
    credit = {"statement_id": statement["id"], "lines": [{"line_id": line["id"], "amount": "2"}], "reason": "late"}
    assert (await finance.post("/v1/credit-notes", json=credit)).status_code == 201
    (item,) = (await finance.get("/v1/recovery?period=2024-09")).json()["items"]
    (of_currency,) = item["revenue_by_currency"]
    assert [D(of_currency[name]) for name in ("charged", "credited", "revenue", "shown")] == [20, 2, 18, 0]
    cost = D(item["cost"]["amount"])
    assert D("14.9") < cost < D("15")
    assert D(item["recovered"]["amount"]) == 18 - cost
    assert D(item["recovery_percentage"]) == round(18 / cost * 100, 4)

    wrong = await finance.put(
        f"/v1/services/{world.service_id}/classification",
        json={"category": "Compute", "subcategory": "Caching"},
        headers={"If-Match": "*"},
    )
    assert refusal(wrong) == (422, "category-unknown", ["/subcategory"])
    wrong = await finance.put(
        f"/v1/services/{world.service_id}/classification", json={"category": "Magic"}, headers={"If-Match": "*"}
    )
    assert refusal(wrong) == (422, "category-unknown", ["/category"])
    assert (await finance.get("/v1/focus-exports/2024-13")).status_code == 422
    assert (await finance.get(f"/v1/statements/{uuid7()}/document")).status_code == 404
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        for what in ("document", "changes", "levers"):
            assert (await stranger.get(f"/v1/statements/{statement['id']}/{what}")).status_code in (403, 404)
        assert (await stranger.get("/v1/recovery?period=2024-09")).status_code == 403


def test_no_cell_is_a_formula_in_whichever_spelling() -> None:
    for text in ("=1", "+1", "-1", "@x", "\tx", "\rx", " =1", "\u00a0@x", "\uff1d1", "\uff0b1", " \uff0d1", "\uff20x"):
        assert safe_cell(text) == f"'{text}", text
    for text in ("", "x = 1", "Tier 1", " x", "'=1"):
        assert safe_cell(text) == text
