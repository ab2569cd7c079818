"""Budgets in periods: set, reserved, charged, closed, amended, transferred, explained, forecast, carried over."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from pricing_service.domain.budget import Figure
from pricing_service.tables import Budget, BudgetEntry
from pricing_service.use_cases import budgets, quotes
from services import context
from services.clock import utc_now
from services.identity import Units
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, on_both_databases, refusal, usage
from tests.pricing_service.test_api_statements import rate, report

pytestmark = pytest.mark.anyio

D = Decimal
PAST = utc_now().year - 1  # a fiscal year all of whose periods are over
SETUP = {"key": "setup", "name": "Setup", "recurring": "one_off", "model": "flat", "amount": "80"}


def budget_of(world: World, amount: str, year: int = PAST, **more: Any) -> dict[str, Any]:
    money = {"amount": amount, "currency": "USD"}
    return {"business_unit_id": str(world.unit), "fiscal_year": year, "amount": money, "hard": True} | more


async def set_budget(client: httpx.AsyncClient, world: World, amount: str, year: int = PAST, **more: Any) -> str:
    answer = await client.post("/v1/budgets", json=budget_of(world, amount, year, **more))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def read(client: httpx.AsyncClient, budget: str) -> dict[str, Any]:
    """A budget whose phases make its figures, and whose explanation makes them too."""
    body: dict[str, Any] = (await client.get(f"/v1/budgets/{budget}")).json()
    why = (await client.get(f"/v1/budgets/{budget}/explanation")).json()
    for figure in Figure:
        assert sum(D(phase[figure]) for phase in body["phases"]) == D(body[figure]), figure
        assert sum(D(part["amount"]) for part in why[figure]["parts"]) == D(body[figure]) == D(why[figure]["total"])
    assert D(body["available"]) == D(body["amount"]) - D(body["reserved"]) - D(body["actual"]) == D(why["available"])
    return body


def phases(body: dict[str, Any], figure: str) -> list[Decimal]:
    return [D(phase[figure]) for phase in body["phases"]]


async def quoted(client: httpx.AsyncClient, world: World, demand: UUID | None = None) -> dict[str, Any]:
    demand = demand or await world.propose()
    (quote,) = (await client.get(f"/v1/quotes?demand_id={demand}")).json()["items"]
    return dict(quote)


async def accept_at(service: ServiceHarness, quote: dict[str, Any], day: str) -> Any:
    """Accept a quote as if that day were today; its refusal is answered."""
    now = datetime.fromisoformat(day).replace(tzinfo=UTC)
    with context.entered(context.WorkContext("test", "test", "test")):
        async with service.runtime.database.transaction() as session:
            return await quotes.accept_quote(session, UUID(quote["id"]), units=Units(None), if_match=None, now=now)


async def close(client: httpx.AsyncClient, period: str) -> None:
    answer = await client.post(f"/v1/periods/{period}/close")
    assert answer.status_code == 200, answer.text


async def issued(service: ServiceHarness, client: httpx.AsyncClient, world: World, period: str) -> dict[str, Any]:
    await rate(service, client, period)
    listed = (await client.get(f"/v1/statements?business_unit_id={world.unit}&period={period}")).json()["items"]
    (draft,) = [statement for statement in listed if statement["state"] == "draft"]
    answer = await client.post(f"/v1/statements/{draft['id']}/issue")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def credited(client: httpx.AsyncClient, statement: dict[str, Any], line: dict[str, Any], amount: str) -> str:
    lines = [{"line_id": line["id"], "amount": amount}]
    wanted = {"statement_id": statement["id"], "lines": lines, "reason": "an outage"}
    answer = await client.post("/v1/credit-notes", json=wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@on_both_databases
async def test_a_quote_is_held_charged_and_released_period_by_period(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, PER_HOUR, SETUP, since=f"{PAST}-01-01")
    this, following = await set_budget(finance, world, "6000"), await set_budget(finance, world, "2000", PAST + 1)
    demand = await world.propose()
    await accept_at(service, await quoted(finance, world, demand), f"{PAST}-03-15")
    held = await read(finance, this)
    assert phases(held, "reserved") == [0, 0, 200, *[120] * 9]  # March and the set-up, then month by month
    assert phases(await read(finance, following), "reserved") == [120] * 12
    assert phases(held, "amount") == [500] * 12

    # Delivered in May: March and April close without a charge, so their months are free again; the set-up moves on.
    subscription = await world.subscribed(f"{PAST}-05-01", demand=demand)
    await close(finance, f"{PAST}-04")
    moved = await read(finance, this)
    assert phases(moved, "reserved") == [0, 0, 0, 0, 200, *[120] * 7]
    assert [phase["closed"] for phase in moved["phases"]] == [True] * 4 + [False] * 8

    for event, day in (("1", f"{PAST}-05-03"), ("2", f"{PAST}-06-03")):
        await report(service, usage(subscription, event, "5", day=day))
    statement = await issued(service, finance, world, f"{PAST}-05")
    assert statement["total"]["amount"] == "205.00"
    charged = await read(finance, this)
    assert phases(charged, "actual")[4] == 205  # the month, the set-up, and 5 of usage that nobody had reserved
    assert phases(charged, "reserved") == [0] * 5 + [120] * 7
    why = (await finance.get(f"/v1/budgets/{this}/explanation?period={PAST}-05")).json()
    assert why["formula"] == "500.00 − 0.00 − 205.00 = 295.00 USD"
    assert {(part["cause"], part["charge"], D(part["amount"])) for part in why["actual"]["parts"]} == {
        ("statement", "recurring", D(120)),
        ("statement", "one_off", D(80)),
        ("statement", "usage", D(5)),
    }
    assert {part["source_id"] for part in why["actual"]["parts"]} == {statement["id"]}
    assert [(part["cause"], D(part["amount"])) for part in why["reserved"]["parts"]].count(("charged", D(-120))) == 1

    # A credit note restores, and showback only shows.
    (line,) = [each for each in statement["lines"] if each["charge"] == "server"]
    await credited(finance, statement, line, "20")
    restored = await read(finance, this)
    assert (D(restored["actual"]), D(restored["available"])) == (185, D(charged["available"]) + 20)
    assert phases(restored, "actual")[4] == 185

    forecast = (await finance.get(f"/v1/budgets/{this}/forecast")).json()
    assert forecast["observed"] == [f"{PAST}-05"]
    assert (forecast["usage_rate"], forecast["unreserved_rate"]) == ("5.00", "0.00")
    whole = forecast["to_year_end"]
    assert {name: D(value) for name, value in whole.items()} == {
        "actual": 185,
        "reserved": 840,
        "usage": 35,  # June to December; until the period is closed, its usage may still come
        "unreserved": 0,
        "expected": 1060,
        "amount": 6000,
        "left": 4940,
    }
    for name, value in whole.items():
        assert sum(D(period[name]) for period in forecast["periods"]) == D(value), name

    await world.subscription_ended(subscription, demand=demand)
    assert D((await read(finance, this))["reserved"]) == D((await read(finance, following))["reserved"]) == 0
    changed = await service.published("itaas.pricing.budget.balance-changed.v1")
    assert {event.data["id"] for event in changed} == {this, following}
    assert len(changed[-1].data["phases"]) == 12


@on_both_databases
async def test_showback_is_memo_and_uses_no_reservation(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    from pricing_service.tables import Statement, StatementLine

    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    budget = await set_budget(finance, world, "6000")
    demand = await world.propose()
    await accept_at(service, await quoted(finance, world, demand), f"{PAST}-11-15")
    await world.subscribed(f"{PAST}-11-01", demand=demand)
    await rate(service, finance, f"{PAST}-11")
    with context.entered(context.WorkContext("test", "test", "test")):
        async with service.runtime.database.transaction() as session:
            statement = (await session.scalars(select(Statement))).one()
            await budgets.spend(session, statement, list(await session.scalars(select(StatementLine))), memo=True)
    shown = await read(finance, budget)
    assert (D(shown["memo"]), D(shown["actual"]), D(shown["reserved"]), D(shown["available"])) == (120, 0, 240, 5760)


async def test_what_is_issued_after_its_period_closed_counts_in_the_open_one(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    budget = await set_budget(finance, world, "6000")
    demand = await world.propose()
    await accept_at(service, await quoted(finance, world, demand), f"{PAST}-11-15")
    await world.subscribed(f"{PAST}-11-01", demand=demand)
    await rate(service, finance, f"{PAST}-11")
    await close(finance, f"{PAST}-11")
    (draft,) = (await finance.get(f"/v1/statements?business_unit_id={world.unit}&period={PAST}-11")).json()["items"]
    assert (await finance.post(f"/v1/statements/{draft['id']}/issue")).status_code == 200
    late = await read(finance, budget)  # November's own was released when it closed; December's is December's
    assert (phases(late, "actual")[10:], phases(late, "reserved")[10:]) == ([0, 120], [0, 120])


async def test_what_is_billed_in_advance_counts_in_the_period_that_it_is_for(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER | {"timing": "in_advance"}, since=f"{PAST}-01-01")
    this, following = await set_budget(finance, world, "6000"), await set_budget(finance, world, "2000", PAST + 1)
    demand = await world.propose()
    await accept_at(service, await quoted(finance, world, demand), f"{PAST}-11-15")
    await world.subscribed(f"{PAST}-11-01", demand=demand)
    await issued(service, finance, world, f"{PAST}-11")  # November bills December as well, December bills January
    december = await issued(service, finance, world, f"{PAST}-12")
    charged, later = await read(finance, this), await read(finance, following)
    assert (phases(charged, "actual")[9:], phases(charged, "reserved")) == ([0, 120, 120], [0] * 12)
    assert (phases(later, "actual"), phases(later, "reserved")) == ([120, *[0] * 11], [0, *[120] * 11])

    # What is credited of January's line comes back in January, whichever statement billed it.
    (line,) = december["lines"]
    note = await credited(finance, december, line, "120")
    same, restored = await read(finance, this), await read(finance, following)
    assert (same["actual"], phases(restored, "actual")) == (charged["actual"], [0] * 12)
    reversal = await finance.post(f"/v1/credit-notes/{note}/reverse", json={"reason": "no outage"})
    assert reversal.status_code == 201, reversal.text
    same, again = await read(finance, this), await read(finance, following)
    assert (same["actual"], phases(again, "actual")) == (charged["actual"], phases(later, "actual"))


async def test_a_credit_goes_to_the_budget_that_its_line_was_counted_in(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    other = await replace(world, service_id=uuid7(), offering=uuid7()).known()
    by_service: dict[str, str] = {}
    for each in (world, other):
        await each.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
        await each.subscribed(f"{PAST}-11-01")
        scope = {"kind": "service", "service_id": str(each.service_id)}
        by_service[str(each.service_id)] = await set_budget(finance, world, "6000", scope=scope)
    statement = await issued(service, finance, world, f"{PAST}-11")
    # Set after the issue, and maybe the larger: it counted nothing of the statement, so it gets nothing back.
    for_all = await set_budget(finance, world, "9000")
    counted = dict.fromkeys([*by_service.values(), for_all], D(120)) | {for_all: D(0)}
    one, two = statement["lines"]
    for line, amount in ((one, D(40)), (one, D(30)), (two, D(60))):
        await credited(finance, statement, line, str(amount))
        counted[by_service[line["service_id"]]] -= amount
        assert {budget: D((await read(finance, budget))["actual"]) for budget in counted} == counted


async def test_a_cost_counts_against_the_most_specific_budget_and_follows_its_reservation(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    service_id, other = str(world.service_id), str(uuid7())
    for_all = await set_budget(finance, world, "9000")
    node = {"kind": "node", "name": "Platforms", "service_ids": [service_id, other]}
    of_node = await set_budget(finance, world, "300", scope=node)
    demand = await world.propose()
    first = await quoted(finance, world, demand)
    assert first["budget"]["state"] in ("none", "enough", "short")  # asked of today's year, which has no budget
    refused = await accept_at(service, first, f"{PAST}-10-15")
    assert refused.detail.startswith("360.00 is needed, 300.00 is available")  # the unit's other money is not for this
    refused = await accept_at(service, first, f"{PAST}-11-15")
    assert refused.number == first["number"]
    of_service = await set_budget(finance, world, "1000", scope={"kind": "service", "service_id": service_id})
    await accept_at(service, await quoted(finance, world), f"{PAST}-12-15")
    held = [D((await read(finance, budget))["reserved"]) for budget in (for_all, of_node, of_service)]
    assert held == [0, 240, 120]
    await world.subscribed(f"{PAST}-11-01", demand=demand)
    await issued(service, finance, world, f"{PAST}-11")
    spent = [D((await read(finance, budget))["actual"]) for budget in (for_all, of_node, of_service)]
    assert spent == [0, 120, 0]  # where it was reserved, although its service has a budget of its own by now
    listed = (await finance.get(f"/v1/budgets?business_unit_id={world.unit}")).json()["items"]
    assert [budget["scope"]["kind"] for budget in listed] == ["all", "node", "service"]
    overlapping = budget_of(world, "5", scope={"kind": "node", "name": "Other", "service_ids": [other]})
    assert refusal(await finance.post("/v1/budgets", json=overlapping)) == (
        409,
        "budget-overlaps",
        ["/scope/service_ids"],
    )
    assert refusal(await finance.post("/v1/budgets", json=budget_of(world, "5", scope=node)))[1] == "budget-exists"


async def test_a_new_budget_takes_on_what_runs_already(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, SETUP)
    running, over = await world.propose(), await world.propose()
    for demand in (running, over):
        quote = await quoted(finance, world, demand)
        assert (await finance.post(f"/v1/quotes/{quote['id']}/accept")).json()["state"] == "accepted"
    await world.demand_ended(over, "cancelled")
    small = await finance.post("/v1/budgets", json=budget_of(world, "1439", PAST + 2))
    assert refusal(small) == (409, "commitments-not-covered", ["/amount"])
    assert small.json()["errors"][0]["message"] == "short by 1.00"
    budget = await set_budget(finance, world, "1440", PAST + 2)
    assert phases(await read(finance, budget), "reserved") == [120] * 12
    now = await read(finance, await set_budget(finance, world, "9000", PAST + 1))
    assert sum(phases(now, "reserved")) % 120 == 80  # the set-up is still to come as well


@on_both_databases
async def test_thresholds_are_told_once(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    budget = await set_budget(finance, world, "240", hard=False, thresholds=[100, 40])
    for _ in range(2):  # 120 of 240, and again 120
        demand = await world.propose()
        await accept_at(service, await quoted(finance, world, demand), f"{PAST}-12-01")
        await world.demand_ended(demand, "cancelled")
    await accept_at(service, await quoted(finance, world), f"{PAST}-11-01")
    told = await service.published("itaas.pricing.budget.threshold-crossed.v1")
    assert [(event.data["threshold"], D(event.data["reserved"])) for event in told] == [(40, 120), (100, 240)]
    assert (told[0].subject, told[0].business_unit_id) == (budget, str(world.unit))
    assert (await read(finance, budget))["crossed"] == [40, 100]


@on_both_databases
async def test_nothing_overdraws_a_hard_budget_however_many_ask_at_once(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    """Acceptances, transfers, amendments and cancellations together, each over HTTP or from the log."""
    year = utc_now().year
    left = 12 - utc_now().month + 1
    other = await World(service).known()
    await world.priced(finance, PER_SERVER)
    control = {"control": "period"}
    this = await set_budget(finance, world, str(120 * 12 * 6), year, **control)
    following = await set_budget(finance, world, str(120 * 12 * 5), year + 1, **control)
    elsewhere = await set_budget(finance, other, "10", year)
    ended = [await world.propose() for _ in range(2)]
    for demand in ended:
        await finance.post(f"/v1/quotes/{(await quoted(finance, world, demand))['id']}/accept")
    asked = [await quoted(finance, world) for _ in range(16)]

    async def accept(quote: dict[str, Any]) -> httpx.Response:
        return await finance.post(f"/v1/quotes/{quote['id']}/accept")

    async def move() -> httpx.Response:
        money = {"amount": str(60 * left), "currency": "USD"}
        body = {"from_budget_id": this, "to_budget_id": elsewhere, "amount": money, "reason": "needed there"}
        return await finance.post("/v1/budget-transfers", json=body)

    async def lower() -> httpx.Response:
        money = {"amount": str(120 * 12 * 4), "currency": "USD"}
        return await finance.post(f"/v1/budgets/{following}/amendments", json={"reason": "cut", "amount": money})

    work = [*map(accept, asked), *(move() for _ in range(4)), lower()]
    answers, *_ = await asyncio.gather(
        asyncio.gather(*work), *(world.demand_ended(demand, "cancelled") for demand in ended)
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 409}, [answer.text for answer in answers]
    accepted = [answer for answer in answers[:16] if answer.status_code == 200]
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} == {
        "urn:itaas:problem:budget-exceeded"
    }
    assert 2 <= len(accepted) <= 5
    for budget, periods in ((this, left), (following, 12)):
        body = await read(finance, budget)
        assert min(phases(body, "available")) >= 0
        assert D(body["reserved"]) == 120 * periods * len(accepted)
    balances = [
        event.data
        for event in await service.published()
        if event.type.startswith("itaas.pricing.budget.") and event.data["hard"]
    ]
    assert min(D(phase["available"]) for balance in balances for phase in balance["phases"]) >= 0
    gone = D((await read(finance, elsewhere))["amount"]) - 10
    assert D((await read(finance, this))["amount"]) == 120 * 12 * 6 - gone


@on_both_databases
async def test_money_moves_between_business_units_and_both_are_told(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    other = await World(service).known()
    giving, receiving = await set_budget(finance, world, "1200"), await set_budget(finance, other, "100")
    later, euros = await set_budget(finance, other, "100", PAST + 1), str(uuid7())
    money = {"amount": "100.01", "currency": "USD"}
    good: dict[str, Any] = {
        "from_budget_id": giving,
        "to_budget_id": receiving,
        "amount": money,
        "periods": [f"{PAST}-02", f"{PAST}-01"],
        "reason": "two analysts moved",
    }
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        moved = await finance.post("/v1/budget-transfers", json=good, headers=key)
        assert moved.status_code == 201, moved.text
    assert moved.json()["parts"] == [
        {"period": f"{PAST}-02", "amount": "50.01"},
        {"period": f"{PAST}-01", "amount": "50.00"},
    ]
    assert phases(await read(finance, giving), "amount")[:3] == [50, D("49.99"), 100]
    assert D((await read(finance, receiving))["amount"]) == D("200.01")
    told = (await service.published("itaas.pricing.budget.balance-changed.v1"))[-2:]
    assert {(event.data["id"], event.data["amount"]) for event in told} == {
        (giving, "1099.99"),
        (receiving, "200.01"),
    }
    why = (await finance.get(f"/v1/budgets/{giving}/explanation?period={PAST}-02")).json()["amount"]["parts"]
    assert [(part["cause"], part["source_id"], part["reason"]) for part in why] == [
        ("set", None, None),
        ("transferred", moved.json()["id"], "two analysts moved"),
    ]
    listed = (await finance.get(f"/v1/budget-transfers?budget_id={receiving}")).json()["items"]
    assert [transfer["id"] for transfer in listed] == [moved.json()["id"]]
    await close(finance, f"{PAST}-01")
    still = good | {"periods": [f"{PAST}-02"]}
    for change, found in (
        ({"amount": money | {"amount": "0"}}, (422, "transfer-of-nothing", ["/amount"])),
        ({"amount": money | {"amount": "-1"}}, (422, "transfer-of-nothing", ["/amount"])),
        ({"amount": money | {"currency": "EUR"}}, (422, "budget-currency-differs", ["/amount/currency"])),
        ({"to_budget_id": giving}, (422, "transfer-to-itself", ["/to_budget_id"])),
        ({"to_budget_id": euros}, (404, "not-found", [])),
        ({"to_budget_id": later, "periods": [f"{PAST}-02"]}, (422, "transfer-across-years", ["/to_budget_id"])),
        ({"periods": [f"{PAST}-02", f"{PAST}-02"]}, (422, "phases-wrong", ["/periods/1"])),
        ({"periods": [f"{PAST + 1}-02"]}, (422, "phases-wrong", ["/periods/0"])),
        ({"periods": [f"{PAST}-02", f"{PAST}-01"]}, (409, "period-closed", ["/periods/1"])),
        ({"periods": []}, (409, "budget-year-over", ["/periods"])),
        (
            {"periods": [f"{PAST}-02"], "amount": money | {"amount": "1100"}},
            (409, "transfer-exceeds-budget", ["/amount"]),
        ),
        ({"reason": ""}, (422, "request-not-valid", ["/reason"])),
    ):
        assert refusal(await finance.post("/v1/budget-transfers", json=still | change)) == found, change
    await accept_at(service, await quoted(finance, world), f"{PAST}-08-01")  # holds 600 of 1099.99
    short = good | {"periods": [f"{PAST}-02"], "amount": money | {"amount": "500"}}
    assert refusal(await finance.post("/v1/budget-transfers", json=short)) == (409, "budget-exceeded", ["budget"])
    async with service.client(roles=["consumer"], business_units=[world.unit]) as consumer:
        assert (await consumer.post("/v1/budget-transfers", json=good)).status_code == 403
        assert (await consumer.get(f"/v1/budgets/{receiving}/explanation")).status_code == 403
        assert (await consumer.get(f"/v1/budgets/{giving}/forecast")).status_code == 200


async def test_an_amendment_says_why_and_leaves_closed_periods_alone(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    past, year = await set_budget(finance, world, "1200"), utc_now().year
    budget = await set_budget(finance, world, "1200", year + 1)
    path = f"/v1/budgets/{budget}/amendments"

    def usd(amount: str) -> dict[str, str]:
        return {"amount": amount, "currency": "USD"}

    more = await finance.post(path, json={"reason": "a new team", "amount": usd("1800")}, headers={"If-Match": '"1"'})
    assert (more.status_code, more.headers["etag"]) == (201, '"2"')
    assert phases(more.json(), "amount") == [150] * 12
    shaped = {"reason": "a busy March", "phases": [{"period": f"{year + 1}-03", "amount": "450"}]}
    assert D((await finance.post(path, json=shaped)).json()["amount"]) == 2100
    rules = {
        "hard": False,
        "control": "period",
        "thresholds": [90],
        "year_end": "carry_over",
        "carry_over_cap": usd("5"),
    }
    changed = (await finance.post(path, json={"reason": "new rules"} | rules)).json()
    assert {name: changed[name] for name in rules} == rules | {"carry_over_cap": "5"}
    assert (await finance.post(path, json={"reason": "no cap", "carry_over_cap": None})).json()[
        "carry_over_cap"
    ] is None
    parts = (await finance.get(f"/v1/budgets/{budget}/explanation?period={year + 1}-03")).json()["amount"]["parts"]
    assert [(part["cause"], part["reason"], D(part["amount"])) for part in parts] == [
        ("set", None, 100),
        ("amended", "a new team", 50),
        ("amended", "a busy March", 300),
    ]
    await accept_at(service, await quoted(finance, world), f"{PAST}-10-01")  # 360 in PAST, 120 a month from then on
    await close(finance, f"{PAST}-01")
    for where, body, found in (
        (budget, {}, (422, "nothing-amended", [""])),
        (budget, {"amount": usd("-1")}, (422, "request-not-valid", ["/amount"])),
        (
            budget,
            {"amount": {"amount": "5", "currency": "EUR"}},
            (422, "budget-currency-differs", ["/amount/currency"]),
        ),
        (
            budget,
            {"year_end": "lapse", "carry_over_cap": usd("5")},
            (422, "cap-without-carry-over", ["/carry_over_cap"]),
        ),
        (budget, {"amount": usd("7")} | {"phases": shaped["phases"]}, (422, "phases-wrong", ["/amount"])),
        (budget, {"phases": [{"period": f"{PAST}-03", "amount": "1"}]}, (422, "phases-wrong", ["/phases/0/period"])),
        (past, {"phases": [{"period": f"{PAST}-01", "amount": "1"}]}, (409, "period-closed", ["/phases/0/period"])),
        (past, {"amount": usd("5000")}, (409, "budget-year-over", ["/amount"])),
        (
            past,
            {"phases": [{"period": f"{PAST}-02", "amount": "-1"}]},
            (422, "request-not-valid", ["/phases/0/amount"]),
        ),
    ):
        answer = await finance.post(f"/v1/budgets/{where}/amendments", json={"reason": "x"} | body)
        assert refusal(answer) == found, body
    zero = [{"period": f"{PAST}-{month:02}", "amount": "0"} for month in range(2, 11)]
    lowered = await finance.post(f"/v1/budgets/{past}/amendments", json={"reason": "cut", "phases": zero})
    assert refusal(lowered) == (409, "budget-exceeded", ["budget"])  # 300 would be left, and 360 are held
    soft = {"reason": "x", "phases": [{"period": f"{year + 1}-03", "amount": "0"}]}
    assert (await finance.post(path, json=soft)).status_code == 201
    hardened = await finance.post(path, json={"reason": "x", "hard": True})
    assert refusal(hardened) == (409, "budget-exceeded", ["/hard"])  # in March 120 are held, and nothing is there


@on_both_databases
async def test_the_year_end_lapses_or_carries_over_once(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, SETUP, since=f"{PAST}-01-01")
    cap = {"amount": "300", "currency": "USD"}
    old = await set_budget(finance, world, "1000", year_end="carry_over", carry_over_cap=cap)
    other = await World(service).known()
    lapsing = await set_budget(finance, other, "50")
    await accept_at(service, await quoted(finance, world), f"{PAST}-12-15")  # 120 a month and 80 once, never delivered
    path = f"/v1/fiscal-years/{PAST}/carry-over"
    assert refusal(await finance.post(path)) == (409, "fiscal-year-not-closed", ["year"])
    assert (await finance.post("/v1/fiscal-years/1/carry-over")).status_code == 422
    await close(finance, f"{PAST}-12")
    assert phases(await read(finance, old), "reserved")[11] == 80

    async def run() -> dict[str, Any]:
        job = await service.finished_job((await finance.post(path)).json()["id"])
        assert job.state == "succeeded", job.problem
        return dict(job.result or {})

    first = await run()
    assert (first["budgets"], first["settled"], first["waiting_count"]) == (2, 1, 1)
    assert first["waiting"][0]["reason"].startswith(f"there is no budget of {PAST + 1} to carry 300.00 over to")
    assert first["lapsed"] == [{"amount": "50.00", "currency": "USD"}]
    new = await set_budget(finance, world, "5000", PAST + 1, thresholds=[])
    before = await read(finance, new)
    second = await run()
    assert (second["settled"], second["carried"]) == (1, [{"amount": "300.00", "currency": "USD"}])
    done, heir = await read(finance, old), await read(finance, new)
    assert (D(done["amount"]), D(done["available"]), done["settled_at"] is None) == (0, 0, False)
    assert D(heir["amount"]) - D(before["amount"]) == 300
    assert D((await read(finance, lapsing))["available"]) == 0
    why = (await finance.get(f"/v1/budgets/{old}/explanation")).json()
    causes = {part["cause"]: D(0) for part in why["amount"]["parts"]}
    for part in why["amount"]["parts"]:
        causes[part["cause"]] += D(part["amount"])
    assert causes == {"set": 1000, "carried_over": -300, "lapsed": -700}
    third = await run()
    assert (third["settled"], third["carried"]) == (0, [{"amount": "0", "currency": "USD"}])
    assert (await read(finance, new))["amount"] == heir["amount"]


async def test_what_is_due_once_moves_to_the_next_years_budget(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, SETUP, since=f"{PAST}-01-01")
    old = await set_budget(finance, world, "100")
    new = await set_budget(finance, world, "50", PAST + 1)
    await accept_at(service, await quoted(finance, world), f"{PAST}-12-15")
    await close(finance, f"{PAST}-12")
    path = f"/v1/fiscal-years/{PAST}/carry-over"
    job = await service.finished_job((await finance.post(path)).json()["id"])
    assert job.result is not None
    assert "80.00 is needed, 50.00 is available" in job.result["waiting"][0]["reason"]
    assert D((await read(finance, old))["reserved"]) == 80
    money = {"amount": "90", "currency": "USD"}
    await finance.post(f"/v1/budgets/{new}/amendments", json={"reason": "room for it", "amount": money})
    job = await service.finished_job((await finance.post(path)).json()["id"])
    assert job.result is not None
    assert (job.result["settled"], job.result["lapsed"]) == (1, [{"amount": "100.00", "currency": "USD"}])
    assert (D((await read(finance, old))["reserved"]), D((await read(finance, new))["reserved"])) == (0, 80)


async def test_wrong_budgets_name_their_field(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    usd = {"amount": "5", "currency": "USD"}
    for change, found in (
        ({"phasing": "weekly"}, (422, "request-not-valid", ["/phasing"])),
        ({"phases": [{"period": f"{PAST}-01", "amount": "5"}]}, (422, "phases-wrong", ["/phases"])),
        ({"phasing": "given"}, (422, "phases-wrong", ["/phases"])),
        (
            {"phasing": "given", "phases": [{"period": f"{PAST}-01", "amount": "4.99"}]},
            (422, "phases-wrong", ["/phases"]),
        ),
        (
            {"phasing": "given", "phases": [{"period": f"{PAST}-P01", "amount": "5"}]},
            (422, "phases-wrong", ["/phases/0/period"]),
        ),
        (
            {"phasing": "given", "phases": [{"period": f"{PAST}-01", "amount": "-5"}]},
            (422, "request-not-valid", ["/phases/0/amount"]),
        ),
        ({"thresholds": [0]}, (422, "request-not-valid", ["/thresholds/0"])),
        ({"thresholds": [50, 50]}, (422, "request-not-valid", ["/thresholds"])),
        ({"carry_over_cap": usd}, (422, "cap-without-carry-over", ["/carry_over_cap"])),
        (
            {"year_end": "carry_over", "carry_over_cap": usd | {"currency": "EUR"}},
            (422, "budget-currency-differs", ["/carry_over_cap/currency"]),
        ),
        ({"scope": {"kind": "service"}}, (422, "request-not-valid", ["/scope"])),
        ({"scope": {"kind": "node", "name": "A"}}, (422, "request-not-valid", ["/scope"])),
        ({"scope": {"kind": "all", "name": "A"}}, (422, "request-not-valid", ["/scope"])),
        ({"control": "month"}, (422, "request-not-valid", ["/control"])),
    ):
        assert refusal(await finance.post("/v1/budgets", json=budget_of(world, "5") | change)) == found, change
    given = [{"period": f"{PAST}-{month:02}", "amount": "2.5"} for month in (1, 12)]
    budget = await finance.post("/v1/budgets", json=budget_of(world, "5", phasing="given", phases=given))
    assert phases(budget.json(), "amount") == [D("2.5"), *[0] * 10, D("2.5")]
    assert refusal(await finance.get(f"/v1/budgets/{budget.json()['id']}/explanation?period=2001-01")) == (
        422,
        "phases-wrong",
        ["period"],
    )
    async with service.runtime.database.reading() as session:
        assert len(list(await session.scalars(select(Budget)))) == 1
        assert len(list(await session.scalars(select(BudgetEntry)))) == 2  # of 0 no entry is made


async def test_a_reopened_period_is_held_again_as_far_as_the_money_is_there(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER, since=f"{PAST}-01-01")
    budget = await set_budget(finance, world, "480")
    first, second = await quoted(finance, world), await quoted(finance, world)
    for quote in (first, second):
        await accept_at(service, quote, f"{PAST}-11-15")

    async def reopened() -> Any:
        answer = await finance.post(f"/v1/periods/{PAST}-11/reopen", json={"reason": "an invoice is missing"})
        assert answer.status_code == 200, answer.text
        return answer.json()["not_held_again"]

    for _ in range(2):  # closed and reopened again: each time as before
        await close(finance, f"{PAST}-11")
        assert phases(await read(finance, budget), "reserved")[10:] == [0, 240]
        assert await reopened() == []
        assert phases(await read(finance, budget), "reserved")[10:] == [240, 240]
    await close(finance, f"{PAST}-11")
    await accept_at(service, await quoted(finance, world), f"{PAST}-12-15")  # takes 120 of what was released
    (missed,) = await reopened()
    assert (missed["number"], missed["budget_id"], D(missed["amount"])) == (second["number"], budget, 120)
    held = await read(finance, budget)
    assert (phases(held, "reserved")[10:], D(held["available"])) == ([120, 360], 0)
