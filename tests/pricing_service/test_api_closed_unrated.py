"""What nobody rated, or what changed after it was issued, is not lost when its period closes."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World, on_both_databases, usage
from tests.pricing_service.test_api_adjustments import rated, report
from tests.pricing_service.test_api_rating_semantics import told

pytestmark = pytest.mark.anyio


async def issued(service: ServiceHarness, finance: httpx.AsyncClient, period: str) -> dict[str, Any]:
    statement = await rated(service, finance, period)
    answer = await finance.post(f"/v1/statements/{statement['id']}/issue")
    assert answer.status_code == 200, answer.text
    return statement


def adjustments(statement: dict[str, Any]) -> dict[str, Decimal]:
    """By the period that they put right; of None what is of the statement's own."""
    sums: dict[str, Decimal] = {}
    for line in statement["lines"]:
        name = line["adjusts_period"]
        sums[name] = sums.get(name, Decimal(0)) + Decimal(line["amount"])
    return sums


@on_both_databases
async def test_what_nobody_rated_before_the_close_is_billed_as_an_adjustment(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    await world.subscribed("2026-07-01")
    await world.subscribed("2026-01-01", until="2026-06-15")  # owes nothing any more
    preview = (await finance.get("/v1/periods/2026-07/closing")).json()
    (warning,) = preview["warnings"]
    assert (warning["check"], warning["message"]) == (
        "subscriptions-unrated",
        "1 subscriptions have no line of 2026-07 on any statement",
    )
    assert (await finance.post("/v1/periods/2026-07/close")).status_code == 200
    ahead = (await finance.get("/v1/periods/2026-09/closing")).json()["warnings"]  # August is passed over
    assert [found["message"].split(" of ")[1][:7] for found in ahead] == ["2026-08", "2026-09"]
    assert (await finance.post("/v1/periods/2026-09/close")).status_code == 200
    october = await issued(service, finance, "2026-10")
    owed = Decimal(120)
    assert adjustments(october) == {None: owed, "2026-07": owed, "2026-08": owed, "2026-09": owed}
    assert "subscriptions-unrated" not in (await finance.get("/v1/periods/2026-10/closing")).text


@on_both_databases
async def test_what_changes_after_the_statement_was_issued_is_adjusted_after_the_close(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_SERVER)
    subscription = await world.subscribed("2026-08-01")
    assert adjustments(await issued(service, finance, "2026-08")) == {None: Decimal(120)}
    begun = {"activated_at": "2026-08-01T09:00:00Z"}
    await told(service, world, subscription, 2, "changed", quantity="2", effective_at="2026-08-16T12:00:00Z", **begun)
    await finance.post("/v1/periods/2026-08/close")
    september = await issued(service, finance, "2026-09")
    assert adjustments(september) == {None: Decimal(60), "2026-08": Decimal("-30.97")}  # 16 of 31 days at 2 servers

    await world.priced(finance, PER_SERVER | {"unit_price": "60"}, since="2026-09-16")
    await finance.post("/v1/periods/2026-09/close")
    october = await rated(service, finance, "2026-10")
    assert adjustments(october) == {None: Decimal(120), "2026-09": Decimal(30)}


async def test_a_reopened_period_bills_what_a_later_draft_would_have_adjusted(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-09-01")
    await report(service, usage(subscription, "1", "8", day="2026-09-05"))
    await issued(service, finance, "2026-09")
    await finance.post("/v1/periods/2026-09/close")
    await report(service, usage(subscription, "2", "2", day="2026-09-06"))
    assert adjustments(await rated(service, finance, "2026-10")) == {"2026-09": Decimal(2)}
    reopened = await finance.post("/v1/periods/2026-09/reopen", json={"reason": "late usage"})
    assert reopened.status_code == 200
    assert (await finance.get("/v1/statements?period=2026-10")).json()["items"] == []
    assert adjustments(await issued(service, finance, "2026-09")) == {None: Decimal(2)}
    started = await finance.post("/v1/rating-runs", json={"period": "2026-10"})
    done = await service.finished_job(started.json()["id"])
    assert done.result is not None and done.result["lines"] == 0  # nothing is billed twice
