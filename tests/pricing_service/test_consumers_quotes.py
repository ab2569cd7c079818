"""What pricing does when demand and catalogue say something."""

from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from pricing_service.tables import KnownOffering, KnownSubscription, UsageEvent
from services.clock import utc_now
from services.db.chassis_tables import DeadLetter
from services.events import consumers as chassis
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, on_both_databases

pytestmark = pytest.mark.anyio


async def dead_letters(service: ServiceHarness) -> list[str]:
    async with service.runtime.database.reading() as session:
        return [letter.reason for letter in await session.scalars(select(DeadLetter).order_by(DeadLetter.id))]


@on_both_databases
async def test_a_proposed_demand_gets_a_numbered_quote(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    yearly = {"key": "disk", "name": "Disk", "recurring": "year", "model": "per_unit", "unit_price": "500"}
    setup = {"key": "setup", "name": "Setup", "recurring": "one_off", "model": "flat", "amount": "80"}
    await world.priced(finance, yearly, setup, PER_HOUR)
    demand = await world.propose(quantity="1", correlation_id="loop-7")
    (event,) = await service.published("itaas.pricing.quote.issued.v1")
    assert (event.correlation_id, event.data["demand_id"], event.data["state"]) == ("loop-7", str(demand), "open")
    assert event.data["number"].startswith("Q-20")
    assert event.data["number"].endswith("-000001")
    assert event.data["lines"] == [
        {
            "charge": "disk",
            "name": "Disk",
            "model": "per_unit",
            "recurring": "year",
            "quantity": "1",
            "unit_price": "500",
            "formula": "(1 × 500) × 1/12 year = 41.666666666667 ≈ 41.67 USD",
            "amount": "41.67",
            "rounding": {"mode": "half-even", "places": 2, "difference": "0.003333333333"},
        }
    ]
    assert event.data["total"]["amount"] == "41.67"
    assert event.data["one_off_total"]["amount"] == "80.00"
    assert event.data["annual_total"]["amount"] == "580.00"
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert [charge["meter"] for charge in quote["usage_charges"]] == ["vm-hours"]


async def test_the_same_event_twice_is_one_quote(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose(event_id="e-1")
    await world.propose(event_id="e-1", demand=demand)
    assert len(await service.published("itaas.pricing.quote.issued.v1")) == 1


async def test_a_new_proposal_withdraws_the_open_quote(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose()
    await world.propose(demand=demand, quantity="5", sequence=2)
    quotes = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert [(quote["state"], quote["quantity"]) for quote in quotes] == [("withdrawn", "4"), ("open", "5")]
    assert quotes[0]["number"] != quotes[1]["number"]


async def test_a_plan_that_arrives_late_still_quotes(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    demand = await world.propose(wait=False)
    assert (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"] == []
    await world.priced(finance, PER_SERVER)
    await service.consumed("itaas.demand")
    assert len((await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]) == 1
    assert await dead_letters(service) == []


async def test_a_demand_that_can_never_be_quoted_is_a_dead_letter_and_stops_nobody(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chassis, "NOT_YET_SECONDS", 0.3)
    demand = await world.propose()
    empty = await world.propose(quantity=None)
    await world.priced(finance, PER_SERVER)
    assert len((await finance.get(f"/v1/quotes?demand_id={await world.propose()}")).json()["items"]) == 1
    unpriced, without = await dead_letters(service)
    assert unpriced == f"NotYet: offering {world.offering} (Tier 1) has no price plan in force"
    assert without == f"DemandWithoutOption: demand {empty} names no offering, or no quantity above 0"
    assert (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"] == []


@pytest.mark.parametrize("state", ["rejected", "withdrawn", "cancelled"])
async def test_a_demand_that_ends_takes_its_quote_and_its_reservation_along(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World, state: str
) -> None:
    await world.priced(finance, PER_SERVER)
    body = {
        "business_unit_id": str(world.unit),
        "fiscal_year": utc_now().year,
        "amount": {"amount": "5000", "currency": "USD"},
        "hard": True,
    }
    budget = (await finance.post("/v1/budgets", json=body)).json()
    open_demand, accepted_demand = await world.propose(), await world.propose()
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={accepted_demand}")).json()["items"]
    assert (await finance.post(f"/v1/quotes/{quote['id']}/accept")).status_code == 200
    assert (await finance.get(f"/v1/budgets/{budget['id']}")).json()["available"] != "5000"
    await world.demand_ended(open_demand, state)
    await world.demand_ended(accepted_demand, state)
    (withdrawn,) = (await finance.get(f"/v1/quotes?demand_id={open_demand}")).json()["items"]
    assert (withdrawn["state"], withdrawn["closed_reason"]) == ("withdrawn", f"the demand was {state}")
    after = (await finance.get(f"/v1/budgets/{budget['id']}")).json()
    assert (Decimal(after["reserved"]), Decimal(after["available"])) == (Decimal(0), Decimal(5000))
    changed = await service.published("itaas.pricing.budget.balance-changed.v1")
    assert [event.sequence for event in changed] == [1, 3]


async def accepted(finance: httpx.AsyncClient, world: World, demand: UUID) -> str:
    """Accept the demand's open quote; returns the id of the business unit's budget, if it was not there before."""
    body = {
        "business_unit_id": str(world.unit),
        "fiscal_year": utc_now().year,
        "amount": {"amount": "5000", "currency": "USD"},
        "hard": True,
    }
    created = (await finance.post("/v1/budgets", json=body)).json()
    quotes = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    (live,) = [quote for quote in quotes if quote["state"] == "open"]
    assert (await finance.post(f"/v1/quotes/{live['id']}/accept")).status_code == 200
    return str(created.get("id"))


async def reserved(finance: httpx.AsyncClient, budget: str) -> Decimal:
    return Decimal((await finance.get(f"/v1/budgets/{budget}")).json()["reserved"])


@on_both_databases
async def test_a_proposal_that_crossed_an_acceptance_supersedes_the_accepted_quote(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose()
    budget = await accepted(finance, world, demand)
    held = await reserved(finance, budget)
    assert held > 0
    await world.propose(demand=demand, quantity="8", sequence=2)
    old, new = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert (old["state"], old["closed_reason"]) == ("withdrawn", "the demand was proposed anew")
    assert (new["state"], new["quantity"]) == ("open", "8")
    assert Decimal(new["budget"]["available"]["amount"]) == 5000  # asked after the release
    assert await reserved(finance, budget) == 0
    (withdrawn,) = await service.published("itaas.pricing.quote.withdrawn.v1")
    assert (withdrawn.data["id"], withdrawn.data["closed_reason"]) == (old["id"], "the demand was proposed anew")
    await accepted(finance, world, demand)
    assert await reserved(finance, budget) == held * 2
    assert await dead_letters(service) == []


async def test_a_demand_that_is_delivered_keeps_its_accepted_quote(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose()
    budget = await accepted(finance, world, demand)
    held = await reserved(finance, budget)
    await world.subscribed("2026-01-01", demand=demand)
    await world.propose(demand=demand, quantity="8", sequence=2)
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert (quote["state"], await reserved(finance, budget)) == ("accepted", held)
    (reason,) = await dead_letters(service)
    assert reason.startswith(f"DemandAlreadyAccepted: quote {quote['number']} of demand {demand} is accepted already")


@on_both_databases
async def test_the_end_of_a_subscription_releases_what_is_left_of_its_reservation_once(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand, other = await world.propose(), await world.propose()
    budget = await accepted(finance, world, demand)
    held = await reserved(finance, budget)
    await accepted(finance, world, other)
    subscription = await world.subscribed("2026-01-01", demand=demand)
    for sequence in (2, 3):
        await world.subscription_ended(subscription, demand=demand, sequence=sequence)
    await world.subscription_ended(await world.subscribed("2026-01-01"), demand=None)
    assert await reserved(finance, budget) == held  # the other demand's
    changed = await service.published("itaas.pricing.budget.balance-changed.v1")
    assert [(event.sequence, Decimal(event.data["reserved"])) for event in changed] == [(1, 0), (4, held)]
    async with service.runtime.database.reading() as session:
        assert (await session.get_one(KnownSubscription, subscription)).state == "ended"
    assert await dead_letters(service) == []


async def test_projections_keep_the_highest_sequence(service: ServiceHarness, world: World) -> None:
    for sequence, name in ((7, "New"), (3, "Old")):
        await service.deliver(
            "itaas.catalog.offering.published.v1",
            subject=world.offering,
            sequence=sequence,
            data={
                "service_id": str(world.service_id),
                "name": name,
                "state": "published",
                "unit_of_measure": "server",
                "commitments": [{"kind": "availability"}],
            },
        )
    async with service.runtime.database.reading() as session:
        known = await session.get_one(KnownOffering, world.offering)
        assert (known.name, known.sequence) == ("New", 7)


async def test_usage_from_its_topic(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    await service.deliver("itaas.usage.v1", subject=subscription, data={"meter": "vm-hours", "quantity": "2.5"})
    await service.deliver("itaas.usage.v1", subject=subscription, data={"meter": "typo", "quantity": "1"})
    async with service.runtime.database.reading() as session:
        (event,) = await session.scalars(select(UsageEvent))
        assert (event.meter, str(event.quantity)) == ("vm-hours", "2.5")
        assert (await session.get_one(KnownSubscription, subscription)).business_unit_id == world.unit
    assert await dead_letters(service) == ["MeterUnknown: meter 'typo' has no price in the offering's plan"]


async def test_a_proposal_that_is_replayed_late_supersedes_nothing(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose(sequence=3)
    budget = await accepted(finance, world, demand)
    held = await reserved(finance, budget)
    await world.propose(demand=demand, quantity="9", sequence=2)  # a dead letter from before the acceptance
    await world.propose(demand=demand, sequence=3)  # the same fact, told again under another id
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    assert (quote["state"], quote["quantity"], await reserved(finance, budget)) == ("accepted", "4", held)
    (reason,) = await dead_letters(service)
    assert reason == f"ProposalOutdated: demand {demand} proposed this at 2, but has been heard of at 3 since"
    ended = uuid7()
    await world.demand_ended(ended, "rejected")
    await world.propose(demand=ended, sequence=1)
    assert (await finance.get(f"/v1/quotes?demand_id={ended}")).json()["items"] == []
    await world.propose(demand=demand, quantity="5", sequence=4)  # newer: it crossed the acceptance
    assert await reserved(finance, budget) == 0


async def test_nothing_is_reserved_for_a_subscription_that_is_over(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    demand = await world.propose()
    early = await world.subscribed("2026-01-01", demand=demand)
    await world.subscription_ended(early, demand=demand)
    (quote,) = (await finance.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    refused = await finance.post(f"/v1/quotes/{quote['id']}/accept")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:quote-not-acceptable")

    two = await world.propose()
    budget = await accepted(finance, world, two)
    held = await reserved(finance, budget)
    first, second = [await world.subscribed("2026-01-01", demand=two) for _ in range(2)]
    await world.subscription_ended(first, demand=two)
    assert await reserved(finance, budget) == held > 0  # the other one goes on
    await world.subscription_ended(second, demand=two)
    assert await reserved(finance, budget) == 0
