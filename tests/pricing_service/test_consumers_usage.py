"""Usage over its topic: kept like that of HTTP; what is refused reaches the producer, and the dead letters."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from services.clock import utc_now
from services.db.chassis_tables import DeadLetter
from services.events.envelope import Envelope, Message, to_message
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, World

pytestmark = pytest.mark.anyio
SOURCE = "/meters/topic"


def message(subject: object, event_id: str, data: dict[str, Any], kind: str = "itaas.usage.v1") -> Message:
    envelope = Envelope(
        id=event_id,
        source=SOURCE,
        type=kind,
        subject=str(subject),
        time=utc_now(),
        data=data,
        correlation_id=str(uuid7()),
        causation_id=None,
        sequence=0,
        business_unit_id=None,
        actor_id=None,
        traceparent=None,
        partition_key=str(subject),
    )
    return to_message(envelope, "itaas.usage")


async def sent(service: ServiceHarness, *messages: Message) -> None:
    await service.runtime.event_log.append(list(messages))
    await service.consumed("itaas.usage")


async def test_the_topic_is_read_corrected_and_answered(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    good = {"meter": "vm-hours", "quantity": "3"}
    original = {"source": SOURCE, "id": "1"}
    await sent(
        service,
        message(subscription, "2", {"original": original}, "itaas.usage.voided.v1"),
        message(subscription, "1", good),
        message(subscription, "1", good),
        message(subscription, "3", good),
        message(
            subscription,
            "4",
            {"original": {"source": SOURCE, "id": "3"}} | good | {"quantity": "5"},
            "itaas.usage.replaced.v1",
        ),
    )
    events = (await finance.get(f"/v1/usage-events?source={SOURCE}")).json()["items"]
    assert [(event["id"], event["kind"], event["counts"]) for event in events] == [
        ("1", "reading", False), ("2", "voided", False), ("3", "reading", False), ("4", "replaced", True),
    ]  # fmt: skip
    await sent(
        service,
        message(subscription, "n", {"meter": "vm-hours", "quantity": "-1"}),
        message(subscription, "f", {"meter": "vm-hours", "quantity": 1.5}),
        message("server-7", "s", good),
        message(subscription, "m", {"meter": "secret of a person", "quantity": "1"}),
    )
    told = await service.published("itaas.pricing.usage.rejected.v1")
    assert sorted((event.data["event_id"], event.data["reason"], event.data["pointer"]) for event in told) == [
        ("f", "quantity-unreadable", "/data/quantity"),
        ("m", "meter-unknown", "/data/meter"),
        ("n", "negative-usage", "/data/quantity"),
        ("s", "invalid", ""),
    ]
    assert {(event.data["source"], event.data["event_type"]) for event in told} == {(SOURCE, "itaas.usage.v1")}
    assert not any("secret" in str(event.data) for event in told)
    async with service.client(roles=["integration"]) as meter:
        listed = (await meter.get(f"/v1/usage-rejections?source={SOURCE}")).json()["items"]
    assert {UUID(each["id"]) for each in listed} == {UUID(event.data["id"]) for event in told}
    async with service.runtime.database.reading() as session:
        letters = list(await session.scalars(select(DeadLetter).where(DeadLetter.topic == "itaas.usage")))
    assert len(letters) == 4


async def test_half_a_character_or_nul_is_refused_at_once_and_told_by_name(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = str(await world.subscribed("2026-01-01"))
    good = {"meter": "vm-hours", "quantity": "3"}
    structured = message(subscription, "x", good)
    body = {"specversion": "1.0", "source": SOURCE, "type": "itaas.usage.v1", "time": utc_now().isoformat()}
    body |= {"subject": subscription, "data": good}
    headers = {"content-type": "application/cloudevents+json"}
    broken = [
        replace(structured, headers=headers, value=json.dumps(body | {"id": bad}).encode())
        for bad in ("\ud800", "a\0b")
    ]
    await sent(
        service,
        *broken,
        message(subscription, "a\0b", good),
        message(subscription, "m", good | {"meter": "\ud800"}),
        message(subscription, "kept", good),
    )
    async with service.runtime.database.reading() as session:
        reasons = [letter.reason for letter in await session.scalars(select(DeadLetter).order_by(DeadLetter.offset))]
    assert [reason.split()[1] for reason in reasons] == ["id", "id", "id", "data/meter"], reasons
    told = await service.published("itaas.pricing.usage.rejected.v1")
    assert [(event.data["reason"], event.data["pointer"]) for event in told] == [
        ("malformed-event", ""), ("event-not-readable", "/data/meter"),
    ]  # fmt: skip
    events = (await finance.get(f"/v1/usage-events?source={SOURCE}")).json()["items"]
    assert [event["id"] for event in events] == ["kept"]
