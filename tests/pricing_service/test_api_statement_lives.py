"""From an issued statement to a settled one: disputed, credited, posted, balanced, and each amount explained."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert, select, update

from pricing_service.tables import Statement, StatementLine
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, on_both_databases, usage

pytestmark = pytest.mark.anyio
D = Decimal
BACKUP = {"key": "backup", "name": "Backup", "recurring": "month", "model": "flat", "amount": "50.55"}
PROVIDER = {
    "effective_from": "2026-01",
    "legal_entity": "IT-AG",
    "cost_centre": "CC-IT",
    "recovery_account": "8400",
    "charge_account": "4980",
}
ABROAD = {
    "provider_entity": "IT-AG",
    "consumer_entity": "SALES-GMBH",
    "effective_from": "2026-01",
    "receivable_account": "1400",
    "payable_account": "1600",
    "taxes": [{"code": "VAT19", "rate": "19", "output_account": "1776", "input_account": "1576"}],
}


@pytest.fixture
async def consumer(service: ServiceHarness, world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client(roles=["consumer"], business_units=[world.unit], person="controller") as client:
        yield client


async def answered(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refused(answer: httpx.Response, status: int, kind: str, pointer: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (status, f"urn:itaas:problem:{kind}"), body
    if pointer is not None:
        assert pointer in [fault["pointer"] for fault in body["errors"]], body
    return body


async def drafted(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, period: str = "2026-11"
) -> dict[str, Any]:
    """The unit's newest draft after a rating run: 120.00 of servers and 50.55 of backup."""
    job = await answered(await finance.post("/v1/rating-runs", json={"period": period}), 202)
    assert (await service.finished_job(job["id"])).state == "succeeded"
    query = f"/v1/statements?business_unit_id={world.unit}&period={period}&state=draft"
    (draft,) = (await answered(await finance.get(query)))["items"]
    return await answered(await finance.get(f"/v1/statements/{draft['id']}"))


async def issued(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> dict[str, Any]:
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-01-01")
    draft = await drafted(service, finance, world)
    return await answered(await finance.post(f"/v1/statements/{draft['id']}/issue"))


async def profile(finance: httpx.AsyncClient, world: World, **content: Any) -> httpx.Response:
    body = {"business_unit_id": str(world.unit), "effective_from": "2026-01"} | content
    return await finance.put("/v1/billing-profiles", json=body)


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


async def balanced(finance: httpx.AsyncClient, journal_id: str) -> dict[str, Any]:
    """The journal, whose debits are its credits per legal entity, and whose lines explain themselves."""
    journal = await answered(await finance.get(f"/v1/journals/{journal_id}"))
    sums: dict[str, Decimal] = {}
    for line in journal["lines"]:
        sign = 1 if line["side"] == "debit" else -1
        sums[line["legal_entity"]] = sums.get(line["legal_entity"], D(0)) + sign * D(line["amount"])
        why = await answered(await finance.get(f"/v1/journals/{journal_id}/lines/{line['id']}/explanation"))
        assert sum(D(part["amount"]) for part in why["parts"]) == D(line["amount"]) == D(why["amount"]["amount"]), why
        assert why["sources"]["billing_profile"]["version"] == 1
    assert set(sums.values()) == {D(0)}
    assert D(journal["debits"]) == D(journal["credits"]) > 0
    return journal


@on_both_databases
async def test_dispute_credit_note_budget_journal_settlement(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    body = {"business_unit_id": str(world.unit), "fiscal_year": 2026, "amount": usd("5000"), "hard": True}
    budget = await answered(await finance.post("/v1/budgets", json=body), 201)
    statement = await issued(service, finance, world)
    path, lines = f"/v1/statements/{statement['id']}", {line["charge"]: line for line in statement["lines"]}
    assert (statement["mode"], statement["total"], statement["owed"]) == ("chargeback", usd("170.55"), usd("170.55"))
    server, backup = lines["server"], lines["backup"]

    async def actual() -> Decimal:
        return D((await answered(await finance.get(f"/v1/budgets/{budget['id']}")))["actual"])

    assert await actual() == D("170.55")

    # The consumer disputes a line where it stands; the statement is disputed, and nothing can be posted meanwhile.
    claim = {"claimed": usd("45.00"), "reason": "We gave one server back"}
    dispute = await answered(await consumer.post(f"{path}/lines/{server['id']}/disputes", json=claim), 201)
    assert (dispute["state"], dispute["claimed"], dispute["line_amount"]) == ("open", usd("45.00"), "120.00")
    assert (await answered(await consumer.get(path)))["state"] == "disputed"
    why = await answered(await consumer.get(f"{path}/lines/{server['id']}/explanation"))
    assert ([each["id"] for each in why["disputes"]], why["can_be_disputed"]) == ([dispute["id"]], None)
    await refused(await finance.post(f"{path}/post"), 409, "statement-not-postable")
    again = await consumer.post(f"{path}/lines/{server['id']}/disputes", json=claim)
    await refused(again, 409, "line-already-disputed")
    other = await answered(await consumer.post(f"{path}/lines/{backup['id']}/disputes", json=claim), 201)

    # Finance upholds it in part: the credit note is there at once, and the budget is restored.
    resolution = {"outcome": "upheld", "amount": usd("30.00"), "reason": "Given back on the 24th"}
    resolved = await answered(await finance.post(f"/v1/disputes/{dispute['id']}/resolve", json=resolution))
    assert (resolved["state"], resolved["awarded"], resolved["resolved_by"] is None) == ("upheld", usd("30.00"), False)
    note = await answered(await consumer.get(f"/v1/credit-notes/{resolved['credit_note_id']}"))
    assert note["number"].startswith("CN-") and note["number"].endswith("-000001")
    assert (note["origin"], note["total"], note["period"], note["credits_period"]) == (
        "dispute",
        usd("30.00"),
        "2026-11",
        "2026-11",
    )
    assert await actual() == D("140.55")
    assert (await answered(await consumer.get(path)))["state"] == "disputed"  # the other line still is
    rejection = {"outcome": "rejected", "reason": "Backup is part of it"}
    await answered(await finance.post(f"/v1/disputes/{other['id']}/resolve", json=rejection))
    await refused(await finance.post(f"/v1/disputes/{other['id']}/resolve", json=rejection), 409, "dispute-not-open")
    stands = await answered(await consumer.get(path))
    assert (stands["state"], stands["credited"], stands["owed"]) == ("issued", usd("30.00"), usd("140.55"))
    assert [(line["credited"], line["disputed"]) for line in stands["lines"]] == [("30.00", False), ("0", False)]
    for each, parts in ((dispute, ["30.00", "15.00"]), (other, ["0", "45.00"])):
        why = await answered(await consumer.get(f"/v1/disputes/{each['id']}/explanation"))
        assert [part["amount"] for part in why["parts"]] == parts

    # Posting needs to know on what; it names all that is missing, and changes nothing.
    missing = await refused(await finance.post(f"{path}/post"), 409, "journal-mapping-missing", "billing-provider")
    assert {"billing-profile/cost_centre", "billing-profile/legal_entity"} <= {e["pointer"] for e in missing["errors"]}
    assert (await profile(finance, world, cost_centre="CC-4711", legal_entity="SALES-GMBH")).status_code == 201
    await answered(await finance.put("/v1/billing-provider", json=PROVIDER), 201)
    await refused(await finance.post(f"{path}/post"), 409, "journal-mapping-missing", "intercompany-accounts")
    await answered(await finance.put("/v1/intercompany-accounts", json=ABROAD), 201)
    posted = await answered(await finance.post(f"{path}/post"))
    assert posted["state"] == "posted"
    listed = (await answered(await finance.get(f"/v1/journals?statement_id={statement['id']}")))["items"]
    charge, credit = [await balanced(finance, each["id"]) for each in listed]
    assert [(each["kind"], each["net_amount"], each["tax_amount"]) for each in (charge, credit)] == [
        ("statement", "170.55", "32.40"),  # 32.4045
        ("credit_note", "-30.00", "-5.70"),
    ]
    booked = {(line["purpose"], line["side"], line["cost_centre"], line["amount"]) for line in charge["lines"]}
    assert {
        ("charge", "debit", "CC-4711", "170.55"),
        ("recovery", "credit", "CC-IT", "170.55"),
        ("receivable", "debit", None, "202.95"),
        ("payable", "credit", None, "202.95"),
    } <= booked
    assert credit["credit_note_id"] == note["id"]

    # A posted line is no longer disputed, but can be credited: its journal is made at once.
    await refused(
        await consumer.post(f"{path}/lines/{backup['id']}/disputes", json=claim), 409, "statement-not-disputable"
    )
    wanted = {
        "statement_id": statement["id"],
        "reason": "Goodwill",
        "lines": [{"line_id": server["id"], "amount": "90.00"}, {"line_id": backup["id"], "amount": "0.55"}],
    }
    goodwill = await answered(await finance.post("/v1/credit-notes", json=wanted), 201)
    assert (goodwill["total"], len(goodwill["lines"])) == (usd("90.55"), 2)
    why = await answered(await consumer.get(f"/v1/credit-notes/{goodwill['id']}/explanation"))
    assert sum(D(part["amount"]) for part in why["parts"]) == D("90.55")
    assert why["statement_owed"] == usd("50.00")
    await balanced(finance, why["journal_ids"][0])
    await refused(
        await finance.post("/v1/credit-notes", json=wanted), 409, "credit-exceeds-line", "/lines/0/amount"
    )  # the server line is given back whole by now
    settled = await answered(await finance.post(f"{path}/settle"))
    assert (settled["state"], settled["owed"]) == ("settled", usd("50.00"))
    await refused(await finance.post(f"{path}/settle"), 409, "statement-not-settleable")
    assert [(step["action"], step["before"], step["after"]) for step in settled["life"]] == [
        ("issue", "draft", "issued"),
        ("dispute", "issued", "disputed"),
        ("dispute", "disputed", "disputed"),
        ("resolve", "disputed", "issued"),
        ("post", "issued", "posted"),
        ("settle", "posted", "settled"),
    ]
    assert all(step["person_id"] for step in settled["life"])

    # A reversal is a note of its own, with a journal of its own; it can be done once.
    reason = {"reason": "A slip"}
    reversal = await answered(await finance.post(f"/v1/credit-notes/{goodwill['id']}/reverse", json=reason), 201)
    assert (reversal["total"], reversal["reverses_id"], reversal["origin"]) == (
        usd("-90.55"),
        goodwill["id"],
        "reversal",
    )
    for each in (goodwill, reversal):
        await refused(
            await finance.post(f"/v1/credit-notes/{each['id']}/reverse", json=reason), 409, "credit-note-not-reversible"
        )
    assert await actual() == D("140.55")
    why = await answered(await finance.get(f"{path}/explanation"))
    assert sum(D(part["amount"]) for part in why["parts"]) == D(why["amount"]["amount"]) == D("170.55")
    off = sum(D(part["amount"]) for part in why["credits"])
    assert D("170.55") + off == D(why["owed"]["amount"]) == D("140.55")
    assert len(why["journal_ids"]) == 4
    taxes = [(await balanced(finance, each))["tax_amount"] for each in why["journal_ids"]]
    assert sum(D(tax) for tax in taxes) == D("26.70")  # 19 % of 140.55 = 26.7045: nothing is lost between the notes

    # What the ledger gets, and what others hear.
    exported = await finance.get("/v1/journals/export?period=2026-11")
    assert exported.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert len({row["journal"] for row in rows}) == 4
    for entity in ("IT-AG", "SALES-GMBH"):
        mine = [row for row in rows if row["legal_entity"] == entity]
        assert sum(D(row["debit"] or 0) for row in mine) == sum(D(row["credit"] or 0) for row in mine) > 0
    heard = [event for event in await service.published() if "budget" not in event.type and "price" not in event.type]
    assert [event.type.removeprefix("itaas.pricing.") for event in heard] == [
        "statement.issued.v1",
        "dispute.opened.v1",
        "dispute.opened.v1",
        "credit-note.issued.v1",
        "dispute.resolved.v1",
        "dispute.resolved.v1",
        "statement.posted.v1",
        "credit-note.issued.v1",
        "statement.settled.v1",
        "credit-note.issued.v1",
    ]
    assert not any("server back" in str(event.data) or "Goodwill" in str(event.data) for event in heard)
    assert all(event.business_unit_id == str(world.unit) for event in heard)
    assert heard[4].data["credit_note_id"] == note["id"]


@on_both_databases
async def test_a_missed_commitment_is_credited_once_whichever_comes_first(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    rule = {
        "offering_id": str(world.offering),
        "commitment": "availability",
        "effective_from": "2026-01",
        "bands": [
            {"shortfall_from": "0", "credit_percent": "10"},
            {"shortfall_from": "1", "credit_percent": "25"},
        ],
        "cap_percent": "30",
    }
    await answered(await finance.put("/v1/service-credit-rules", json=rule), 201)

    async def missed(commitment: str = "availability", attained: str = "98.5", **more: Any) -> None:
        data = {
            "id": str(world.offering),
            "service_id": str(world.service_id),
            "offering_id": str(world.offering),
            "commitment": commitment,
            "period": "2026-11",
            "promised": "99.9",
            "attained": attained,
            "unit": "percent",
        } | more
        await service.deliver("itaas.catalog.commitment.missed.v1", subject=world.offering, data=data)

    async def notes() -> list[dict[str, Any]]:
        jobs = await service.job_ids("service-credits")
        for job in jobs:
            assert (await service.finished_job(job)).state == "succeeded"
        items: list[dict[str, Any]] = (await answered(await finance.get("/v1/credit-notes")))["items"]
        return items

    await missed()
    statement = await issued(service, finance, world)  # told of before: credited as it is issued
    (note,) = await notes()
    assert (note["origin"], note["statement_id"], note["total"]) == ("service_credit", statement["id"], usd("42.64"))
    await missed(attained="97")  # the same again, told in other words: once is once
    await missed("lead_time")  # no rule, no credit
    assert len(await notes()) == 1
    await answered(await finance.put("/v1/service-credit-rules", json=rule | {"commitment": "response_time"}), 201)
    await missed("response_time", "99.5", subscription_ids=[statement["lines"][0]["subscription_id"]])
    _, second = await notes()  # told of afterwards: credited by a job, as far as the cap still allows
    assert second["total"] == usd("8.52")  # 30 % of 170.55 = 51.165 ≈ 51.16, less 42.64; 10 % would be 17.06
    why = await answered(await finance.get(f"/v1/credit-notes/{second['id']}/explanation"))
    assert sum(D(part["amount"]) for part in why["parts"]) == D("8.52")
    assert why["basis"]["formula"] == ("170.55 × 10 % = 17.0550 ≈ 17.06 USD, of which the cap of 30 % leaves 8.52")
    assert (await answered(await finance.get(f"/v1/statements/{statement['id']}")))["owed"] == usd("119.39")
    await missed("response_time", subscription_ids=[str(uuid7())])
    assert len(await notes()) == 2


async def test_what_cannot_be_disputed_credited_or_seen(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-01-01")
    draft = await drafted(service, finance, world)
    path, line = f"/v1/statements/{draft['id']}", draft["lines"][0]["id"]
    disputes = f"{path}/lines/{line}/disputes"
    claim = {"claimed": usd("1.00"), "reason": "x"}
    await refused(await consumer.post(disputes, json=claim), 409, "statement-not-disputable")
    wanted = {"statement_id": draft["id"], "lines": [{"line_id": line, "amount": "1.00"}], "reason": "x"}
    await refused(await finance.post("/v1/credit-notes", json=wanted), 409, "statement-not-creditable")
    assert (await answered(await consumer.get(path)))["owed"] is None
    await answered(await finance.post(f"{path}/issue"))

    for body, pointer in (
        ({"claimed": usd("120.01"), "reason": "x"}, "/claimed"),
        ({"claimed": usd("0"), "reason": "x"}, "/claimed"),
        ({"claimed": usd("-1"), "reason": "x"}, "/claimed"),
        ({"claimed": usd("1.001"), "reason": "x"}, "/claimed"),
        ({"claimed": {"amount": "1", "currency": "EUR"}, "reason": "x"}, "/claimed"),
    ):
        await refused(await consumer.post(disputes, json=body), 422, "claim-not-possible", pointer)
    await refused(await consumer.post(disputes, json={"claimed": usd("1")}), 422, "request-not-valid", "/reason")
    assert (await answered(await consumer.get(path)))["state"] == "issued"
    missing = UUID(int=1)
    assert (await consumer.post(f"{path}/lines/{missing}/disputes", json=claim)).status_code == 404
    assert (await consumer.post(f"/v1/statements/{missing}/lines/{line}/disputes", json=claim)).status_code == 404
    assert (await consumer.post(disputes, json=claim, headers={"If-Match": '"1"'})).status_code == 412

    for lines, status, kind, pointer in (
        ([{"line_id": line, "amount": "120.01"}], 409, "credit-exceeds-line", "/lines/0/amount"),
        ([{"line_id": line, "amount": "0"}], 422, "credit-not-possible", "/lines/0/amount"),
        ([{"line_id": line, "amount": "-5"}], 422, "credit-not-possible", "/lines/0/amount"),
        ([{"line_id": line, "amount": "1.005"}], 422, "credit-not-possible", "/lines/0/amount"),
        ([{"line_id": line, "amount": "1"}] * 2, 422, "credit-not-possible", "/lines/1/line_id"),
        ([{"line_id": str(missing), "amount": "1"}], 404, "not-found", "/lines/0/amount"),
        ([], 422, "request-not-valid", "/lines"),
    ):
        await refused(await finance.post("/v1/credit-notes", json=wanted | {"lines": lines}), status, kind, pointer)
    opened = await answered(await consumer.post(disputes, json=claim), 201)
    resolve = f"/v1/disputes/{opened['id']}/resolve"
    for body, pointer in (
        ({"outcome": "upheld", "amount": usd("1.01"), "reason": "x"}, "/amount"),
        ({"outcome": "upheld", "amount": {"amount": "1", "currency": "EUR"}, "reason": "x"}, "/amount"),
        ({"outcome": "rejected", "amount": usd("1"), "reason": "x"}, "/amount"),
    ):
        await refused(await finance.post(resolve, json=body), 422, "award-not-possible", pointer)
    await refused(
        await finance.post(resolve, json={"outcome": "open", "reason": "x"}), 422, "request-not-valid", "/outcome"
    )

    # Meanwhile finance gives back by hand what is disputed: what is left of the line is all that can be awarded.
    await answered(
        await finance.post("/v1/credit-notes", json=wanted | {"lines": [{"line_id": line, "amount": "119.50"}]}), 201
    )
    await refused(
        await finance.post(resolve, json={"outcome": "upheld", "reason": "x"}), 409, "credit-exceeds-line", "/amount"
    )

    # Consumers see and dispute what is theirs; all else is finance's, and nothing an approver's.
    for method, url in (("POST", f"{path}/post"), ("POST", f"{path}/settle"), ("POST", resolve)):
        assert (await consumer.request(method, url, json={"outcome": "upheld", "reason": "x"})).status_code == 403
    assert (await finance.post(disputes, json=claim)).status_code == 403
    assert (await consumer.get("/v1/journals")).status_code == 403
    seen = ("/v1/disputes", "/v1/credit-notes", "/v1/billing-profiles")
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        assert (await stranger.post(disputes, json=claim)).status_code == 403
        for url in seen:
            assert (await answered(await stranger.get(url)))["items"] == []
        (note,) = (await answered(await finance.get("/v1/credit-notes")))["items"]
        for url in (
            f"/v1/disputes/{opened['id']}",
            f"/v1/disputes/{opened['id']}/explanation",
            f"/v1/credit-notes/{note['id']}",
            f"/v1/credit-notes/{note['id']}/explanation",
            f"{path}/explanation",
            f"/v1/business-units/{world.unit}/quarterly-statements/2026-Q4",
        ):
            assert (await stranger.get(url)).status_code == 403
            assert (await consumer.get(url)).status_code == 200
    async with service.client(roles=["approver"]) as approver:
        for url in (*seen, path, "/v1/statements"):
            assert (await approver.get(url)).status_code == 403


async def test_showback_is_shown_and_not_owed(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    body = {"business_unit_id": str(world.unit), "fiscal_year": 2026, "amount": usd("5000"), "hard": True}
    budget = await answered(await finance.post("/v1/budgets", json=body), 201)
    await profile(finance, world, mode="showback")
    statement = await issued(service, finance, world)
    path = f"/v1/statements/{statement['id']}"
    assert (statement["mode"], statement["total"], statement["owed"]) == ("showback", usd("170.55"), usd("0"))
    for action, kind in (("post", "statement-not-postable"), ("settle", "statement-not-settleable")):
        assert "not with showback" in (await refused(await finance.post(f"{path}/{action}"), 409, kind))["detail"]
    claim = {"claimed": usd("1.00"), "reason": "x"}
    line = statement["lines"][0]["id"]
    await refused(await consumer.post(f"{path}/lines/{line}/disputes", json=claim), 409, "statement-not-disputable")
    wanted = {"statement_id": statement["id"], "lines": [{"line_id": line, "amount": "20.00"}], "reason": "x"}
    note = await answered(await finance.post("/v1/credit-notes", json=wanted), 201)
    assert (note["mode"], note["total"]) == ("showback", usd("20.00"))
    assert D((await answered(await finance.get(f"/v1/budgets/{budget['id']}")))["actual"]) == 0
    assert (await answered(await finance.get("/v1/journals")))["items"] == []


async def test_profiles_are_dated_and_stand_once_their_period_is_closed(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    first = await profile(finance, world, cost_centre="CC-1", legal_entity="IT-AG")
    assert first.status_code == 201
    same = await profile(finance, world, cost_centre="CC-1", legal_entity="IT-AG")
    assert (same.status_code, same.headers["etag"]) == (200, first.headers["etag"])
    other = {"cost_centre": "CC-2", "legal_entity": "IT-AG"}
    assert (await profile(finance, world, **other)).status_code == 428
    body = {"business_unit_id": str(world.unit), "effective_from": "2026-01"} | other
    stale = await finance.put("/v1/billing-profiles", json=body, headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    changed = await finance.put("/v1/billing-profiles", json=body, headers={"If-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["cost_centre"]) == (200, "CC-2")
    await answered(await profile(finance, world, effective_from="2026-11", mode="showback"), 201)
    listed = (await answered(await consumer.get("/v1/billing-profiles")))["items"]
    assert [(each["effective_from"], each["mode"]) for each in listed] == [
        ("2026-01", "chargeback"),
        ("2026-11", "showback"),
    ]
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-01-01")
    modes = []
    for period in ("2026-10", "2026-11"):
        draft = await drafted(service, finance, world, period)
        modes.append((await answered(await finance.post(f"/v1/statements/{draft['id']}/issue")))["mode"])
    assert modes == ["chargeback", "showback"]

    for path, body, pointer in (
        ("billing-profiles", {"business_unit_id": str(world.unit), "effective_from": "2026-13"}, "/effective_from"),
        ("billing-profiles", {"effective_from": "2026-01"}, "/business_unit_id"),
        (
            "billing-profiles",
            {"business_unit_id": str(world.unit), "effective_from": "2026-01", "cost_centre": "=1+1"},
            "/cost_centre",
        ),
        ("billing-provider", PROVIDER | {"recovery_account": ""}, "/recovery_account"),
        ("intercompany-accounts", ABROAD | {"consumer_entity": "IT-AG"}, "/consumer_entity"),
        ("intercompany-accounts", ABROAD | {"taxes": ABROAD["taxes"] * 2}, "/taxes/1/code"),  # type: ignore[operator]
    ):
        answer = await finance.put(f"/v1/{path}", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    rule = {"offering_id": str(world.offering), "commitment": "availability", "effective_from": "2026-01"}
    bands = [{"shortfall_from": "1", "credit_percent": "40"}]
    refusal = await finance.put("/v1/service-credit-rules", json=rule | {"bands": bands, "cap_percent": "30"})
    await refused(refusal, 422, "bands-wrong", "/bands/0/credit_percent")
    assert (await consumer.put("/v1/billing-profiles", json=body)).status_code == 403


async def test_a_period_is_issued_as_a_whole_but_never_ahead(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-01-01")
    await refused(await finance.post("/v1/periods/2199-12/statement-issues"), 409, "period-to-come")
    await refused(await finance.post("/v1/periods/2026-00/statement-issues"), 422, "request-not-valid", "period")
    await drafted(service, finance, world)
    started = await finance.post("/v1/periods/2026-11/statement-issues")
    assert started.headers["location"] == f"/v1/jobs/{(await answered(started, 202))['id']}"
    job = await service.finished_job(started.json()["id"])
    assert job.result == {"period": "2026-11", "issued": 1, "totals": [usd("170.55")], "refused": []}
    (statement,) = (await answered(await finance.get("/v1/statements?state=issued")))["items"]
    life = (await answered(await finance.get(f"/v1/statements/{statement['id']}")))["life"]
    assert [step["action"] for step in life] == ["issue"] and life[0]["person_id"]
    async with service.runtime.database.transaction() as session:  # a draft as earlier versions could make it
        await session.execute(update(Statement).values(state="draft", mode=None, period="2199-12"))
    await refused(await finance.post(f"/v1/statements/{statement['id']}/issue"), 409, "period-to-come")


@on_both_databases
async def test_a_quarter_sums_its_periods_and_what_was_given_back_in_them(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-08-17")
    notes: list[str] = []
    for period in ("2026-08", "2026-09", "2026-10"):
        draft = await drafted(service, finance, world, period)
        statement = await answered(await finance.post(f"/v1/statements/{draft['id']}/issue"))
        lines = [{"line_id": statement["lines"][0]["id"], "amount": "10.01"}]
        wanted = {"statement_id": statement["id"], "lines": lines, "reason": "x"}
        notes.append((await answered(await finance.post("/v1/credit-notes", json=wanted), 201))["id"])
    url = f"/v1/business-units/{world.unit}/quarterly-statements"
    quarter = await answered(await consumer.get(f"{url}/2026-Q3"))
    assert (quarter["periods"], quarter["first_day"], quarter["end_day"]) == (
        ["2026-07", "2026-08", "2026-09"],
        "2026-07-01",
        "2026-10-01",
    )
    (total,) = quarter["totals"]
    statements = quarter["statements"]
    assert sum(D(each["total"]["amount"]) for each in statements) == D(total["charges"])
    assert sum(D(each["owed"]["amount"]) for each in statements) == D(total["net"])
    assert (len(statements), total["credits"], [each["id"] for each in quarter["credit_notes"]]) == (
        2,
        "20.02",
        notes[:2],
    )
    for name in ("charges", "adjustments", "credits", "net"):
        assert sum(D(row[name]) for row in quarter["items"]) == D(total[name])
    assert [(row["charge"], row["service"]) for row in quarter["items"]] == [
        ("backup", "Virtual servers"),
        ("server", "Virtual servers"),
    ]
    nothing = await answered(await consumer.get(f"{url}/2026-Q1"))
    assert (nothing["totals"], nothing["items"]) == ([], [])
    await refused(await consumer.get(f"{url}/2026-Q5"), 422, "request-not-valid", "quarter")


@on_both_databases
async def test_what_is_credited_of_a_closed_period_is_booked_in_the_open_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await answered(await finance.put("/v1/billing-provider", json=PROVIDER), 201)
    await profile(finance, world, cost_centre="CC-1", legal_entity="IT-AG")
    await world.priced(finance, PER_SERVER, BACKUP)
    await world.subscribed("2026-10-01")
    draft = await drafted(service, finance, world, "2026-10")
    closing = await finance.post("/v1/periods/2026-10/close", json={})
    assert closing.status_code == 200, closing.text
    late = {"business_unit_id": str(world.unit), "effective_from": "2026-10", "cost_centre": "CC-2"}
    await refused(await finance.put("/v1/billing-profiles", json=late), 409, "period-closed", "/effective_from")
    rule = {"offering_id": str(world.offering), "commitment": "availability", "effective_from": "2026-10"}
    refusal = await finance.put("/v1/service-credit-rules", json=rule | {"bands": [], "cap_percent": "30"})
    await refused(refusal, 409, "period-closed", "/effective_from")
    await answered(await profile(finance, world, effective_from="2026-11", cost_centre="CC-2", mode="showback"), 201)

    # What was rated before the close is issued as it stands, by the profile of its own period.
    path = f"/v1/statements/{draft['id']}"
    statement = await answered(await finance.post(f"{path}/issue"))
    assert (statement["mode"], statement["total"]) == ("chargeback", usd("170.55"))
    await answered(await finance.post(f"{path}/post"))
    line = statement["lines"][0]["id"]
    wanted = {"statement_id": draft["id"], "lines": [{"line_id": line, "amount": "20.00"}], "reason": "x"}
    note = await answered(await finance.post("/v1/credit-notes", json=wanted), 201)
    assert (note["period"], note["credits_period"]) == ("2026-11", "2026-10")
    journals = (await answered(await finance.get("/v1/journals?period=2026-11")))["items"]
    assert [(each["kind"], each["source_period"]) for each in journals] == [
        ("statement", "2026-10"),
        ("credit_note", "2026-10"),
    ]
    for each in journals:
        lines = (await balanced(finance, each["id"]))["lines"]
        assert {row["cost_centre"] for row in lines if row["purpose"] == "charge"} == {"CC-1"}
    assert "journal" not in (await finance.get("/v1/journals/export?period=2026-10")).text.split("\r\n", 1)[1]
    quarter = f"/v1/business-units/{world.unit}/quarterly-statements/2026-Q4"
    (total,) = (await answered(await finance.get(quarter)))["totals"]
    assert (total["charges"], total["credits"], total["net"]) == ("170.55", "20.00", "150.55")


@on_both_databases
async def test_what_a_later_statement_took_back_is_not_credited_once_more(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    await world.priced(finance, PER_SERVER)
    subscription = await world.subscribed("2026-01-01")
    first = await drafted(service, finance, world)
    path = f"/v1/statements/{first['id']}"
    (line,) = (await answered(await finance.post(f"{path}/issue")))["lines"]
    wanted = {"statement_id": first["id"], "lines": [{"line_id": line["id"], "amount": "20.00"}], "reason": "x"}
    await answered(await finance.post("/v1/credit-notes", json=wanted), 201)
    await world.subscription_ended(subscription, demand=None)  # long ago, as is told only now
    second = await drafted(service, finance, world)
    assert [each["amount"] for each in second["lines"]] == ["-100.00"]  # 20.00 of the 120.00 are given back already
    why = await answered(await consumer.get(f"{path}/lines/{line['id']}/explanation"))
    assert (why["remaining"], why["can_be_disputed"]) == (usd("100.00"), usd("100.00"))
    await answered(await finance.post(f"/v1/statements/{second['id']}/issue"))
    why = await answered(await consumer.get(f"{path}/lines/{line['id']}/explanation"))
    assert (why["remaining"], why["can_be_disputed"]) == (usd("100.00"), None)
    await refused(await finance.post("/v1/credit-notes", json=wanted), 409, "credit-exceeds-line", "/lines/0/amount")
    claim = {"claimed": usd("1.00"), "reason": "x"}
    disputes = f"{path}/lines/{line['id']}/disputes"
    await refused(await consumer.post(disputes, json=claim), 422, "claim-not-possible", "/claimed")


@on_both_databases
async def test_credits_at_the_same_time_never_exceed_the_line(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, consumer: httpx.AsyncClient
) -> None:
    statement = await issued(service, finance, world)
    path, line = f"/v1/statements/{statement['id']}", statement["lines"][0]
    wanted = {"statement_id": statement["id"], "reason": "x", "lines": [{"line_id": line["id"], "amount": "25.00"}]}
    answers = await asyncio.gather(*(finance.post("/v1/credit-notes", json=wanted) for _ in range(8)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {201, 409}
    given_back = 25 * statuses.count(201)
    assert D(line["amount"]) == 120 and statuses.count(201) == 4
    read = await answered(await finance.get(path))
    assert (D(read["credited"]["amount"]), D(read["lines"][0]["credited"])) == (given_back, given_back)
    numbers = [note["number"] for note in (await answered(await finance.get("/v1/credit-notes")))["items"]]
    assert sorted(number[-6:] for number in numbers) == ["000001", "000002", "000003", "000004"]

    claim = {"claimed": usd("10.00"), "reason": "x"}
    claims = [consumer.post(f"{path}/lines/{line['id']}/disputes", json=claim) for _ in range(4)]
    opened = [answer.status_code for answer in await asyncio.gather(*claims)]
    assert sorted(opened) == [201, 409, 409, 409]
    (dispute,) = (await answered(await finance.get("/v1/disputes?state=open")))["items"]
    upheld = {"outcome": "upheld", "reason": "x"}
    resolved = await asyncio.gather(
        *(finance.post(f"/v1/disputes/{dispute['id']}/resolve", json=upheld) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in resolved) == [200, 409, 409]
    assert (await answered(await finance.get(path)))["owed"] == usd("60.55")


async def test_adjustments_are_told_apart_in_explanations_and_quarters(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, BACKUP, PER_HOUR)
    subscription = await world.subscribed("2026-10-01")
    october = await drafted(service, finance, world, "2026-10")
    await answered(await finance.post(f"/v1/statements/{october['id']}/issue"))
    await answered(await finance.post("/v1/periods/2026-10/close", json={}))
    async with service.client(roles=["integration"]) as meter:
        batch = {"content-type": "application/cloudevents-batch+json"}
        late = await meter.post("/v1/usage", json=[usage(subscription, "1", "4", day="2026-10-05")], headers=batch)
        assert late.json()["items"][0]["outcome"] == "accepted", late.text
    november = await drafted(service, finance, world)
    statement = await answered(await finance.post(f"/v1/statements/{november['id']}/issue"))
    assert [(line["charge"], line["adjusts_period"], line["amount"]) for line in statement["lines"]] == [
        ("backup", None, "50.55"),
        ("burst", "2026-10", "4.00"),
    ]
    why = await answered(await finance.get(f"/v1/statements/{november['id']}/explanation"))
    assert [(part["text"], part["amount"]) for part in why["parts"]] == [
        ("Backup", "50.55"),
        ("Burst compute, adjusting 2026-10", "4.00"),
    ]
    line = statement["lines"][1]["id"]
    wanted = {"statement_id": november["id"], "lines": [{"line_id": line, "amount": "1.50"}], "reason": "x"}
    await answered(await finance.post("/v1/credit-notes", json=wanted), 201)
    quarter = await answered(await finance.get(f"/v1/business-units/{world.unit}/quarterly-statements/2026-Q4"))
    sums = [(row["charge"], row["charges"], row["adjustments"], row["credits"], row["net"]) for row in quarter["items"]]
    assert sums == [("backup", "101.10", "0", "0", "101.10"), ("burst", "0", "4.00", "1.50", "2.50")]


async def test_a_quarters_row_keeps_its_charges_name_beside_a_credit(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, BACKUP)
    await world.subscribed("2026-10-01")
    november = await drafted(service, finance, world)
    await answered(await finance.post(f"/v1/statements/{november['id']}/issue"))
    async with service.runtime.database.transaction() as session:
        line = (await session.scalars(select(StatementLine))).one()
        columns = {each.key: getattr(line, each.key) for each in StatementLine.__table__.columns}
        more = {"id": uuid7(), "position": 2, "name": "credit for backup", "model": "credit", "split_start": None}
        more |= {"amount": Decimal("-1")}
        columns |= {name: value for name, value in more.items() if name in columns and name != "split_start"}
        await session.execute(insert(StatementLine).values(columns))
    quarter = await answered(await finance.get(f"/v1/business-units/{world.unit}/quarterly-statements/2026-Q4"))
    assert [(row["name"], row["charges"]) for row in quarter["items"]] == [("Backup", "49.55")]
