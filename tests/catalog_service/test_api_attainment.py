"""Measurements in, attainment out: assessed by job or timer, told once, flipped by what comes late."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from catalog_service.app import definition
from catalog_service.domain.months import Month, month_of
from catalog_service.tables import AttainmentPeriod, Measurement
from services.clock import utc_now
from services.db import Database
from services.db.chassis_tables import Timer
from services.db.migrations import migrate
from services.ids import uuid7
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.catalog_service.samples import published_offering, published_service
from tests.conftest import new_postgresql

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
LAST = month_of(utc_now()).after(-1)
PROMISES = [
    {"kind": "availability", "target": "99.5", "unit": "percent"},
    {"kind": "response_time", "target": "60", "unit": "minutes"},
    {"kind": "lead_time", "target": "3", "unit": "days", "percentile": 50},
]


def at(day: int, hour: int = 0, *, month: Month = LAST) -> str:
    return (month.start + timedelta(days=day - 1, hours=hour)).isoformat().replace("+00:00", "Z")


def outage(offering: dict[str, Any], id_: str, day: int, hours: int, **more: Any) -> dict[str, Any]:
    return {
        "source": "/probe",
        "id": id_,
        "offering_id": offering["id"],
        "commitment": "availability",
        "starts_at": at(day),
        "ends_at": at(day, hours),
        "state": "down",
    } | more


def response(offering: dict[str, Any], id_: str, minutes: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "/desk",
        "id": id_,
        "offering_id": offering["id"],
        "commitment": "response_time",
        "at": at(5),
        "value": minutes,
        "unit": "minutes",
    } | more


async def report(client: httpx.AsyncClient, *reports: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post("/v1/measurements", json=list(reports))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    assert [item["index"] for item in items] == list(range(len(reports)))
    return items


async def accepted(client: httpx.AsyncClient, *reports: dict[str, Any]) -> None:
    items = await report(client, *reports)
    assert {item["outcome"] for item in items} <= {"accepted", "corrected"}, items


async def assessed(catalog: ServiceHarness, client: httpx.AsyncClient, period: str = LAST.name) -> dict[str, Any]:
    answer = await client.post("/v1/attainments/assess", json={"period": period})
    assert answer.status_code == 202, answer.text
    job = await catalog.finished_job(answer.json()["id"])
    assert job.state == "succeeded" and job.result is not None, job.problem
    return dict(job.result)


async def told(catalog: ServiceHarness) -> list[tuple[str, str, str | None, int]]:
    return [
        (event.type.split(".")[-2], event.data["commitment"], event.data["attained"], event.data["n"])
        for event in await catalog.published()
        if event.type.startswith("itaas.catalog.commitment.")
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    if request.param == "sqlite":
        async with ServiceHarness(definition, tmp_path) as service:
            yield service
        return
    from services.events.embedded_log import EmbeddedLog

    url = new_postgresql(request)
    database = Database(url)
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    await database.close()
    urls = {f"{app}_database_url": url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as service:
        yield service
    await log.close()


only_sqlite = pytest.mark.parametrize("catalog", ["sqlite"], indirect=True)


@pytest.fixture
def meter(catalog: ServiceHarness) -> httpx.AsyncClient:
    return catalog.client(["integration"])


async def an_offering(owner: httpx.AsyncClient, since: datetime | None = None, **more: Any) -> dict[str, Any]:
    service = await published_service(owner)
    since = since or LAST.after(-14).start
    return await published_offering(owner, service["id"], commitments=PROMISES, valid_from=since.isoformat(), **more)


async def test_a_period_is_measured_assessed_and_turned_by_what_comes_late(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    other_probe = outage(offering, "2", 3, 8, source="/other-probe")  # inside the first: it counts once
    planned = outage(offering, "3", 7, 24, planned=True)
    first = outage(offering, "1", 3, 10)
    await accepted(meter, first, other_probe, planned, response(offering, "a", "30"), response(offering, "b", "61"))
    result = await assessed(catalog, owner)
    assert result == {"period": LAST.name, "offerings": 1, "changed": 2}

    whole = (LAST.end - LAST.start) / timedelta(seconds=1) - 86_400
    shown = (await consumer.get(f"/v1/offerings/{offering['id']}/attainments")).json()["items"]
    availability, slow, unmeasured = shown[:3]
    assert (availability["state"], availability["promised"], availability["n"]) == ("missed", "99.5", 3)
    percent = (whole - 36_000) / whole * 100
    assert percent - 0.0001 <= float(availability["attained"]) <= percent and len(availability["attained"]) == 7
    assert availability["figures"]["down_seconds"] == "36000.000000"
    assert (slow["state"], slow["attained"], slow["percentile"], slow["figures"]["p50"]) == (
        "missed",
        "61.0000",
        85,
        "30.0000",
    )
    assert (unmeasured["commitment"], unmeasured["state"], unmeasured["n"], unmeasured["attained"]) == (
        "lead_time",
        "not_measured",
        0,
        None,
    )
    assert len(shown) == 36 and {item["state"] for item in shown[3:]} == {"not_measured"}
    detail = (await consumer.get(f"/v1/offerings/{offering['id']}")).json()
    assert detail["attainment"] == [availability, slow]
    missed = (await owner.get(f"/v1/attainments?period={LAST.name}&state=missed")).json()["items"]
    assert [item["commitment"] for item in missed] == ["availability", "response_time"]
    assert sorted(await told(catalog)) == [
        ("missed", "availability", availability["attained"], 3),
        ("missed", "response_time", "61.0000", 2),
    ]

    # The same again changes nothing, and tells nothing.
    assert [item["outcome"] for item in await report(meter, first, response(offering, "a", "31"))] == ["duplicate"] * 2
    assert (await assessed(catalog, owner))["changed"] == 0
    assert len(await told(catalog)) == 2

    # The outage was two probes' own fault; what is left of it was planned.
    void = {"source": "/probe", "id": "v1", "voids": {"source": "/probe", "id": "1"}}
    instead = outage(offering, "r2", 7, 8, replaces={"source": "/other-probe", "id": "2"})
    more = [response(offering, str(n), "5") for n in range(6)]
    items = await report(meter, void, instead, *more)
    assert [item["outcome"] for item in items] == ["corrected"] * 2 + ["accepted"] * 6
    assert (await assessed(catalog, owner))["changed"] == 2
    assert sorted((await told(catalog))[2:]) == [
        ("attained", "availability", "100.0000", 2),
        ("attained", "response_time", "30.0000", 8),
    ]
    row = (await owner.get(f"/v1/attainments?period={LAST.name}&state=attained")).json()["items"][0]
    assert row["assessment"] == 2

    # And back: all that was measured of availability is void, and one response turns it again.
    gone = [{"source": "/probe", "id": f"v{name}", "voids": {"source": "/probe", "id": name}} for name in ("3", "r2")]
    await accepted(meter, *gone, response(offering, "c", "62"))
    await assessed(catalog, owner)
    assert sorted((await told(catalog))[4:]) == [
        ("missed", "response_time", "61.0000", 9),
        ("unmeasured", "availability", None, 0),
    ]
    kept = (await owner.get(f"/v1/measurements?offering_id={offering['id']}&period={LAST.name}")).json()["items"]
    assert len(kept) == 13 and kept[3]["value"] == "1800"


async def test_what_one_unit_or_subscription_had_is_assessed_and_shown_for_it_alone(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    unit, elsewhere, held = uuid7(), uuid7(), uuid7()
    for id_ in (unit, elsewhere):
        name = {"id": str(id_), "name": "A unit", "parent_id": None}
        await catalog.deliver("itaas.demand.business-unit.created.v1", subject=id_, data=name)
    subscription = {
        "id": str(held),
        "offering_id": offering["id"],
        "service_id": offering["service_id"],
        "business_unit_id": str(unit),
        "quantity": "1",
        "state": "active",
        "activated_at": at(1),
        "ended_at": None,
    }
    await catalog.deliver("itaas.demand.subscription.activated.v1", subject=held, data=subscription)
    alone = outage(offering, "s", 9, 24, subscription_id=str(held))
    del alone["offering_id"]
    of_all = outage(offering, "all", 12, 1, service_id=offering["service_id"])
    del of_all["offering_id"]
    of_unit = outage(offering, "u", 15, 2, business_unit_id=str(elsewhere))
    await accepted(meter, alone, of_all, of_unit, response(offering, "a", "5", business_unit_id=str(unit)))
    assert (await assessed(catalog, owner))["changed"] == 5
    events = [event for event in await catalog.published("itaas.catalog.commitment.missed.v1")]
    (missed,) = events
    assert missed.data["subscription_ids"] == [str(held)] and missed.business_unit_id == str(unit)
    assert missed.data["figures"]["down_seconds"] == "90000.000000"  # its own day, and the hour that all had

    async def seen(*units: UUID) -> list[tuple[str, str | None, str | None]]:
        client = catalog.client(["consumer"], units)
        items = (await client.get(f"/v1/offerings/{offering['id']}/attainments?periods=1")).json()["items"]
        return [(item["commitment"], item["subscription_id"], item["business_unit_id"]) for item in items]

    everybody = [("availability", None, None), ("response_time", None, None), ("lead_time", None, None)]
    assert await seen() == everybody
    assert await seen(unit) == [
        everybody[0],
        ("availability", str(held), str(unit)),
        everybody[1],
        ("response_time", None, str(unit)),
        everybody[2],
    ]
    assert ("availability", None, str(elsewhere)) in await seen(elsewhere)


async def test_reports_that_come_twice_at_once_are_kept_once(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    reports = [response(offering, str(n), "61", at=at(1 + n % 28)) for n in range(40)]
    answers = await asyncio.gather(*(report(meter, *reports[start:], *reports[:start]) for start in (0, 13, 26)))
    outcomes = [item["outcome"] for items in answers for item in items]
    assert (outcomes.count("accepted"), outcomes.count("duplicate")) == (40, 80)
    # Of two corrections of one original the first stands, wherever the two come from.
    corrections = [{"source": "/desk", "id": f"v{n}", "voids": {"source": "/desk", "id": "7"}} for n in range(3)]
    answers = await asyncio.gather(*(report(meter, each) for each in corrections))
    said = sorted((items[0]["outcome"], items[0].get("refusal")) for items in answers)
    assert said == [("corrected", None)] + [("rejected", "correction-not-possible")] * 2
    await assessed(catalog, owner)
    assert await told(catalog) == [("missed", "response_time", "61.0000", 39)]


@only_sqlite
async def test_a_timer_assesses_a_period_after_its_grace_and_again_when_something_comes_late(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    await accepted(meter, outage(offering, "1", 3, 10))

    async def timers() -> list[datetime]:
        async with catalog.runtime.database.reading() as session:
            return list(await session.scalars(select(Timer.due_at).where(Timer.kind == "attainment")))

    async def ring() -> None:
        before = len(await catalog.job_ids("attainment"))
        async with catalog.runtime.database.transaction() as session:
            await session.execute(update(Timer).values(due_at=utc_now()))
        for _ in range(500):
            if len(await catalog.job_ids("attainment")) > before:
                break
            await asyncio.sleep(0.01)
        for job in await catalog.job_ids("attainment"):
            await catalog.finished_job(job)

    (due,) = await timers()
    assert due >= LAST.end + timedelta(days=5)
    admin = catalog.client(["admin"])
    assert (await admin.put("/v1/attainment-policy", json={"grace_days": 0}, headers={"If-Match": '"0"'})).is_success
    await accepted(meter, outage(offering, "2", 4, 1))
    assert len(await timers()) == 1
    await ring()
    assert await timers() == []
    assert [event[:2] for event in await told(catalog)] == [("missed", "availability")]
    async with catalog.runtime.database.reading() as session:
        (period,) = await session.scalars(select(AttainmentPeriod))
        assert (period.period, period.waiting) == (LAST.name, False) and period.assessed_at is not None
    await accepted(meter, {"source": "/probe", "id": "v", "voids": {"source": "/probe", "id": "1"}})
    assert len(await timers()) == 1
    await ring()
    assert [event[0] for event in await told(catalog)] == ["missed", "attained"]
    # A grace that was made longer holds back a timer that was set before.
    await accepted(meter, outage(offering, "3", 5, 1))
    policy = {"grace_days": 60}
    assert (await admin.put("/v1/attainment-policy", json=policy, headers={"If-Match": '"1"'})).is_success
    async with catalog.runtime.database.transaction() as session:
        await session.execute(update(Timer).values(due_at=utc_now()))
    for _ in range(500):
        if (await timers())[0] > utc_now():
            break
        await asyncio.sleep(0.01)
    assert await timers() == [LAST.end + timedelta(days=60)]


@only_sqlite
async def test_only_what_was_promised_in_the_period_is_assessed(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    half = LAST.start + timedelta(days=15)
    offering = await an_offering(owner, since=half)
    before = LAST.after(-1)
    month_before = outage(offering, "0", 3, 5, starts_at=at(2, month=before), ends_at=at(3, month=before))
    across = outage(offering, "1", 3, 5, starts_at=at(15), ends_at=at(17))  # a day of it before the promise
    await accepted(meter, month_before, across, response(offering, "a", "99", at=at(3)))
    assert (await assessed(catalog, owner, before.name))["changed"] == 0
    assert (await assessed(catalog, owner))["changed"] == 1
    (event,) = await catalog.published("itaas.catalog.commitment.missed.v1")
    seconds = (LAST.end - half) // timedelta(seconds=1)
    assert event.data["figures"]["total_seconds"] == f"{seconds}.000000"
    assert event.data["figures"]["down_seconds"] == "86400.000000"
    shown = (await owner.get(f"/v1/offerings/{offering['id']}/attainments")).json()["items"]
    assert {item["period"] for item in shown} == {LAST.name}


@only_sqlite
async def test_each_report_of_a_batch_is_answered_by_itself(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    draft = (await owner.post("/v1/offerings", json={"service_id": offering["service_id"], "name": "Draft"})).json()
    fine = outage(offering, "1", 3, 10)
    nowhere = str(uuid7())
    tomorrow = (utc_now() + timedelta(days=1)).isoformat()
    wrong: list[tuple[Any, str, str]] = [
        ("no object", "measurement-not-readable", ""),
        (fine | {"id": "a\x00"}, "measurement-not-readable", "/id"),
        (fine | {"id": "\ud800"}, "measurement-not-readable", "/id"),
        (fine | {"id": "x" * 257}, "measurement-not-readable", "/id"),
        (fine | {"id": "2", "colour": "red"}, "measurement-not-readable", "/colour"),
        (fine | {"id": "3", "starts_at": 1_700_000_000}, "measurement-not-readable", "/starts_at"),
        (fine | {"id": "4", "starts_at": "2026-02-30T00:00:00Z"}, "measurement-not-readable", "/starts_at"),
        (fine | {"id": "5", "starts_at": "0001-01-01T00:00:00+23:59"}, "measurement-not-readable", "/starts_at"),
        (fine | {"id": "6", "ends_at": fine["starts_at"]}, "interval-not-possible", "/ends_at"),
        (fine | {"id": "7", "ends_at": tomorrow}, "measurement-in-future", "/ends_at"),
        (fine | {"id": "8", "offering_id": nowhere}, "target-unknown", "/offering_id"),
        (fine | {"id": "9", "offering_id": draft["id"]}, "target-unknown", "/offering_id"),
        (fine | {"id": "10", "service_id": nowhere}, "target-not-readable", "/service_id"),
        (fine | {"id": "11", "offering_id": None, "service_id": nowhere}, "target-unknown", "/service_id"),
        (fine | {"id": "12", "offering_id": None, "subscription_id": nowhere}, "target-unknown", "/subscription_id"),
        (fine | {"id": "13", "business_unit_id": nowhere}, "target-unknown", "/business_unit_id"),
        (fine | {"id": "14", "unit": "percent"}, "measurement-not-readable", "/unit"),
        (fine | {"source": "/itaas/demand"}, "source-reserved", "/source"),
        (response(offering, "15", "-1"), "value-out-of-range", "/value"),
        (response(offering, "16", "1", unit="percent"), "unit-not-of-kind", "/unit"),
        (response(offering, "17", "1", value=1.5), "measurement-not-readable", "/value"),
        ({"source": "/p", "id": "v", "voids": {"source": "/p", "id": "v"}}, "correction-not-possible", "/voids"),
        ({"source": "/p", "id": "w", "voids": {"source": "/p", "id": "1"}, "planned": True},
         "measurement-not-readable", "/planned"),
    ]  # fmt: skip
    body = json.dumps([fine, *(each for each, _, _ in wrong), fine, outage(offering, "last", 4, 1)])
    answer = await meter.post("/v1/measurements", content=body, headers=JSON)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["refusal"], item["pointer"]) for item in items[1:-2]] == [each[1:] for each in wrong]
    assert {item["status"] for item in items[1:-2]} == {422}
    assert [items[place]["outcome"] for place in (0, -2, -1)] == ["accepted", "duplicate", "accepted"]
    assert (answer.json()["accepted"], answer.json()["duplicate"], answer.json()["rejected"]) == (2, 1, len(wrong))
    async with catalog.runtime.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Measurement)) == 2
    # One by itself is a problem of its own.
    problem = await meter.post("/v1/measurements", json=wrong[8][0])
    assert (problem.status_code, problem.json()["type"]) == (422, "urn:itaas:problem:interval-not-possible")
    assert problem.json()["errors"][0]["pointer"] == "/ends_at"
    assert [(await meter.post("/v1/measurements", json=outage(offering, "one", 5, 1))).status_code for _ in "12"] == [
        201,
        200,
    ]
    for bad, status in ((b"{", 422), (b"\xff", 422), (b"[" * 200_000, 422), (b"[1,2", 422), (b"null", 422)):
        assert (await meter.post("/v1/measurements", content=bad, headers=JSON)).status_code == status, bad[:10]
    assert (
        await meter.post("/v1/measurements", content=b"a,b", headers={"content-type": "text/csv"})
    ).status_code == 422
    many = json.dumps([1] * 5_001)
    assert (await meter.post("/v1/measurements", content=many, headers=JSON)).status_code == 413
    for path, status in (
        ("/v1/attainments?period=2026-13", 422),
        ("/v1/measurements?period=x", 422),
        (f"/v1/offerings/{nowhere}/attainments", 404),
    ):
        assert (await owner.get(path)).status_code == status
    running = await owner.post("/v1/attainments/assess", json={"period": month_of(utc_now()).name})
    assert (running.status_code, running.json()["type"]) == (409, "urn:itaas:problem:period-not-over")
    assert (await owner.post("/v1/attainments/assess", json={"period": "2026-00"})).status_code == 422


@only_sqlite
async def test_cloudevents_and_lines_say_the_same(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    external = {"system": "sample", "id": "virtual-server-1"}
    data = {"offering_external_id": external, "commitment": "response_time", "value": "5", "unit": "minutes"}
    event = {"specversion": "1.0", "type": "itaas.measurement.v1", "source": "/ce", "id": "1", "time": at(5)}

    async def sent(kind: str, body: Any, **headers: str) -> list[tuple[str, str | None]]:
        content = body if isinstance(body, str) else json.dumps(body)
        answer = await meter.post("/v1/measurements", content=content, headers={"content-type": kind} | headers)
        assert answer.status_code in (200, 201), answer.text
        return [(item["outcome"], item.get("pointer")) for item in answer.json()["items"]]

    assert await sent("application/cloudevents+json", event | {"data": data}) == [("accepted", None)]
    binary = {f"ce-{name}": value for name, value in (event | {"id": "2"}).items()}
    assert await sent("application/json", data, **binary) == [("accepted", None)]
    original = {"original": {"source": "/ce", "id": "1"}}
    batch = [
        event | {"id": "3", "type": "itaas.measurement.replaced.v1", "data": data | original},
        event | {"id": "4", "type": "itaas.measurement.voided.v1", "data": original},
        event | {"id": "5", "data": data | {"value": "x"}},
        event | {"id": "6", "type": "itaas.usage.v1", "data": data},
        event
        | {"id": "7", "type": "itaas.measurement.voided.v1", "data": {"original": {"source": "/later", "id": "9"}}},
    ]
    assert await sent("application/cloudevents-batch+json", batch) == [
        ("corrected", None),
        ("rejected", "/data/original"),
        ("rejected", "/data/value"),
        ("rejected", "/type"),
        ("corrected", None),
    ]
    lines = "\n".join([json.dumps(response(offering, "9", "70", source="/later")), "", "{", json.dumps(event)])
    answer = (
        await meter.post("/v1/measurements", content=lines, headers={"content-type": "application/x-ndjson"})
    ).json()
    assert [item["outcome"] for item in answer["items"]] == ["accepted", "rejected", "rejected"]
    assert answer["items"][0]["note"] == "does not count: it is voided or replaced already"
    await assessed(catalog, owner)
    assert await told(catalog) == [("attained", "response_time", "5.0000", 2)]


@only_sqlite
async def test_an_owner_measures_their_own_services_and_a_consumer_none(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    service = (await owner.get(f"/v1/services/{offering['service_id']}")).json()
    changed = await catalog.client(["admin"]).patch(
        f"/v1/services/{service['id']}", json={"owner_id": "somebody"}, headers={"If-Match": "*"}
    )
    assert changed.status_code == 200, changed.text
    (refused,) = await report(owner, outage(offering, "1", 3, 1))
    assert (refused["status"], refused["refusal"]) == (403, "not-your-service")
    alone = await owner.post("/v1/measurements", json=outage(offering, "1", 3, 1))
    assert (alone.status_code, alone.json()["type"]) == (403, "urn:itaas:problem:not-your-service")
    assert (await consumer.post("/v1/measurements", json=[])).status_code == 403
    await accepted(meter, outage(offering, "1", 3, 1))
    void = {"source": "/o", "id": "v", "voids": {"source": "/probe", "id": "1"}}
    unknown = {"source": "/o", "id": "w", "voids": {"source": "/probe", "id": "nothing"}}
    assert [item["status"] for item in await report(owner, void, unknown)] == [403, 422]
    assert (await consumer.get("/v1/attainments")).status_code == 403


@only_sqlite
async def test_demands_lead_times_stand_beside_the_promise_and_measure_it(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    subject = UUID(offering["id"])
    observed = {"offering_id": offering["id"], "p50_days": "2.500000", "p85_days": "4.125", "n": 4, "since": at(1)}
    path = f"/v1/offerings/{offering['id']}"

    async def shown() -> dict[str, Any]:
        item = (await consumer.get("/v1/offerings")).json()["items"][0]["observed_lead_time"]
        assert item == (await consumer.get(path)).json()["observed_lead_time"]
        return {name: value for name, value in item.items() if name != "as_of"}

    assert (await consumer.get(path)).json()["observed_lead_time"] is None
    await catalog.deliver("itaas.demand.lead-time.updated.v1", subject=subject, data=observed, sequence=4)
    assert await shown() == {"p50_days": None, "p85_days": None, "n": 4, "withheld": True}
    known = observed | {"n": 5}
    await catalog.deliver("itaas.demand.lead-time.updated.v1", subject=subject, data=known, sequence=5)
    await catalog.deliver("itaas.demand.lead-time.updated.v1", subject=subject, data=observed, sequence=4)
    assert await shown() == {"p50_days": "2.500000", "p85_days": "4.125", "n": 5, "withheld": False}

    for turn, days in enumerate(("1.5", "400")):
        order = uuid7()
        data = {"id": str(order), "offering_id": offering["id"], "fulfilled_at": at(20), "lead_time_days": days}
        for _ in range(2 - turn):  # told twice under another event id, as after a restore: it counts once
            await catalog.deliver("itaas.demand.order.fulfilled.v1", subject=order, data=data, sequence=3)
    worst = (await owner.get("/v1/measurements", params={"offering_id": offering["id"]})).json()["items"][-1]
    assert Decimal(worst["value"]) == 400 * 86_400  # the later an order, the less may it be lost
    stray = {"id": str(uuid7()), "offering_id": str(uuid7()), "fulfilled_at": at(20), "lead_time_days": "1"}
    await catalog.deliver("itaas.demand.order.fulfilled.v1", subject=uuid7(), data=stray)
    await assessed(catalog, owner)
    assert await told(catalog) == [("attained", "lead_time", "1.5000", 2)]


@only_sqlite
async def test_thousands_in_one_request_are_kept_once(
    catalog: ServiceHarness, owner: httpx.AsyncClient, meter: httpx.AsyncClient
) -> None:
    offering = await an_offering(owner)
    reports = [response(offering, str(n), str(n % 120)) for n in range(1_000)]
    answer = await meter.post("/v1/measurements", json=reports)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1_000)
    again = (await meter.post("/v1/measurements", json=reports)).json()
    assert (again["accepted"], again["duplicate"]) == (0, 1_000)
    assert not any("note" in item for item in again["items"])
    await assessed(catalog, owner)
    (event,) = await told(catalog)
    assert event == ("missed", "response_time", "101.0000", 1_000)
