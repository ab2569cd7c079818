"""Accruals, amortisation, corrections and credits: booked as rows, refused into closed periods, adding up."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.ids import uuid7
from services.money import exact_total
from services.testing import ServiceHarness
from tests.pricing_service.samples import World, focus_csv, imported, on_both_databases, refusal

pytestmark = pytest.mark.anyio

D = Decimal
VM = {"service_name": "Virtual Machines", "account": "6510", "tags": {"env": "prod"}}
ACCRUAL = VM | {
    "period": "2026-09",
    "amount": "1200.55",
    "currency": "USD",
    "reason": "the invoice is late",
    "expected_from": "aws",
}
PREPAID = VM | {
    "amount": "1000.00",
    "currency": "USD",
    "first_period": "2026-09",
    "periods": 12,
    "description": "Support contract",
}
CREDIT = {
    "kind": "credit",
    "period": "2026-10",
    "currency": "USD",
    "reason": "goodwill",
    "lines": [VM | {"amount": "-10.5"}, VM | {"amount": "-2", "service_name": "Storage", "description": "disks"}],
}


async def booked(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/v1/{path}", json=body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def costs(client: httpx.AsyncClient, *periods: str, group_by: str = "origin") -> list[dict[str, str]]:
    seen = []
    for period in periods:
        groups = (await client.get("/v1/costs", params={"period": period, "group_by": group_by})).json()["items"]
        seen.append({group["key"]: group["cost"] for group in groups})
    return seen


async def close(client: httpx.AsyncClient, period: str) -> None:
    answer = await client.post(f"/v1/periods/{period}/close")
    assert answer.status_code == 200, answer.text


@on_both_databases
async def test_an_accrual_and_its_reversal_sum_to_zero(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    invoice = ACCRUAL | {"external_id": {"system": "erp", "id": "A-1"}, "reverses_in": "2026-12"}
    first = await booked(finance, "accruals", ACCRUAL)
    second = await booked(finance, "accruals", invoice)
    assert (first["reverses_in"], second["reverses_in"]) == ("2026-10", "2026-12")
    assert (first["service_name"], first["tags"], first["external_id"]) == ("Virtual Machines", {"env": "prod"}, None)
    assert second["external_id"] == {"system": "erp", "id": "A-1"}
    assert (await booked(finance, "accruals", invoice))["id"] == second["id"]
    other = await finance.post("/v1/accruals", json=invoice | {"amount": "1"})
    assert refusal(other) == (409, "external-id-taken", ["/external_id"])
    assert await costs(finance, "2026-09", "2026-10", "2026-12") == [
        {"accrual": "2401.10"},
        {"accrual": "-1200.55"},
        {"accrual": "-1200.55"},
    ]
    assert await costs(finance, "2026-10", group_by="account") == [{"6510": "-1200.55"}]
    assert await costs(finance, "2026-10", group_by="tag:env") == [{"prod": "-1200.55"}]

    await close(finance, "2026-09")
    assert refusal(await finance.post("/v1/accruals", json=ACCRUAL)) == (409, "period-closed", ["/period"])
    reverse = f"/v1/accruals/{second['id']}/reverse"
    why = {"reason": "the invoice has come"}
    for period, found in (
        ("2026-08", (422, "reversal-too-early", ["/period"])),
        ("2026-09", (409, "period-closed", ["/period"])),
        ("2026-12", (409, "accrual-reversed", ["/period"])),
    ):
        assert refusal(await finance.post(reverse, json=why | {"period": period})) == found
    assert refusal(await finance.post(reverse, json=why, headers={"If-Match": '"9"'}))[0] == 412
    early = await booked(finance, f"accruals/{second['id']}/reverse", why)
    assert (early["reverses_in"], early["reversal_reason"]) == ("2026-10", "the invoice has come")
    assert refusal(await finance.post(reverse, json=why)) == (409, "accrual-reversed", ["/id"])
    assert await costs(finance, "2026-09", "2026-10", "2026-12") == [
        {"accrual": "2401.10"},
        {"accrual": "-2401.10"},
        {},
    ]
    late = await finance.post(f"/v1/accruals/{first['id']}/reverse", json=why)
    assert refusal(late) == (409, "accrual-reversed", ["/period"])  # October takes it back anyway
    await close(finance, "2026-10")
    late = await finance.post(f"/v1/accruals/{first['id']}/reverse", json=why)
    assert refusal(late) == (409, "accrual-reversed", ["/id"])
    assert refusal(await finance.post(f"/v1/accruals/{uuid7()}/reverse", json=why))[:2] == (404, "accrual-unknown")

    # Within the accrual's own open period: nothing is left of it there.
    third = await booked(finance, "accruals", ACCRUAL | {"period": "2026-11", "amount": "-7"})
    at_once = await asyncio.gather(*[finance.post(f"/v1/accruals/{third['id']}/reverse", json=why) for _ in range(4)])
    assert sorted(answer.status_code for answer in at_once) == [200, 409, 409, 409]
    assert await costs(finance, "2026-11", "2026-12") == [{"accrual": "0"}, {}]
    listed = (await finance.get("/v1/accruals?period=2026-09")).json()["items"]
    assert [accrual["id"] for accrual in listed] == [first["id"], second["id"]]
    assert (await finance.get(f"/v1/accruals/{third['id']}")).headers["etag"] == '"2"'


@on_both_databases
async def test_a_schedule_is_booked_at_once_and_retired(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    made = await booked(finance, "amortisation-schedules", PREPAID)
    shares = made["shares"]
    assert [share["amount"] for share in shares] == ["83.34"] * 4 + ["83.33"] * 8
    assert [shares[0]["period"], shares[-1]["period"]] == ["2026-09", "2027-08"]
    assert shares[4]["description"] == "Support contract, 5 of 12"
    assert await costs(finance, "2026-09", "2027-08") == [{"amortisation": "83.34"}, {"amortisation": "83.33"}]
    view = (await finance.get("/v1/costs?period=2026-09")).json()["totals"][0]
    assert (view["billed_cost"], view["effective_cost"]) == ("0", "83.34")

    await close(finance, "2026-09")
    late = await finance.post("/v1/amortisation-schedules", json=PREPAID)
    assert refusal(late) == (409, "period-closed", ["/first_period"])
    caught_up = PREPAID | {"catch_up": True, "first_period": "2026-08", "external_id": {"system": "fa", "id": "7"}}
    second = await booked(finance, "amortisation-schedules", caught_up)
    assert [share["period"] for share in second["shares"]][:4] == ["2026-10", "2026-10", "2026-10", "2026-11"]
    assert second["shares"][0]["description"] == "Support contract, 1 of 12, for 2026-08"
    assert (await booked(finance, "amortisation-schedules", caught_up))["schedule"]["id"] == second["schedule"]["id"]
    assert await costs(finance, "2026-09", "2026-10") == [{"amortisation": "83.34"}, {"amortisation": "333.36"}]

    retire = f"amortisation-schedules/{made['schedule']['id']}/retire"
    why = {"reason": "the contract was cancelled"}
    for period, found in (
        ("2026-09", (409, "period-closed", ["/period"])),
        ("2026-08", (422, "retirement-too-early", ["/period"])),
        ("2027-08", (409, "nothing-to-write-off", ["/period"])),
    ):
        assert refusal(await finance.post(f"/v1/{retire}", json=why | {"period": period})) == found
    gone = await booked(finance, retire, why | {"period": "2026-11"})
    schedule = gone["schedule"]
    assert (schedule["state"], schedule["retired_in"], schedule["written_off"]) == ("retired", "2026-11", "749.98")
    in_force = [share for share in gone["shares"] if share["in_force"]]
    assert [(share["period"], share["amount"], share["closed"]) for share in in_force] == [
        ("2026-09", "83.34", True),
        ("2026-10", "83.34", False),
        ("2026-11", "83.34", False),
        ("2026-11", "749.98", False),
    ]
    assert len(gone["shares"]) == 13
    assert refusal(await finance.post(f"/v1/{retire}", json=why)) == (409, "schedule-retired", ["/id"])
    assert await costs(finance, "2026-11", "2027-08") == [{"amortisation": "916.66"}, {}]
    listed = (await finance.get("/v1/amortisation-schedules")).json()["items"]
    assert [one["state"] for one in listed] == ["retired", "active"]

    by_days = PREPAID | {"first_period": "2026-11", "start_date": "2026-11-21", "by": "days", "amount": "30"}
    del by_days["periods"]
    days = await booked(finance, "amortisation-schedules", by_days | {"end_date": "2026-12-20"})
    assert [share["amount"] for share in days["shares"]] == ["10.00", "20.00"]


async def test_wrong_schedules_are_refused_by_name_and_field(finance: httpx.AsyncClient) -> None:
    for change, name, pointer in (
        ({"amount": "0"}, "amount-not-positive", "/amount"),
        ({"amount": "-1"}, "amount-not-positive", "/amount"),
        ({"periods": None}, "term-unclear", "/periods"),
        ({"end_date": "2027-01-01"}, "term-unclear", "/periods"),
        ({"periods": None, "end_date": "2026-08-31"}, "end-before-start", "/end_date"),
        ({"periods": None, "end_date": "2199-08-31"}, "schedule-too-long", "/end_date"),
        ({"periods": 601}, "request-not-valid", "/periods"),
        ({"start_date": "2026-09-02"}, "term-unclear", "/start_date"),
        ({"start_date": "2026-10-02", "by": "days"}, "start-outside-period", "/start_date"),
        ({"first_period": "2026-P01"}, "period-unreadable", "/first_period"),
        ({"first_period": "9990-12"}, "period-not-bookable", "/first_period"),
        ({"method": "declining"}, "request-not-valid", "/method"),
        ({"currency": "EURO"}, "request-not-valid", "/currency"),
        ({"tags": {'a"b': "1"}}, "request-not-valid", '/tags/a"b'),
    ):
        answer = await finance.post("/v1/amortisation-schedules", json=PREPAID | change)
        status, found, pointers = refusal(answer)
        assert (status, found, pointers[0][: len(pointer)]) == (422, name, pointer), answer.text
    assert (await finance.get("/v1/amortisation-schedules")).json()["items"] == []
    assert await costs(finance, "2026-09") == [{}]


@on_both_databases
async def test_corrections_and_credits(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    job = await imported(service, finance, focus_csv({}, {"EffectiveCost": "5"}))
    import_id = job["result"]["import_id"]
    correction = CREDIT | {
        "kind": "correction",
        "lines": [VM | {"amount": "0.000000000000000001"}, VM | {"amount": "-0.5"}],
        "corrects": {"import_id": import_id, "line": 2},
    }
    credit = await booked(finance, "cost-entries", CREDIT)
    assert credit["amount"] == "-12.5"
    assert credit["lines"][1]["description"] == "disks"
    corrected = await booked(finance, "cost-entries", correction)
    assert corrected["corrects"] == {"import_id": import_id, "line": 2, "entry_id": None}
    groups = await costs(finance, "2026-10", group_by="ChargeCategory")
    assert groups == [{"Usage": "13.00", "Credit": "-12.5", "Adjustment": "-0.499999999999999999"}]
    assert (await costs(finance, "2026-10", group_by="ChargeClass"))[0]["Correction"] == "-0.499999999999999999"
    assert (await costs(finance, "2026-10", group_by="ChargeDescription"))[0]["goodwill"] == "-10.999999999999999999"

    for change, found in (
        ({"lines": [VM | {"amount": "0"}]}, ("nothing-to-book", "/lines/0/amount")),
        ({"lines": [CREDIT["lines"][0], VM | {"amount": "1"}]}, ("credit-not-negative", "/lines/1/amount")),
        ({"lines": []}, ("request-not-valid", "/lines")),
        ({"corrects": {}}, ("corrected-unknown", "/corrects")),
        ({"corrects": {"import_id": str(uuid7())}}, ("corrected-unknown", "/corrects/import_id")),
        ({"corrects": {"import_id": import_id, "line": 99}}, ("corrected-unknown", "/corrects/line")),
        ({"corrects": {"entry_id": str(uuid7())}}, ("corrected-unknown", "/corrects/entry_id")),
        ({"corrects": {"entry_id": credit["id"], "line": 1}}, ("corrected-unknown", "/corrects/line")),
        ({"kind": "accrual"}, ("request-not-valid", "/kind")),
        ({"period": "2026-P10"}, ("period-unreadable", "/period")),
        ({"period": "1969-12"}, ("period-not-bookable", "/period")),
    ):
        status, name, pointers = refusal(await finance.post("/v1/cost-entries", json=CREDIT | change))
        assert (status, name, pointers[0]) == (422, *found)

    await close(finance, "2026-10")
    before = await costs(finance, "2026-10")
    assert refusal(await finance.post("/v1/cost-entries", json=CREDIT)) == (409, "period-closed", ["/period"])
    reverse, why = f"/v1/cost-entries/{credit['id']}/reverse", {"reason": "by mistake"}
    assert refusal(await finance.post(reverse, json=why | {"period": "2026-10"}))[:2] == (409, "period-closed")
    assert refusal(await finance.post(reverse, json=why | {"period": "2026-09"}))[:2] == (422, "reversal-too-early")
    back = await booked(finance, f"cost-entries/{credit['id']}/reverse", why)
    assert (back["period"], back["amount"], back["reverses"]) == ("2026-11", "12.5", credit["id"])
    assert refusal(await finance.post(reverse, json=why)) == (409, "entry-reversed", ["/id"])
    again = await finance.post(f"/v1/cost-entries/{back['id']}/reverse", json=why)
    assert refusal(again) == (409, "entry-reversed", ["/id"])
    assert (await finance.get(f"/v1/cost-entries/{credit['id']}")).json()["reversed_by"] == back["id"]
    assert await costs(finance, "2026-10") == before
    assert await costs(finance, "2026-11", group_by="ServiceName") == [{"Virtual Machines": "10.5", "Storage": "2"}]
    assert len((await finance.get("/v1/cost-entries?kind=credit")).json()["items"]) == 2
    async with service.client(roles=["service_owner"]) as owner:
        assert (await owner.post("/v1/cost-entries", json=CREDIT)).status_code == 403
        assert (await owner.get("/v1/cost-entries?period=2026-10")).json()["items"][0]["id"] == credit["id"]
    # An allocation takes them as any other cost.
    shares = [{"service_id": str(world.service_id), "weight": "1"}]
    pool = {"name": "vm", "rules": [{"column": "ServiceName", "equals": "Virtual Machines"}]}
    await booked(finance, "cost-pools", pool | {"driver": {"kind": "fixed", "shares": shares}})
    run = await booked(finance, "allocation-runs", {"period": "2026-11"})
    assert run["allocated"] == {"amount": "10.5", "currency": "USD"}


async def test_weeks_bear_their_days_and_the_largest_amounts_their_digits(finance: httpx.AsyncClient) -> None:
    calendar = {"scheme": "4-4-5", "start_month": 7, "time_zone": "Europe/Zurich"}
    put = await finance.put("/v1/fiscal-calendar", json=calendar, headers={"If-Match": "*"})
    assert put.status_code == 200, put.text
    weeks = PREPAID | {"first_period": "2026-P12", "periods": 4, "by": "days", "amount": "18.00", "currency": "JPY"}
    made = await booked(finance, "amortisation-schedules", weeks)
    assert [(share["period"], share["amount"]) for share in made["shares"]] == [
        ("2026-P12", "5"),
        ("2027-P01", "4"),
        ("2027-P02", "4"),
        ("2027-P03", "5"),
    ]
    most = "999999999999999999.999999999999999999"
    await booked(finance, "accruals", ACCRUAL | {"period": "2026-P12", "amount": most, "currency": "KWD"})
    assert (await costs(finance, "2027-P01"))[0]["accrual"] == f"-{most}"
    long = await booked(
        finance, "amortisation-schedules", PREPAID | {"first_period": "2027-P01", "periods": 600, "amount": most}
    )
    assert sum_of(long["shares"]) == D(most)
    assert (await finance.post("/v1/accruals", json=ACCRUAL | {"period": "2026-10"})).status_code == 422
    zero = await finance.post("/v1/accruals", json=ACCRUAL | {"period": "2026-P12", "amount": "-0.00"})
    assert refusal(zero) == (422, "nothing-to-book", ["/amount"])


def sum_of(shares: list[dict[str, str]]) -> Decimal:
    return exact_total([D(share["amount"]) for share in shares])
