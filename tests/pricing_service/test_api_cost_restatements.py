"""Restated deliveries: open periods take them, closed ones have the difference booked after them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import focus_csv, imported, on_both_databases

pytestmark = pytest.mark.anyio


def in_month(month: int, **row: str) -> dict[str, str]:
    return {
        "BillingPeriodStart": f"2026-{month:02}-01T00:00:00Z",
        "BillingPeriodEnd": f"2026-{month + 1:02}-01T00:00:00Z",
        "ChargePeriodStart": f"2026-{month:02}-05T00:00:00Z",
        "ChargePeriodEnd": f"2026-{month:02}-06T00:00:00Z",
        **row,
    }


async def cost(client: httpx.AsyncClient, period: str, name: str = "cost") -> Decimal:
    totals = (await client.get(f"/v1/costs?period={period}")).json()["totals"]
    return sum((Decimal(total[name]) for total in totals), Decimal(0))


async def close(client: httpx.AsyncClient, period: str) -> None:
    answer = await client.post(f"/v1/periods/{period}/close")
    assert answer.status_code == 200, answer.text


@on_both_databases
async def test_a_closed_period_keeps_its_figures_and_the_difference_counts_in_the_open_one(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    web, db = {"ServiceName": "web", "Tags": '{"a": "1", "b": "2"}'}, {"ServiceName": "db"}
    first = focus_csv(in_month(8, **web, EffectiveCost="10.10"), in_month(8, **db), in_month(9, **db))
    await imported(service, finance, first)
    await close(finance, "2026-08")

    # Another order of rows and tags is no difference; the month that is open is replaced as ever.
    same = focus_csv(
        in_month(9, **db, EffectiveCost="3"),
        in_month(8, **db),
        in_month(8, **web | {"Tags": '{"b":"2","a":"1"}'}, EffectiveCost="10.1"),
    )
    job = await imported(service, finance, same)
    assert (job["result"]["booked"], await cost(finance, "2026-08"), await cost(finance, "2026-09")) == (
        [], Decimal("18.10"), 3,
    )  # fmt: skip

    second = focus_csv(
        in_month(8, **web, EffectiveCost="12.35", PricingQuantity="4"),
        in_month(8, ServiceName="new", EffectiveCost="1"),
        in_month(9, **db, EffectiveCost="3"),
    )
    job = await imported(service, finance, second)
    (booked,) = job["result"]["booked"]
    assert (booked["billing_month"], booked["period"], booked["booked_in"]) == ("2026-08", "2026-08", "2026-09")
    assert (Decimal(booked["cost"]), booked["rows"], booked["currency"]) == (Decimal("-4.75"), 3, "USD")
    detail = (await finance.get(f"/v1/cost-imports/{job['result']['import_id']}")).json()
    assert detail["booked"] == job["result"]["booked"]
    assert (await cost(finance, "2026-08"), await cost(finance, "2026-09")) == (Decimal("18.10"), Decimal("-1.75"))
    rows = (await finance.get("/v1/cost-rows?period=2026-09&filter=origin=correction")).json()["items"]
    assert {row["charge_class"] for row in rows} == {"Correction"}
    assert {row["corrects"] for row in rows} == {"2026-08"}
    assert {row["source"] for row in rows} == {"aws"}
    assert {row["import_id"] for row in rows} == {booked["correction_id"]}
    assert {(row["service_name"], Decimal(row["cost"]), Decimal(row["billed_cost"])) for row in rows} == {
        ("web", Decimal("2.25"), 0),
        ("db", -8, -10),
        ("new", 1, 10),
    }
    assert {row["charge_period_start"] for row in rows} == {"2026-08-05T00:00:00Z"}
    assert {row["billing_period_start"] for row in rows} == {"2026-09-01T00:00:00Z"}

    again = await imported(service, finance, second)
    assert again["result"]["unchanged"] is True
    assert again["result"]["booked"] == job["result"]["booked"]
    # The chain nets against what was booked last: back to the first file, the corrections cancel each other.
    job = await imported(service, finance, first)
    assert job["result"]["unchanged"] is False
    assert [Decimal(each["cost"]) for each in job["result"]["booked"]] == [Decimal("4.75")]
    assert (await cost(finance, "2026-08"), await cost(finance, "2026-09")) == (Decimal("18.10"), 8)
    assert await cost(finance, "2026-09", "billed_cost") == 10

    # A month that was never delivered, closed: a late invoice is cost of the open period.
    await close(finance, "2026-09")
    late = await imported(service, finance, focus_csv(in_month(7, EffectiveCost="5")), source="late")
    assert [(each["period"], each["booked_in"]) for each in late["result"]["booked"]] == [("2026-07", "2026-10")]
    assert (await cost(finance, "2026-07"), await cost(finance, "2026-10")) == (0, 5)
    imports = (await finance.get("/v1/cost-imports?source=late")).json()["items"]
    assert imports[0]["periods"] == ["2026-07"]


async def test_what_was_booked_elsewhere_is_taken_back_once_the_period_is_open_again(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    file = {price: focus_csv(in_month(8, EffectiveCost=price)) for price in ("1", "4", "9")}
    await imported(service, finance, file["1"])
    await close(finance, "2026-08")
    await imported(service, finance, file["4"])  # +3 in September
    await close(finance, "2026-09")
    await imported(service, finance, file["9"])  # +5 in October
    figures = [await cost(finance, f"2026-{month:02}") for month in (8, 9, 10)]
    assert figures == [1, 3, 5]
    for month in ("2026-09", "2026-08"):
        answer = await finance.post(f"/v1/periods/{month}/reopen", json={"reason": "provider's mistake"})
        assert answer.status_code == 200, answer.text
    await imported(service, finance, file["9"])  # not unchanged: it can stand where it belongs now
    assert [await cost(finance, f"2026-{month:02}") for month in (8, 9, 10)] == [9, 0, 0]
    assert (await imported(service, finance, file["9"]))["result"]["unchanged"] is True

    await close(finance, "2026-08")
    await imported(service, finance, file["4"])  # -5 in September
    await close(finance, "2026-09")
    for month in ("2026-09", "2026-08"):
        await finance.post(f"/v1/periods/{month}/reopen", json={"reason": "again"})
    await close(finance, "2026-08")
    figures = [await cost(finance, f"2026-{month:02}") for month in (8, 9, 10)]
    assert sum(figures) == 4


async def test_weeks_cut_a_billing_month_into_fiscal_periods(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    calendar = await finance.get("/v1/fiscal-calendar")
    body = {
        name: value
        for name, value in calendar.json().items()
        if name in ("scheme", "start_month", "year_named_by", "first_weekday", "time_zone", "reporting_currency")
    }
    answer = await finance.put(
        "/v1/fiscal-calendar", json={**body, "scheme": "4-4-5"}, headers={"if-match": calendar.headers["etag"]}
    )
    assert answer.status_code == 200, answer.text
    # 2026 begins on Monday, 29 December 2025; P09 ends on 27 September.
    periods = {p["name"]: p for p in (await finance.get("/v1/fiscal-years/2026/periods")).json()["items"]}
    ninth = datetime.fromisoformat(periods["2026-P09"]["last_day"]).replace(tzinfo=UTC)
    assert ninth.date().isoformat() == "2026-09-27"

    def on(day: int, price: str) -> dict[str, str]:
        return in_month(
            9, ChargePeriodStart=f"2026-09-{day:02}", ChargePeriodEnd=f"2026-09-{day:02}", EffectiveCost=price
        )

    early = in_month(9, ChargePeriodStart="2026-07-01", ChargePeriodEnd="2026-07-02", EffectiveCost="0.5")
    job = await imported(service, finance, focus_csv(on(27, "1"), on(28, "2"), early))
    assert job["result"]["periods"] == ["2026-09"]
    assert (await cost(finance, "2026-P09"), await cost(finance, "2026-P10")) == (Decimal("1.5"), 2)
    await close(finance, "2026-P09")
    job = await imported(service, finance, focus_csv(on(27, "1.25"), on(29, "4")))
    assert [(each["period"], each["booked_in"], each["cost"]) for each in job["result"]["booked"]] == [
        ("2026-P09", "2026-P10", "-0.25")
    ]
    assert (await cost(finance, "2026-P09"), await cost(finance, "2026-P10")) == (Decimal("1.5"), Decimal("3.75"))
    spanned = (await finance.get("/v1/costs?from=2026-P09&to=2026-P10&group_by=origin")).json()
    assert [(group["period"], group["key"], group["cost"]) for group in spanned["items"]] == [
        ("2026-P09", "focus", "1.5"),
        ("2026-P10", "correction", "-0.25"),
        ("2026-P10", "focus", "4"),
    ]


async def test_a_file_in_another_currency_takes_the_old_one_back(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    await imported(service, finance, focus_csv(in_month(8)))
    await close(finance, "2026-08")
    job: Any = await imported(service, finance, focus_csv(in_month(8, BillingCurrency="EUR")))
    assert [(each["currency"], each["cost"]) for each in job["result"]["booked"]] == [("EUR", "8.00"), ("USD", "-8.00")]
