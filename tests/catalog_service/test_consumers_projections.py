"""What the catalogue keeps of feedback's, pricing's and demand's facts, and who sees it."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.testing import ServiceHarness
from tests.catalog_service.samples import published_offering, published_service

pytestmark = pytest.mark.anyio

SCORE = "itaas.feedback.score.updated.v1"
COST = "itaas.pricing.unit-cost.published.v1"


def score(service_id: str, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "kind": "nps",
        "score": "12.5",
        "n": 40,
        "low": "-3.25",
        "high": "28.25",
        "withheld": False,
    }
    return {"service_id": service_id, **known, "colour": "ignored"} | changes


async def test_the_latest_score_stands_on_every_offering(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    offering = await published_offering(owner, service["id"])
    subject = UUID(service["id"])
    await catalog.deliver(SCORE, subject=subject, data=score(service["id"]), sequence=2)
    await catalog.deliver(SCORE, subject=subject, data=score(service["id"], n=1), sequence=1)
    # Another kind has a sequence of its own, and does not displace the NPS.
    await catalog.deliver(SCORE, subject=subject, data=score(service["id"], kind="csat", score="80"), sequence=1)
    (item,) = (await consumer.get("/v1/offerings")).json()["items"]
    expected = {"kind": "nps", "score": "12.5", "n": 40, "low": "-3.25", "high": "28.25", "withheld": False}
    assert item["score"] == expected
    assert (await consumer.get(f"/v1/offerings/{offering['id']}")).json()["score"] == expected
    withheld = score(service["id"], score=None, low=None, high=None, n=2, withheld=True)
    await catalog.deliver(SCORE, subject=subject, data=withheld, sequence=3)
    assert (await consumer.get("/v1/offerings")).json()["items"][0]["score"]["withheld"] is True


async def test_another_kind_of_score_shows_where_there_is_no_nps(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    await published_offering(owner, service["id"])
    data = score(service["id"], kind="csat", score="80")
    await catalog.deliver(SCORE, subject=UUID(service["id"]), data=data)
    (item,) = (await owner.get("/v1/offerings")).json()["items"]
    assert (item["score"]["kind"], item["score"]["score"]) == ("csat", "80")


async def test_unit_cost_is_shown_to_those_who_may_see_it(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    run = str(uuid4())
    cost = {
        "service_id": service["id"],
        "period": "2026-10",
        "cost": {"amount": "8655.5512", "currency": "USD"},
        "volume": "240",
        "unit_of_measure": "server",
        "unit_cost": "36.06479666",
        "currency": "USD",
        "allocation_run_id": run,
    }
    await catalog.deliver(COST, subject=UUID(service["id"]), data=cost)
    expected = {
        "period": "2026-10",
        "unit_cost": "36.06479666",
        "unit_of_measure": "server",
        "currency": "USD",
        "allocation_run_id": run,
    }
    path = f"/v1/services/{service['id']}"
    for role, seen in (("service_owner", expected), ("finance", expected), ("admin", expected), ("consumer", None)):
        assert (await catalog.client([role]).get(path)).json()["unit_cost"] == seen, role


async def test_active_subscriptions_are_counted_for_owners(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    offering = await published_offering(owner, service["id"])
    unit = uuid4()

    async def subscription(what: str, subject: UUID, sequence: int) -> None:
        data = {
            "id": str(subject),
            "offering_id": offering["id"],
            "service_id": service["id"],
            "business_unit_id": str(unit),
            "quantity": "4",
            "state": "active" if what == "activated" else "ended",
        }
        event = f"itaas.demand.subscription.{what}.v1"
        await catalog.deliver(event, subject=subject, data=data, sequence=sequence, business_unit_id=unit)

    one, two = uuid4(), uuid4()
    await subscription("activated", one, 1)
    await subscription("activated", two, 1)
    path = f"/v1/offerings/{offering['id']}"
    assert (await owner.get(path)).json()["active_subscriptions"] == 2
    assert (await consumer.get(path)).json()["active_subscriptions"] is None
    await subscription("ended", one, 2)
    await subscription("activated", one, 1)
    assert (await owner.get(path)).json()["active_subscriptions"] == 1


async def test_an_event_that_does_not_fit_is_a_dead_letter_and_stops_nothing(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    await published_offering(owner, service["id"])
    subject = UUID(service["id"])
    await catalog.deliver(SCORE, subject=subject, data={"service_id": "nonsense"}, sequence=1)
    await catalog.deliver(SCORE, subject=subject, data=score(service["id"]), sequence=2)
    assert (await owner.get("/v1/offerings")).json()["items"][0]["score"]["n"] == 40
