"""Exchange rates: stated, corrected, found; refused in closed periods; wanted by the close."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.db.chassis_tables import AuditRecord
from services.testing import ServiceHarness
from tests.pricing_service.samples import focus_csv, imported, on_both_databases, refusal

pytestmark = pytest.mark.anyio

EUR = {"type": "average", "base": "EUR", "quote": "USD", "rate": "1.0832", "date": "2026-10-31", "source": "ECB"}


async def stated(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/exchange-rates", json=EUR | changes)
    assert answer.status_code == 201, answer.text
    rate: dict[str, Any] = answer.json()
    return rate


@on_both_databases
async def test_the_newest_rate_on_or_before_the_day(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    async def in_force(**changes: str) -> httpx.Response:
        params = {"type": "average", "base": "EUR", "quote": "USD", "on": "2026-11-15"} | changes
        return await finance.get("/v1/exchange-rates/in-force", params=params)

    first = await stated(finance)
    assert (await stated(finance, rate="1.08320"))["id"] == first["id"]  # the same again
    corrected = await stated(finance, rate="1.09")
    assert (corrected["number"], corrected["superseded_by"]) == (2, None)
    again = (await finance.get(f"/v1/exchange-rates/{first['id']}")).json()
    assert (again["rate"], again["superseded_by"]) == ("1.0832", corrected["id"])
    await stated(finance, date="2026-11-30", rate="1.2")
    await stated(finance, type="budget", rate="1")
    batch = [EUR | {"base": "CHF", "date": "2026-09-30", "rate": "1.1"}, EUR | {"base": "GBP", "rate": "1.30"}]
    assert (await finance.post("/v1/exchange-rates/batch", json={"items": batch})).status_code == 201

    found = (await in_force()).json()
    assert (found["rate"], found["date"], found["inverse"]) == ("1.09", "2026-10-31", False)
    assert (await in_force(on="2026-11-30")).json()["rate"] == "1.2"
    assert refusal(await in_force(on="2026-10-30"))[:2] == (404, "exchange-rate-unknown")
    assert refusal(await in_force(type="closing"))[:2] == (404, "exchange-rate-unknown")
    inverse = (await in_force(base="USD", quote="EUR")).json()
    assert (inverse["rate"], inverse["inverse"]) == ("1.09", True)
    assert inverse["factor"] == "0.917431192660550458715596"
    await stated(finance, base="USD", quote="EUR", rate="0.9", date="2026-10-01")
    assert (await in_force(base="USD", quote="EUR")).json()["rate"] == "0.9"  # only if it exists alone

    listed = (await finance.get("/v1/exchange-rates?type=average&base=EUR")).json()["items"]
    assert [rate["rate"] for rate in listed] == ["1.09", "1.2"]
    listed = (await finance.get("/v1/exchange-rates?base=EUR&to=2026-10-31&superseded=true")).json()["items"]
    assert [rate["rate"] for rate in listed] == ["1.0832", "1.09", "1"]
    async with service.runtime.database.reading() as session:
        records = list(await session.scalars(select(AuditRecord).where(AuditRecord.aggregate_id == first["id"])))
    assert [record.action for record in records] == ["created", "changed"]

    assert (await finance.post("/v1/periods/2026-10/close")).status_code == 200
    assert (await stated(finance, rate="1.09"))["id"] == corrected["id"]  # nothing would change
    for day in ("2026-10-31", "2026-09-12"):
        late = await finance.post("/v1/exchange-rates", json=EUR | {"date": day})
        assert refusal(late) == (409, "period-closed", ["/date"])
    late = await finance.post("/v1/exchange-rates/batch", json={"items": [EUR | {"date": "2026-11-02"}, EUR]})
    assert refusal(late) == (409, "period-closed", ["/items/1/date"])
    assert len((await finance.get("/v1/exchange-rates?from=2026-11-01")).json()["items"]) == 1  # all or none


async def test_wrong_rates_are_refused_by_name_and_field(finance: httpx.AsyncClient, service: ServiceHarness) -> None:
    for change, found in (
        ({"rate": "0"}, "rate-not-positive"),
        ({"rate": "-1.1"}, "rate-not-positive"),
        ({"rate": 1.1}, "request-not-valid"),
        ({"rate": "1,1"}, "request-not-valid"),
        ({"rate": "0.0000000000000000001"}, "request-not-valid"),
        ({"quote": "EUR"}, "same-currency"),
        ({"quote": "XXX"}, "request-not-valid"),
        ({"date": "2026-02-30"}, "request-not-valid"),
        ({"date": "0001-01-01"}, "request-not-valid"),
        ({"type": "spot"}, "request-not-valid"),
        ({"source": ""}, "request-not-valid"),
    ):
        (name,) = change
        assert refusal(await finance.post("/v1/exchange-rates", json=EUR | change)) == (422, found, [f"/{name}"])
        batch = await finance.post("/v1/exchange-rates/batch", json={"items": [EUR, EUR | change]})
        assert refusal(batch) == (422, found, [f"/items/1/{name}"])
    twice = await finance.post("/v1/exchange-rates/batch", json={"items": [EUR, EUR | {"rate": "2"}]})
    assert refusal(twice) == (422, "rate-given-twice", ["/items/1"])
    assert (await finance.get("/v1/exchange-rates")).json()["items"] == []
    async with service.client(roles=["service_owner"]) as owner:
        assert (await owner.post("/v1/exchange-rates", json=EUR)).status_code == 403
        assert (await owner.get("/v1/exchange-rates")).status_code == 200


async def test_the_close_wants_a_rate_for_foreign_costs(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    await imported(service, finance, focus_csv({"BillingCurrency": "EUR"}))
    preview = "/v1/periods/2026-10/closing"
    assert (await finance.get(preview)).json()["can_close"] is True  # nobody adds up
    calendar = {"scheme": "months", "start_month": 1, "reporting_currency": "USD"}
    put = await finance.put("/v1/fiscal-calendar", json=calendar, headers={"If-Match": "*"})
    assert put.status_code == 200, put.text
    (blocker,) = (await finance.get(preview)).json()["blockers"]
    assert blocker["check"] == "rate-missing"
    assert blocker["remedy"] == "state the average rate of EUR/USD for a day of 2026-10"
    await stated(finance, date="2026-09-30")
    seen = (await finance.get(preview)).json()
    assert (seen["blockers"], [found["check"] for found in seen["warnings"]]) == ([], ["not-allocated", "rate-stale"])
    await stated(finance)
    assert len((await finance.get(preview)).json()["warnings"]) == 1
    run = await finance.post("/v1/allocation-runs", json={"period": "2026-10"})
    assert run.json()["total"] == {"amount": "8.6656", "currency": "USD"}  # 8.00 × 1.0832, at 2026-10-31
    changed = await finance.put(
        "/v1/fiscal-calendar", json=calendar | {"reporting_currency": "EUR"}, headers={"If-Match": "*"}
    )
    assert refusal(changed) == (409, "reporting-currency-in-use", ["/reporting_currency"])
