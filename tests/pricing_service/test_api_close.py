"""The fiscal calendar as data, and closing and reopening its periods."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pricing_service import queries
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.use_cases.periods import PeriodClosed, require_open
from services import context
from services.db.chassis_tables import AuditRecord
from services.testing import ServiceHarness
from services.work import JobRun, Jobs
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

WEEKS = {"scheme": "4-4-5", "start_month": 7, "time_zone": "Europe/Zurich", "reporting_currency": "CHF"}


async def put_calendar(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    etag = (await client.get("/v1/fiscal-calendar")).headers["etag"]
    return await client.put("/v1/fiscal-calendar", json=body, headers={"If-Match": etag})


async def test_the_calendar_is_set_until_something_rests_on_it(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    plain = await finance.get("/v1/fiscal-calendar")
    assert plain.headers["etag"] == '"1"'
    assert plain.json() == {
        "scheme": "months",
        "start_month": 1,
        "year_named_by": "end",
        "first_weekday": 0,
        "time_zone": "UTC",
        "reporting_currency": None,
    }
    assert refusal(await finance.put("/v1/fiscal-calendar", json=WEEKS))[:2] == (428, "if-match-missing")
    for name, value, found in (
        ("time_zone", "Europe/Atlantis", (422, "unknown-time-zone", ["/time_zone"])),
        ("time_zone", "../etc/passwd", (422, "unknown-time-zone", ["/time_zone"])),
        ("scheme", "5-5-5", (422, "request-not-valid", ["/scheme"])),
        ("start_month", 13, (422, "request-not-valid", ["/start_month"])),
        ("first_weekday", 7, (422, "request-not-valid", ["/first_weekday"])),
        ("reporting_currency", "XAU", (422, "request-not-valid", ["/reporting_currency"])),
    ):
        assert refusal(await put_calendar(finance, WEEKS | {name: value})) == found
    answer = await put_calendar(finance, WEEKS)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.json() == {"year_named_by": "end", "first_weekday": 0} | WEEKS
    stale = await finance.put("/v1/fiscal-calendar", json=WEEKS, headers={"If-Match": '"1"'})
    assert refusal(stale)[:2] == (412, "version-is-stale")

    year = (await finance.get("/v1/fiscal-years/2027/periods")).json()["items"]
    assert [period["name"] for period in year][::11] == ["2027-P01", "2027-P12"]
    assert year[2] | {"starts_at": "", "ends_at": ""} == {
        "name": "2027-P03",
        "fiscal_year": 2027,
        "number": 3,
        "quarter": "2027-Q1",
        "first_day": "2026-08-24",
        "last_day": "2026-09-27",
        "days": 35,
        "starts_at": "",
        "ends_at": "",
        "state": "open",
        "closed_at": None,
        "reopened_at": None,
        "reopened_reason": None,
    }
    assert year[2]["starts_at"] == "2026-08-23T22:00:00Z"
    assert refusal(await finance.get("/v1/periods/2026-10")) == (422, "period-unreadable", ["period"])

    body = {"business_unit_id": "0192f0c1-7b00-7000-8000-000000000001", "fiscal_year": 2027, "hard": True}
    made = await finance.post("/v1/budgets", json=body | {"amount": {"amount": "1", "currency": "CHF"}})
    assert made.status_code == 201
    cut = await put_calendar(finance, WEEKS | {"scheme": "months", "time_zone": "UTC"})
    assert refusal(cut) == (409, "calendar-in-use", ["/scheme", "/time_zone"])
    assert "budget" in cut.json()["detail"]
    assert (await put_calendar(finance, WEEKS | {"reporting_currency": "EUR"})).status_code == 200
    async with service.client(roles=["consumer"]) as consumer:
        assert (await consumer.get("/v1/fiscal-calendar")).status_code == 200
        assert (await put_calendar(consumer, WEEKS)).status_code == 403


async def test_periods_are_listed_within_bounds(finance: httpx.AsyncClient) -> None:
    async def names(query: str) -> list[str]:
        return [period["name"] for period in (await finance.get(f"/v1/periods{query}")).json()["items"]]

    assert await names("?from=2026-11&to=2027-02") == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert await names("?from=2026-11") == ["2026-11", "2026-12"]
    assert await names("?to=2026-02") == ["2026-01", "2026-02"]
    assert len(await names("")) == 12
    assert len(await names("?from=2020-01&to=2029-12")) == 120
    assert refusal(await finance.get("/v1/periods?from=2026-02&to=2026-01")) == (422, "periods-out-of-order", ["to"])
    assert refusal(await finance.get("/v1/periods?from=2020-01&to=2030-01")) == (422, "too-many-periods", ["to"])
    assert refusal(await finance.get("/v1/periods?from=9999-01"))[:2] == (422, "period-unreadable")
    for year in (0, 1, 9990, 10**30):
        assert (await finance.get(f"/v1/fiscal-years/{year}/periods")).status_code == 422


@on_both_databases
async def test_a_period_closes_in_order_and_the_newest_reopens(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    september = {"BillingPeriodStart": "2026-09-01T00:00:00Z", "BillingPeriodEnd": "2026-10-01T00:00:00Z"}
    await imported(service, finance, focus_csv({}, september))

    ahead = (await finance.get("/v1/periods/2026-10/closing")).json()
    assert (ahead["can_close"], [found["check"] for found in ahead["blockers"]]) == (False, ["earlier-period-open"])
    assert ahead["blockers"][0]["remedy"] == "close 2026-09 first"
    assert [found["check"] for found in ahead["warnings"]] == ["not-allocated"]
    assert refusal(await finance.post("/v1/periods/2026-10/close")) == (
        409,
        "period-not-closable",
        ["/checks/earlier-period-open"],
    )
    future = await finance.post("/v1/periods/2199-01/close")
    assert refusal(future)[2][0] == "/checks/period-not-over"
    assert refusal(await finance.post("/v1/periods/2026-10/close", headers={"If-Match": '"1"'}))[0] == 412

    closed = await finance.post("/v1/periods/2026-09/close")
    assert (closed.status_code, closed.json()["state"], closed.headers["etag"]) == (200, "closed", '"1"')
    assert refusal(await finance.post("/v1/periods/2026-09/close")) == (409, "period-closed", ["/period"])
    # Nothing ever happened in August, and nothing may happen there any more.
    assert (await finance.get("/v1/periods/2026-08")).json()["state"] == "closed"
    assert (await finance.post("/v1/periods/2026-10/close")).status_code == 200

    why = {"reason": "an invoice was late"}
    reopen = "/v1/periods/{}/reopen"
    assert refusal(await finance.post(reopen.format("2026-11"), json=why))[:2] == (409, "period-not-closed")
    assert refusal(await finance.post(reopen.format("2026-09"), json=why))[:2] == (409, "later-period-closed")
    assert refusal(await finance.post(reopen.format("2026-10"), json={"reason": " "})) == (
        422,
        "request-not-valid",
        ["/reason"],
    )
    opened = await finance.post(reopen.format("2026-10"), json=why)
    assert (opened.status_code, opened.json()["state"]) == (200, "open")
    assert opened.json()["reopened_reason"] == why["reason"]
    async with service.runtime.database.reading() as session:
        calendar = await queries.fiscal_calendar(session)
        assert str(await queries.earliest_open(session, calendar, calendar.parse("2026-03"))) == "2026-10"
        query = select(AuditRecord).where(AuditRecord.aggregate == "PeriodState").order_by(AuditRecord.id)
        last = list(await session.scalars(query))[-1]
    assert last.after is not None and last.after["reason"] == why["reason"]
    assert last.actor_id is not None
    assert (await finance.post("/v1/periods/2026-10/close")).json()["reopened_at"] is not None
    told = await service.published()
    kinds = [
        (event.type.split(".")[3], event.data["period"], event.sequence) for event in told if ".period." in event.type
    ]
    assert kinds == [
        ("closed", "2026-09", 1),
        ("closed", "2026-10", 1),
        ("reopened", "2026-10", 2),
        ("closed", "2026-10", 3),
    ]
    assert refusal(await put_calendar(finance, WEEKS))[:2] == (409, "calendar-in-use")
    async with service.client(roles=["service_owner"]) as owner:
        assert (await owner.post("/v1/periods/2026-10/close")).status_code == 403


async def test_what_is_worth_a_look_blocks_nothing(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    async def checks() -> tuple[list[str], list[str]]:
        seen = (await finance.get("/v1/periods/2026-10/closing")).json()
        return [found["check"] for found in seen["blockers"]], [found["check"] for found in seen["warnings"]]

    await world.priced(finance, PER_SERVER, PER_HOUR)
    subscription = await world.subscribed(since="2026-10-01")
    headers = {"content-type": "application/cloudevents+json"}
    event = usage(subscription, "u-1", "3", day="2026-10-05")
    async with service.client(roles=["integration"], headers=headers) as meter:
        assert (await meter.post("/v1/usage", content=json.dumps(event))).status_code == 200
    assert await checks() == ([], ["usage-unrated", "subscriptions-unrated"])
    november = (await finance.get("/v1/periods/2026-11/closing")).json()["blockers"]
    assert [found["check"] for found in november][-1] == "earlier-period-open"  # usage alone keeps October first
    rating = await finance.post("/v1/rating-runs", json={"period": "2026-10"})
    await service.finished_job(rating.json()["id"])
    assert await checks() == ([], ["statements-unissued"])
    accrual = {"period": "2026-10", "service_name": "VM", "amount": "7", "currency": "USD", "reason": "late"}
    made = await finance.post("/v1/accruals", json=accrual | {"expected_from": "aws"})
    assert await checks() == ([], ["not-allocated", "statements-unissued"])
    await imported(service, finance, focus_csv({}))
    assert (await checks())[1][-1] == "accrued-and-invoiced"
    await finance.post(f"/v1/accruals/{made.json()['id']}/reverse", json={"reason": "it came"})
    assert await checks() == ([], ["not-allocated", "statements-unissued"])
    driver = {"kind": "fixed", "shares": [{"service_id": str(world.service_id), "weight": "1"}]}
    pool = {"name": "p", "rules": [{"column": "ServiceName", "equals": "none"}], "driver": driver}
    assert (await finance.post("/v1/cost-pools", json=pool)).status_code == 201
    assert (await finance.post("/v1/allocation-runs", json={"period": "2026-10"})).status_code == 201
    assert (await checks())[1][0] == "cost-unallocated"
    assert (await finance.post("/v1/accruals", json=accrual)).status_code == 201
    assert (await checks())[1][:2] == ["cost-unallocated", "allocation-stale"]
    elsewhere = Jobs()

    @elsewhere.handler("unheard-of")
    async def run(run: JobRun) -> dict[str, Any]:
        raise AssertionError("this app's worker does not know the kind, so the job waits")

    work = context.WorkContext("thread", "cause", "request")
    async with service.runtime.database.transaction() as session:
        with context.entered(work):
            job = await elsewhere.start(session, "unheard-of", payload={"period": "2026-10"})
    assert refusal(await finance.post("/v1/periods/2026-10/close")) == (
        409,
        "period-not-closable",
        ["/checks/unheard-of-running"],
    )
    assert (await finance.post(f"/v1/jobs/{job.id}/cancel")).status_code == 200
    assert (await finance.post("/v1/periods/2026-10/close")).status_code == 200
    assert await checks() == ([], [])


@pytest.mark.parametrize("service", ["postgresql"], indirect=True)
async def test_nothing_slips_into_a_period_while_it_closes(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    october = FiscalCalendar().parse("2026-10")
    async with service.runtime.database.transaction() as session:
        await require_open(session, october)
        close = asyncio.create_task(finance.post("/v1/periods/2026-10/close"))
        await asyncio.sleep(0.3)
        assert not close.done()  # it waits for the writer
    assert (await close).status_code == 200
    async with service.runtime.database.transaction() as session:
        with pytest.raises(PeriodClosed) as caught:
            await require_open(session, october, "/lines/0/period")
    assert caught.value.faults[0].pointer == "/lines/0/period"
