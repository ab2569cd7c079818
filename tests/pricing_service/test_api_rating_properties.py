"""What holds of any usage: order, batches and replays change nothing, adjustments complete, sums are exact.

One app serves many random cases: each is a subscription of its own under the same plan.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from pricing_service import queries
from pricing_service.tables import UsageEvent
from services.clock import utc_now
from services.testing import ServiceHarness
from tests.pricing_service.samples import World, on_both_databases, usage

pytestmark = pytest.mark.anyio
BATCH = {"content-type": "application/cloudevents-batch+json"}
TIERED = {
    "key": "burst",
    "name": "Burst compute",
    "recurring": "usage",
    "meter": "vm-hours",
    "model": "graduated",
    "minimum": "20",
    "maximum": "400",
    "tiers": [
        {"up_to": "10", "unit_price": "1.1"},
        {"up_to": "40", "unit_price": "0.333", "flat_fee": "5"},
        {"unit_price": "0.0000000001"},
    ],
}
D = Decimal
WIDE = Context(prec=200)
Readings = list[tuple[str, str, str]]  # id, quantity, day


def some_readings(pick: Random, month: str) -> Readings:
    return [
        (f"r{number}", str(D(pick.randrange(1, 10**7)).scaleb(-pick.randrange(1, 7))), f"{month}-{day:02}")
        for number in range(pick.randrange(3, 12))
        for day in [pick.randrange(1, 29)]
    ]


async def send(service: ServiceHarness, who: UUID, readings: Readings, pick: Random) -> set[str]:
    """In some order and some batches; returns the outcomes."""
    shuffled = pick.sample(readings, len(readings))
    outcomes: set[str] = set()
    async with service.client(roles=["integration"]) as meter:
        for batch in batches(shuffled, pick):
            events = [usage(who, id_, quantity, day=day, source=f"/meters/{who}") for id_, quantity, day in batch]
            answer = await meter.post("/v1/usage", json=events, headers=BATCH)
            outcomes |= {item["outcome"] for item in answer.json()["items"]}
    return outcomes


def batches(readings: Readings, pick: Random) -> Iterator[Readings]:
    while readings:
        size = pick.randrange(1, len(readings) + 1)
        yield readings[:size]
        readings = readings[size:]


async def rate(service: ServiceHarness, finance: httpx.AsyncClient, period: str) -> list[dict[str, Any]]:
    """Rate; the lines of all statements of the period."""
    started = await finance.post("/v1/rating-runs", json={"period": period})
    job = await service.finished_job(started.json()["id"])
    assert job.state == "succeeded" and job.result is not None, job.problem
    return await lines(finance, period)


async def lines(finance: httpx.AsyncClient, *periods: str) -> list[dict[str, Any]]:
    found = []
    for period in periods:
        for listed in (await finance.get(f"/v1/statements?period={period}&limit=200")).json()["items"]:
            statement = (await finance.get(f"/v1/statements/{listed['id']}")).json()
            assert sum(D(line["amount"]) for line in statement["lines"]) == D(statement["total"]["amount"])
            found += statement["lines"]
    return found


async def issue(finance: httpx.AsyncClient, period: str) -> None:
    for listed in (await finance.get(f"/v1/statements?period={period}&state=draft")).json()["items"]:
        assert (await finance.post(f"/v1/statements/{listed['id']}/issue")).status_code == 200


def billed(found: Sequence[dict[str, Any]], who: UUID, service_period: str) -> list[tuple[str, str, Decimal, Decimal]]:
    """Per charge and kind the quantity and the amount that all statements together hold of a service period."""
    sums: dict[tuple[str, str], list[Decimal]] = {}
    for line in found:
        if line["subscription_id"] == str(who) and line["service_period"] == service_period:
            held = sums.setdefault((line["charge"], line["kind"]), [D(0), D(0)])
            held[0] += D(line["quantity"])
            held[1] += D(line["amount"])
    return sorted((*key, quantity, amount) for key, (quantity, amount) in sums.items() if amount)


async def test_order_batches_and_replays_change_nothing(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, TIERED)
    pick = Random(7)
    readings = some_readings(pick, "2026-10")
    holders = [await world.subscribed("2026-01-01") for _ in range(4)]
    for who in holders:
        assert await send(service, who, readings, pick) == {"accepted"}
    found = await rate(service, finance, "2026-10")
    bills = [billed(found, who, "2026-10") for who in holders]
    assert bills[0] and all(bill == bills[0] for bill in bills)
    for who in holders:
        assert await send(service, who, readings, pick) == {"duplicate"}
    again = await rate(service, finance, "2026-10")
    told = [(line["subscription_id"], line["charge"], line["quantity"], line["amount"]) for line in found]
    assert [(line["subscription_id"], line["charge"], line["quantity"], line["amount"]) for line in again] == told
    await issue(finance, "2026-10")
    assert await rate(service, finance, "2026-10") == await lines(finance, "2026-10")
    assert (await finance.get("/v1/statements?period=2026-10&state=draft")).json()["items"] == []


@on_both_databases
async def test_statement_and_adjustments_add_up_to_a_full_rating(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    """Each case's usage comes in three parts, its twin's at once: before a statement, before and after the close."""
    await world.priced(finance, TIERED)
    pick = Random(11)
    cases: list[tuple[UUID, UUID, list[Readings]]] = []
    for _ in range(3):
        readings = some_readings(pick, "2026-09")
        cuts = sorted(pick.randrange(len(readings) + 1) for _ in range(3))
        parts = [readings[start:end] for start, end in zip([0, *cuts], [*cuts, len(readings)], strict=True)]
        cases.append((await world.subscribed("2026-01-01"), await world.subscribed("2026-01-01"), parts))
        await send(service, cases[-1][1], readings, pick)
    for round_ in range(4):
        for piecemeal, _, parts in cases:
            await send(service, piecemeal, parts[round_], pick)
        if round_ == 1:  # came, but was on no statement when the period closed
            assert (await finance.post("/v1/periods/2026-09/close")).status_code == 200
        else:
            period = "2026-09" if round_ == 0 else "2026-10"
            await rate(service, finance, period)
            await issue(finance, period)
    found = await lines(finance, "2026-09", "2026-10")
    for piecemeal, whole, parts in cases:
        assert billed(found, piecemeal, "2026-09") == billed(found, whole, "2026-09"), parts
    adjusting = {line["adjusts_period"] for line in found if line["service_period"] == "2026-09"}
    assert adjusting == {None, "2026-09"}


@on_both_databases
async def test_sums_are_exact_at_every_scale(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    """18 digits before and 18 behind the point, against a loop over decimals: no float, no overflow, no rounding."""
    pick = Random(13)
    per_hour = {"key": "hours", "name": "Hours", "recurring": "usage", "meter": "vm-hours", "model": "per_unit"}
    price = D("0.000000000000000007")
    await world.priced(finance, per_hour | {"unit_price": f"{price:f}"})
    holders = [await world.subscribed("2026-01-01") for _ in range(4)]
    rows: list[dict[str, Any]] = []
    for number in range(150):
        digits = pick.randrange(1, 10 ** pick.randrange(1, 37))
        quantity = D(digits).scaleb(-18, context=WIDE) if number % 3 else D(digits % 10**18)
        rows.append(
            {
                "source": "/meters/exact",
                "event_id": str(number),
                "position": 0,
                "time": utc_now(),
                "day": date(2026, 10, 1) + timedelta(days=pick.randrange(31)),
                "subscription_id": pick.choice(holders),
                "meter": "vm-hours",
                "quantity": quantity,
                "received_at": utc_now(),
            }
        )
    async with service.runtime.database.transaction() as session:
        arrival = await queries.next_arrival(session)
        for row in rows:
            await session.execute(insert(UsageEvent).values(**row, arrival=arrival))
    edges = [date(2026, 10, 1), date(2026, 10, 9), date(2026, 10, 20), date(2026, 11, 1)]
    async with service.runtime.database.reading() as session:
        sums = await queries.metered_by_stretch(session, holders, edges, 10**9)
    expected: dict[UUID, dict[tuple[str, date], Decimal]] = {}
    for row in rows:
        start = max(edge for edge in edges if edge <= row["day"])
        of = expected.setdefault(row["subscription_id"], {})
        of["vm-hours", start] = WIDE.add(of.get(("vm-hours", start), D(0)), row["quantity"])
    assert sums == expected
    found = await rate(service, finance, "2026-10")
    for who in holders:
        total = D(0)
        for quantity in expected[who].values():
            total = WIDE.add(total, quantity)
        amount = WIDE.multiply(total, price).quantize(D("0.01"), rounding=ROUND_HALF_EVEN, context=WIDE)
        (line,) = [line for line in found if line["subscription_id"] == str(who)]
        assert (D(line["quantity"]), D(line["amount"])) == (total, amount)
