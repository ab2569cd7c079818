"""The archive over HTTP: a thread as a tree, the search, and who sees what."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.app import definition
from services.events.envelope import Envelope, to_message
from services.ids import uuid7
from services.testing import ServiceHarness

pytestmark = pytest.mark.anyio

FINANCE_UNIT, HR_UNIT, PAYROLL_UNIT = uuid7(), uuid7(), uuid7()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    async with ServiceHarness(definition, tmp_path) as service:
        for unit, parent in ((FINANCE_UNIT, None), (HR_UNIT, None), (PAYROLL_UNIT, HR_UNIT)):
            data = {"id": str(unit), "name": "unit", "parent_id": None if parent is None else str(parent)}
            await deliver(service, "itaas.demand.business-unit.created.v1", unit, data=data, unit=unit, thread="setup")
        yield service


async def deliver(
    service: ServiceHarness,
    event_type: str,
    subject: UUID,
    *,
    thread: str,
    cause: str | None = None,
    unit: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> str:
    from services.clock import utc_now

    name = event_type.split(".")[1]
    envelope = Envelope(
        id=str(uuid7()),
        source=f"/itaas/{name}",
        type=event_type,
        subject=str(subject),
        time=utc_now(),
        data=data or {"id": str(subject)},
        correlation_id=thread,
        causation_id=cause,
        sequence=1,
        business_unit_id=None if unit is None else str(unit),
        actor_id="person-1",
        traceparent=None,
        partition_key=str(subject),
    )
    await service.runtime.event_log.append([to_message(envelope, f"itaas.{name}")])
    await service.consumed(f"itaas.{name}")
    return envelope.id


async def test_a_thread_is_read_as_a_tree(gateway: ServiceHarness) -> None:
    demand, quote = uuid7(), uuid7()
    proposed = await deliver(
        gateway, "itaas.demand.demand.proposed.v1", demand, thread="loop", cause="request-1", unit=HR_UNIT
    )
    issued = await deliver(gateway, "itaas.pricing.quote.issued.v1", quote, thread="loop", cause=proposed, unit=HR_UNIT)
    later = await deliver(gateway, "itaas.feedback.oddity.seen.v1", uuid7(), thread="loop", cause="request-2")
    approved = await deliver(
        gateway, "itaas.demand.demand.approved.v1", demand, thread="loop", cause=issued, unit=HR_UNIT
    )
    await deliver(gateway, "itaas.demand.demand.approved.v1", uuid7(), thread="another", unit=HR_UNIT)

    async with gateway.client(["finance"]) as client:
        response = await client.get("/events/v1/trace/loop")
    assert response.status_code == 200
    trace = response.json()
    assert (trace["correlation_id"], trace["truncated"]) == ("loop", False)
    assert [(event["id"], event["depth"]) for event in trace["events"]] == [
        (proposed, 0), (issued, 1), (approved, 2), (later, 0),
    ]  # fmt: skip
    second = trace["events"][1]
    assert second["links"] == {"resource": f"/pricing/v1/quotes/{quote}"}
    assert (second["causation_id"], second["business_unit_id"]) == (proposed, str(HR_UNIT))
    assert (second["source"], second["subject"]) == ("/itaas/pricing", str(quote))
    assert second["data"] == {"id": str(quote)}
    assert trace["events"][3]["links"] == {}
    assert "person-1" not in response.text


async def test_a_thread_that_nobody_knows_is_empty(gateway: ServiceHarness) -> None:
    async with gateway.client(["admin"]) as client:
        response = await client.get("/events/v1/trace/nothing")
    assert response.json() == {"correlation_id": "nothing", "events": [], "truncated": False}


@pytest.mark.parametrize(
    ("roles", "units", "seen"),
    [
        (["finance"], [], {"finance", "hr", "payroll", "none"}),
        (["service_owner"], [], {"finance", "hr", "payroll", "none"}),
        (["consumer"], [HR_UNIT], {"hr", "payroll"}),
        (["consumer"], [PAYROLL_UNIT], {"payroll"}),
        (["consumer"], [], set()),
        (["demand_leader"], [FINANCE_UNIT], {"finance", "none"}),
        (["consumer", "demand_leader"], [FINANCE_UNIT], {"finance", "none"}),
    ],
)
async def test_callers_see_the_events_of_their_units(
    gateway: ServiceHarness, roles: list[str], units: list[UUID], seen: set[str]
) -> None:
    for name, unit in {"finance": FINANCE_UNIT, "hr": HR_UNIT, "payroll": PAYROLL_UNIT, "none": None}.items():
        await deliver(gateway, "itaas.pricing.fact.noted.v1", uuid7(), thread="t", unit=unit, data={"name": name})
    async with gateway.client(roles, units) as client:
        trace = (await client.get("/events/v1/trace/t")).json()
        listed = (await client.get("/events/v1/events", params={"type": "itaas.pricing.fact.*"})).json()
    assert {event["data"]["name"] for event in trace["events"]} == seen
    assert {event["data"]["name"] for event in listed["items"]} == seen


async def test_the_archive_is_searched(gateway: ServiceHarness) -> None:
    quote, budget = uuid7(), uuid7()
    await deliver(gateway, "itaas.pricing.quote.issued.v1", quote, thread="a", unit=HR_UNIT)
    await deliver(gateway, "itaas.pricing.quote.accepted.v1", quote, thread="a", unit=HR_UNIT)
    await deliver(gateway, "itaas.pricing.budget.reserved.v1", budget, thread="b", unit=FINANCE_UNIT)

    async def found(**filters: str) -> list[str]:
        response = await client.get("/events/v1/events", params=filters)
        assert response.status_code == 200, response.text
        return [event["type"].removeprefix("itaas.").removesuffix(".v1") for event in response.json()["items"]]

    created = ["demand.business-unit.created"] * 3
    async with gateway.client(["admin"]) as client:
        assert await found() == [*created, "pricing.quote.issued", "pricing.quote.accepted", "pricing.budget.reserved"]
        assert await found(type="itaas.pricing.quote.issued.v1") == ["pricing.quote.issued"]
        assert await found(type="itaas.pricing.quote.*") == ["pricing.quote.issued", "pricing.quote.accepted"]
        assert await found(type="*.accepted.v1") == ["pricing.quote.accepted"]
        assert await found(type="itaas.pricing") == []
        assert await found(subject=str(budget)) == ["pricing.budget.reserved"]
        assert await found(correlation_id="a") == ["pricing.quote.issued", "pricing.quote.accepted"]
        assert await found(business_unit_id=str(FINANCE_UNIT), type="itaas.pricing.*") == ["pricing.budget.reserved"]


async def test_the_search_is_paged_in_the_order_of_the_archive(gateway: ServiceHarness) -> None:
    for number in range(7):
        await deliver(gateway, "itaas.pricing.fact.noted.v1", uuid7(), thread="t", data={"number": number})
    numbers: list[int] = []
    async with gateway.client(["integration"]) as client:
        url: str | None = "/events/v1/events?type=itaas.pricing.*&limit=3"
        while url is not None:
            response = await client.get(url)
            page = response.json()
            numbers += [event["data"]["number"] for event in page["items"]]
            url = response.links["next"]["url"] if page["next_cursor"] else None
    assert numbers == list(range(7))


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/events/v1/trace/a%20b", "correlation_id"),
        ("/events/v1/trace/" + "x" * 65, "correlation_id"),
        ("/events/v1/events?type=ITAAS.%25", "type"),
        ("/events/v1/events?type=", "type"),
        ("/events/v1/events?subject=7", "subject"),
        ("/events/v1/events?business_unit_id=hr", "business_unit_id"),
        ("/events/v1/events?correlation_id=a%20b", "correlation_id"),
        ("/events/v1/events?limit=0", "limit"),
        ("/events/v1/events?limit=201", "limit"),
        ("/events/v1/events?cursor=!", "cursor"),
        ("/events/v1/events?cursor=_____________________w", "cursor"),
    ],
)
async def test_bad_input_is_named(gateway: ServiceHarness, path: str, pointer: str) -> None:
    async with gateway.client(["admin"]) as client:
        response = await client.get(path)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


async def test_a_unit_out_of_sight_is_refused(gateway: ServiceHarness) -> None:
    async with gateway.client(["consumer"], [HR_UNIT]) as client:
        response = await client.get(f"/events/v1/events?business_unit_id={FINANCE_UNIT}")
    assert response.status_code == 403
    assert response.json()["errors"][0]["pointer"] == "business_unit_id"


async def test_strangers_are_refused(gateway: ServiceHarness) -> None:
    async with gateway.client(["consumer"]) as client:
        client.headers.pop("authorization")
        for path in ("/events/v1/events", "/events/v1/trace/t"):
            response = await client.get(path)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
