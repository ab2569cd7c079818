"""Quotes and budgets: acceptance reserves, a hard budget refuses, and never more than there is."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.tables import Quote
from services import context
from services.clock import utc_now
from services.db import touch
from services.db.chassis_tables import Timer
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_SERVER, World, on_both_databases

pytestmark = pytest.mark.anyio

YEAR = utc_now().year
MONTHS = FiscalCalendar().periods_left(utc_now(), fiscal_year=YEAR)


async def quote_of(client: httpx.AsyncClient, demand: UUID) -> dict[str, Any]:
    (quote,) = (await client.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    return dict(quote)


async def budget(client: httpx.AsyncClient, world: World, amount: str, *, hard: bool = True) -> str:
    body = {
        "business_unit_id": str(world.unit),
        "fiscal_year": YEAR,
        "amount": {"amount": amount, "currency": "USD"},
        "hard": hard,
    }
    answer = await client.post("/v1/budgets", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def lapse(service: ServiceHarness, quote_id: str, *, timer: bool = True) -> None:
    """Move the quote's end into the past, and its timer: as waiting for thirty days would."""
    with context.entered(context.WorkContext("test", "test", "test")):
        async with service.runtime.database.transaction() as session:
            quote = await session.get_one(Quote, UUID(quote_id))
            quote.valid_until = datetime.now(UTC) - timedelta(seconds=1)
            touch(quote)
            if timer:
                await session.execute(update(Timer).values(due_at=quote.valid_until))


async def test_acceptance_reserves_the_rest_of_the_fiscal_year(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    budget_id = await budget(finance, world, "5000")
    demand = await world.propose(correlation_id="loop-1")
    async with service.client(roles=["consumer"], business_units=[world.unit]) as consumer:
        quote = await quote_of(consumer, demand)
        assert (quote["total"]["amount"], quote["annual_total"]["amount"]) == ("120.00", "1440.00")
        assert quote["budget"] == {"state": "enough", "available": {"amount": "5000", "currency": "USD"}}
        accepted = await consumer.post(f"/v1/quotes/{quote['id']}/accept", headers={"If-Match": '"1"'})
        assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
        assert accepted.headers["etag"] == '"2"'
        stored = (await consumer.get(f"/v1/budgets/{budget_id}")).json()
        reserved = Decimal(120 * MONTHS)
        assert (Decimal(stored["reserved"]), Decimal(stored["available"])) == (reserved, 5000 - reserved)
        again = await consumer.post(f"/v1/quotes/{quote['id']}/accept")
        assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:quote-not-acceptable")
        assert again.json()["detail"] == "the quote is accepted, only an open quote can be accepted"
        withdrawn = await finance.post(f"/v1/quotes/{quote['id']}/withdraw", json={"reason": "x"})
        assert withdrawn.json()["type"] == "urn:itaas:problem:quote-not-withdrawable"
    events = await service.published()
    told = {event.type: event for event in events}
    assert told["itaas.pricing.quote.accepted.v1"].data["state"] == "accepted"
    held = told["itaas.pricing.budget.reserved.v1"]
    assert (held.data["quote_id"], Decimal(held.data["needed"])) == (quote["id"], reserved)
    for kind in ("quote.issued", "quote.accepted", "budget.reserved"):
        event = told[f"itaas.pricing.{kind}.v1"]
        assert (event.correlation_id, event.business_unit_id) == ("loop-1", str(world.unit)), kind


async def test_without_a_budget_acceptance_is_free(finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_SERVER)
    quote = await quote_of(finance, await world.propose())
    assert quote["budget"] == {"state": "none", "available": None}
    assert (await finance.post(f"/v1/quotes/{quote['id']}/accept")).status_code == 200


async def test_a_hard_budget_refuses_and_the_refusal_is_told(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    budget_id = await budget(finance, world, "100")
    quote = await quote_of(finance, await world.propose())
    assert quote["budget"]["state"] == "short"
    key = {"Idempotency-Key": "accept-once"}
    for _ in range(2):
        refused = await finance.post(f"/v1/quotes/{quote['id']}/accept", headers=key)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:budget-exceeded")
        assert refused.headers["content-type"] == "application/problem+json"
    assert (await quote_of(finance, UUID(quote["demand_id"])))["state"] == "open"
    assert (await finance.get(f"/v1/budgets/{budget_id}")).json()["reserved"] == "0"
    (event, *_) = await service.published("itaas.pricing.budget.refused.v1")
    assert (event.data["available"], event.data["quote_id"]) == ("100", quote["id"])


async def test_a_soft_budget_only_shows_it(finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_SERVER)
    budget_id = await budget(finance, world, "100", hard=False)
    quote = await quote_of(finance, await world.propose())
    assert quote["budget"]["state"] == "short"
    assert (await finance.post(f"/v1/quotes/{quote['id']}/accept")).status_code == 200
    assert Decimal((await finance.get(f"/v1/budgets/{budget_id}")).json()["available"]) == 100 - 120 * MONTHS


@on_both_databases
async def test_concurrent_acceptances_never_overdraw_a_hard_budget(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    budget_id = await budget(finance, world, str(120 * MONTHS * 3 + 1))
    quotes = [await quote_of(finance, await world.propose()) for _ in range(8)]
    answers = await asyncio.gather(*(finance.post(f"/v1/quotes/{quote['id']}/accept") for quote in quotes))
    refused = [answer.json()["type"] for answer in answers if answer.status_code == 409]
    assert [answer.status_code for answer in answers].count(200) == 3
    assert refused == ["urn:itaas:problem:budget-exceeded"] * 5
    stored = (await finance.get(f"/v1/budgets/{budget_id}")).json()
    assert (stored["available"], stored["reserved"]) == ("1.00", f"{120 * MONTHS * 3}.00")
    events = await service.published()
    balances = [Decimal(e.data["available"]) for e in events if e.type == "itaas.pricing.budget.reserved.v1"]
    assert min(balances) >= 0


async def test_a_consumer_sees_and_accepts_only_their_own_unit(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    quote = await quote_of(finance, await world.propose())
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        assert (await stranger.get("/v1/quotes")).json()["items"] == []
        assert (await stranger.get(f"/v1/quotes/{quote['id']}")).status_code == 403
        assert (await stranger.post(f"/v1/quotes/{quote['id']}/accept")).status_code == 403
    async with service.client(roles=["integration"]) as other:
        assert (await other.post(f"/v1/quotes/{quote['id']}/accept")).status_code == 403


async def test_a_lapsed_quote_cannot_be_accepted_even_before_its_timer(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    quote = await quote_of(finance, await world.propose())
    await lapse(service, quote["id"], timer=False)
    refused = await finance.post(f"/v1/quotes/{quote['id']}/accept")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:quote-not-acceptable")
    assert (await finance.get(f"/v1/quotes/{quote['id']}")).json()["state"] == "expired"
    assert await service.published("itaas.pricing.quote.expired.v1") == []


async def test_the_timer_expires_a_quote_that_nobody_accepted(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose(correlation_id="loop-3")
    quote = await quote_of(finance, demand)
    await lapse(service, quote["id"])
    async with asyncio.timeout(10):
        while not (events := await service.published("itaas.pricing.quote.expired.v1")):
            await asyncio.sleep(0.05)
    assert (events[0].subject, events[0].data["state"], events[0].correlation_id) == (quote["id"], "expired", "loop-3")


async def test_withdrawing_and_stale_tags(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_SERVER)
    quote = await quote_of(finance, await world.propose())
    path = f"/v1/quotes/{quote['id']}/withdraw"
    assert (await finance.post(path, json={"reason": "x"}, headers={"If-Match": '"7"'})).status_code == 412
    assert (await finance.post(path, json={})).json()["errors"][0]["pointer"] == "/reason"
    assert (await finance.post(path, json={"reason": "price error"})).json()["state"] == "withdrawn"
    (event,) = await service.published("itaas.pricing.quote.withdrawn.v1")
    assert event.data["closed_reason"] == "price error"
    missing = await finance.post(f"/v1/quotes/{uuid7()}/accept")
    assert missing.status_code == 404


async def test_wrong_budgets_are_refused(finance: httpx.AsyncClient, world: World) -> None:
    await budget(finance, world, "10")
    good = {
        "business_unit_id": str(world.unit),
        "fiscal_year": YEAR,
        "amount": {"amount": "5", "currency": "USD"},
        "hard": False,
    }
    twice = await finance.post("/v1/budgets", json=good)
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:itaas:problem:budget-exists")
    for change, pointer in (
        ({"amount": {"amount": 5, "currency": "USD"}}, "/amount/amount"),
        ({"amount": {"amount": "-5", "currency": "USD"}}, "/amount"),
        ({"amount": {"amount": "5", "currency": "dollar"}}, "/amount/currency"),
        ({"fiscal_year": 1}, "/fiscal_year"),
        ({"hard": None}, "/hard"),
    ):
        answer = await finance.post("/v1/budgets", json=good | change)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
