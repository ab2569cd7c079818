"""Credit notes and corrections of one charge: nothing is given twice or lost, and a service credit has a limit."""

import csv
import io
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, on_both_databases, refusal, usage
from tests.pricing_service.test_api_adjustments import BATCH, rated, report

pytestmark = pytest.mark.anyio
D = Decimal
HOUR = {key: value for key, value in PER_HOUR.items() if key != "tiers"} | {"model": "per_unit", "unit_price": "1"}


async def answered(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def issued(finance: httpx.AsyncClient, statement: dict[str, Any]) -> dict[str, Any]:
    return await answered(await finance.post(f"/v1/statements/{statement['id']}/issue"))


async def credited(finance: httpx.AsyncClient, statement: dict[str, Any], amount: str) -> dict[str, Any]:
    lines = [{"line_id": statement["lines"][0]["id"], "amount": amount}]
    body = {"statement_id": statement["id"], "reason": "Given back", "lines": lines}
    return await answered(await finance.post("/v1/credit-notes", json=body), 201)


async def voided(service: ServiceHarness, subscription: UUID, original: str) -> None:
    data = {"original": {"source": "/meters/test", "id": original}}
    void = usage(subscription, f"void-{original}", type="itaas.usage.voided.v1", data=data)
    async with service.client(roles=["integration"]) as meter:
        answer = await meter.post("/v1/usage", json=[void], headers=BATCH)
    assert [item["outcome"] for item in answer.json()["items"]] == ["corrected"], answer.text


async def hours(service: ServiceHarness, finance: httpx.AsyncClient, world: World, period: str) -> tuple[UUID, Any]:
    """An issued statement of 120.00 for two reports of 60 hours."""
    await world.priced(finance, HOUR)
    subscription = await world.subscribed("2026-01-01")
    await report(service, *(usage(subscription, each, "60", day=f"{period}-05") for each in "12"))
    return subscription, await issued(finance, await rated(service, finance, period))


async def net(finance: httpx.AsyncClient) -> Decimal:
    """What the unit is charged in all, drafts included, credit notes taken off."""
    found = (await finance.get("/v1/statements")).json()["items"]
    return sum((D(each["total"]["amount"]) - D(each["credited"]["amount"]) for each in found), D(0))


@on_both_databases
async def test_a_draft_is_not_issued_once_its_charge_was_credited(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    subscription, first = await hours(service, finance, world, "2026-10")
    await voided(service, subscription, "2")
    draft = await rated(service, finance, "2026-10")
    assert draft["total"]["amount"] == "-60.00"
    note = await credited(finance, first, "120")
    refused = await finance.post(f"/v1/statements/{draft['id']}/issue")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:draft-outdated")
    assert "rate the period again" in refused.json()["detail"]
    job = await answered(await finance.post("/v1/periods/2026-10/statement-issues"), 202)
    done = await service.finished_job(job["id"])
    assert done.result is not None and done.result["issued"] == 0
    assert [each["statement_id"] for each in done.result["refused"]] == [draft["id"]]

    draft = await rated(service, finance, "2026-10")  # the 60 that are taken back were given back by the credit
    assert (draft["state"], draft["total"]["amount"], await net(finance)) == ("draft", "0.00", D(0))
    await answered(await finance.post(f"/v1/credit-notes/{note['id']}/reverse", json={"reason": "Wrong"}), 201)
    assert (await finance.post(f"/v1/statements/{draft['id']}/issue")).status_code == 409  # nor after a reversal
    await issued(finance, await rated(service, finance, "2026-10"))
    assert await net(finance) == 60


@on_both_databases
async def test_what_a_reversed_credit_had_settled_is_billed_by_the_next_run(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    subscription, first = await hours(service, finance, world, "2026-09")
    note = await credited(finance, first, "60")
    await voided(service, subscription, "2")
    settled = await issued(finance, await rated(service, finance, "2026-09"))
    assert (settled["total"]["amount"], await net(finance)) == ("0.00", D(60))
    await answered(await finance.post("/v1/periods/2026-09/close"))
    await answered(await finance.post(f"/v1/credit-notes/{note['id']}/reverse", json={"reason": "Wrong"}), 201)
    assert await net(finance) == 120
    october = await issued(finance, await rated(service, finance, "2026-10"))
    assert [(line["adjusts_period"], line["amount"]) for line in october["lines"]] == [("2026-09", "-60.00")]
    assert await net(finance) == 60


@on_both_databases
async def test_a_service_credit_gives_back_no_more_than_the_charge_that_remains(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    subscription = await world.subscribed("2026-01-01")
    rule: dict[str, Any] = {
        "offering_id": str(world.offering),
        "commitment": "availability",
        "effective_from": "2026-01",
    }
    rule |= {"bands": [{"shortfall_from": "0.1", "credit_percent": "50"}], "cap_percent": "50"}
    await answered(await finance.put("/v1/service-credit-rules", json=rule), 201)
    miss = {"commitment": "availability", "period": "2026-10", "promised": "99.9", "attained": "90"}
    of = {"service_id": str(world.service_id), "offering_id": str(world.offering)}
    await service.deliver("itaas.catalog.commitment.missed.v1", subject=world.service_id, data=miss | of)
    await issued(finance, await rated(service, finance, "2026-10"))
    assert await net(finance) == 60  # 120, and half of it given back
    await world.subscription_ended(subscription, demand=None)  # long before
    draft = await rated(service, finance, "2026-10")
    assert (draft["total"]["amount"], await net(finance)) == ("-60.00", D(0))
    assert "60.00 credited already" in draft["lines"][0]["formula"]
    await issued(finance, draft)


@on_both_databases
async def test_what_was_only_shown_is_not_paid_back_by_a_later_chargeback(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    unit = {"business_unit_id": str(world.unit)}
    wanted = {"fiscal_year": 2026, "amount": {"amount": "1200", "currency": "USD"}, "hard": False}
    budget = await answered(await finance.post("/v1/budgets", json=unit | wanted), 201)
    for period, mode in (("2026-09", "showback"), ("2026-10", "chargeback")):
        profile = unit | {"effective_from": period, "mode": mode}
        await answered(await finance.put("/v1/billing-profiles", json=profile), 201)
    subscription, shown = await hours(service, finance, world, "2026-09")
    assert (shown["mode"], shown["owed"]["amount"]) == ("showback", "0")
    other = unit | {"effective_from": "2026-09", "mode": "chargeback"}
    fixed = await finance.put("/v1/billing-profiles", json=other, headers={"If-Match": "*"})
    assert refusal(fixed) == (409, "billing-mode-fixed", ["/mode"])
    await answered(await finance.post("/v1/periods/2026-09/close"))

    await report(service, usage(subscription, "3", "7", day="2026-10-05"))
    await voided(service, subscription, "2")
    await rated(service, finance, "2026-10")
    job = await answered(await finance.post("/v1/periods/2026-10/statement-issues"), 202)
    done = await service.finished_job(job["id"])
    assert done.result is not None and done.result["issued"] == 2
    october = (await finance.get("/v1/statements?period=2026-10")).json()["items"]
    assert sorted((each["mode"], each["total"]["amount"], each["owed"]["amount"]) for each in october) == [
        ("chargeback", "7.00", "7.00"),
        ("showback", "-60.00", "0"),
    ]
    spent = await answered(await finance.get(f"/v1/budgets/{budget['id']}"))
    assert (spent["actual"], spent["memo"]) == ("7.00", "60.00")
    focus = (await finance.get("/v1/focus-exports/2026-10")).text
    billed = {row["InvoiceId"]: row["BilledCost"] for row in csv.DictReader(io.StringIO(focus))}
    by_mode = {each["mode"]: D(billed[each["id"]]) for each in october}
    assert by_mode == {"chargeback": 7, "showback": 0}
