"""Usage over HTTP: every mode, deduplication, corrections in any order, meters, and what they measured."""

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from pricing_service.tables import UsageEvent
from pricing_service.use_cases.metering import bodies
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, World, on_both_databases, usage
from tests.pricing_service.test_api_statements import BATCH, explained, rate, report, statements

pytestmark = pytest.mark.anyio
ONE = {"content-type": bodies.SINGLE}
LINES = {"content-type": bodies.LINES}
NOVEMBER = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
SOURCE = "/meters/test"


def original(event_id: str) -> dict[str, str]:
    return {"source": SOURCE, "id": event_id}


def void(subscription: object, event_id: str, of: str) -> Any:
    return usage(str(subscription), event_id) | {"type": "itaas.usage.voided.v1", "data": {"original": original(of)}}


def instead(subscription: object, event_id: str, of: str, quantity: str, **more: Any) -> Any:
    data = {"original": original(of), "meter": "vm-hours", "quantity": quantity}
    return usage(str(subscription), event_id, **more) | {"type": "itaas.usage.replaced.v1", "data": data}


async def measured(client: httpx.AsyncClient, meter: str = "vm-hours", **params: str) -> list[tuple[Any, ...]]:
    answer = await client.get(f"/v1/meters/{meter}/usage", params=NOVEMBER | params)
    assert answer.status_code == 200, answer.text
    return [(item["group"], item["quantity"], item["events"]) for item in answer.json()["items"]]


async def declared(client: httpx.AsyncClient, **meter: Any) -> dict[str, Any]:
    answer = await client.post("/v1/meters", json={"name": meter["key"], "unit": "each"} | meter)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@on_both_databases
async def test_every_mode_of_cloudevents_and_lines(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    binary = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "b%201",
        "ce-source": SOURCE,
        "ce-type": "itaas.usage.v1",
        "ce-time": "2026-11-05T10:00:00Z",
        "ce-subject": str(subscription),
    }
    lines = [json.dumps(usage(subscription, f"l{n}", "0.5")) for n in range(3)]
    text = "\n".join([lines[0], "", "{broken", lines[1], lines[0] + "  ", lines[2]])
    async with service.client(roles=["integration"]) as meter:
        single = await meter.post("/v1/usage", json=usage(subscription, "s"), headers=ONE)
        assert single.json()["items"] == [
            {"index": 0, "id": "s", "source": SOURCE, "outcome": "accepted", "reason": None}
        ]
        by_headers = await meter.post("/v1/usage", content=b'{"meter": "vm-hours", "quantity": 0.1}', headers=binary)
        assert by_headers.json()["items"][0]["id"] == "b 1"
        by_line = (await meter.post("/v1/usage", content=text.encode(), headers=LINES)).json()
        assert [item["outcome"] for item in by_line["items"]] == [
            "accepted", "rejected", "accepted", "duplicate", "accepted",
        ]  # fmt: skip
        assert by_line["items"][1]["reason"].startswith("the line is not JSON")
        counted = {name: by_line[name] for name in ("accepted", "corrected", "duplicate", "rejected")}
        assert counted == {"accepted": 3, "corrected": 0, "duplicate": 1, "rejected": 1}
        replayed = await meter.post("/v1/usage", content=text.encode(), headers=LINES | {"Idempotency-Key": "k"})
        again = await meter.post("/v1/usage", content=text.encode(), headers=LINES | {"Idempotency-Key": "k"})
        assert (again.headers["idempotency-replayed"], again.content) == ("true", replayed.content)
        other = await meter.post("/v1/usage", content=b"{}", headers=LINES | {"Idempotency-Key": "k"})
        assert (other.status_code, other.json()["type"]) == (422, "urn:itaas:problem:idempotency-key-reused")
    assert await measured(finance) == [({}, "2.6", 5)]  # 1 + 0.1 + 3 × 0.5


async def test_bodies_that_are_none_or_too_large(service: ServiceHarness, world: World) -> None:
    async with service.client(roles=["integration"]) as meter:
        for content, headers, status, kind in (
            (b"[]", {"content-type": "application/json"}, 422, "content-type-not-usage"),
            (b"{", ONE, 422, "usage-not-readable"),
            (b"\xff", ONE, 422, "usage-not-readable"),
            (b"[" * 100_000, BATCH, 422, "usage-not-readable"),
            (b"1" * 10_000, ONE, 422, "usage-not-readable"),
            (b"{}", BATCH, 422, "usage-not-readable"),
            (b"[" + b"0," * 10_000 + b"0]", BATCH, 413, "too-many-events"),
            (b" " * 2_100_000, BATCH, 413, "body-too-large"),
            (b"x" * 70_000, LINES, 413, "too-many-events"),
            (b"{}\n" * 100_001, LINES, 413, "too-many-events"),
        ):
            refused = await meter.post("/v1/usage", content=content, headers=headers)
            assert (refused.status_code, refused.json()["type"]) == (status, f"urn:itaas:problem:{kind}")
        assert (await meter.post("/v1/usage", content=b"", headers=LINES)).json()["items"] == []
    async with service.client(roles=["consumer"]) as consumer:
        assert (await consumer.post("/v1/usage", json=[], headers=BATCH)).status_code == 403
    async with service.client(headers={"Authorization": "Bearer no"}) as stranger:
        assert (await stranger.post("/v1/usage", json=[], headers=BATCH)).status_code == 401


@on_both_databases
async def test_requests_at_once_share_a_transaction_and_nothing_else(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    async with service.client(roles=["integration"]) as meter:
        sent = [usage(subscription, f"{n % 20}", "1") for n in range(60)] + [usage(uuid7(), "u"), "nonsense"]
        answers = await asyncio.gather(*(meter.post("/v1/usage", json=each, headers=ONE) for each in sent))
    outcomes = [answer.json()["items"][0]["outcome"] for answer in answers]
    assert {name: outcomes.count(name) for name in set(outcomes)} == {"accepted": 20, "duplicate": 40, "rejected": 2}
    assert [answer.json()["items"][0]["id"] for answer in answers[:60]] == [each["id"] for each in sent[:60]]
    assert await measured(finance) == [({}, "20", 20)]


@on_both_databases
async def test_duplicates_say_whether_they_differ(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    many = [usage(subscription, str(n), "0.10") for n in range(300)]
    odd = usage(subscription, "tab\t\\N\nline", source="ü€\\")
    assert {item["outcome"] for item in await report(service, *many, odd)} == {"accepted"}
    more = [usage(subscription, str(n), "0.1") for n in range(250, 550)]
    again = await report(service, usage(subscription, "7", "9"), odd, *more, usage(subscription, "new"), more[-1])
    assert [item["outcome"] for item in again].count("accepted") == 251
    assert (again[0]["outcome"], again[0]["note"]) == (
        "duplicate",
        "content differs from what was accepted under this id",
    )
    assert (again[1]["outcome"], "note" in again[1]) == ("duplicate", False)
    assert (again[2]["outcome"], "note" in again[2]) == ("duplicate", False)  # 0.1 is 0.10
    assert again[-1]["outcome"] == "duplicate"
    assert await measured(finance) == [({}, "57.00", 552)]


async def test_what_was_read_of_an_undeclared_meter_keeps_it_a_sum(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    await report(service, usage(subscription, "1", "60"), usage(subscription, "2", "50"))
    for aggregation in ("max", "count"):
        body = {"key": "vm-hours", "name": "Hours", "unit": "h", "aggregation": aggregation}
        refused = await finance.post("/v1/meters", json=body)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:aggregation-is-fixed")
        assert refused.json()["errors"][0]["pointer"] == "/aggregation"
    await declared(finance, key="vm-hours", aggregation="sum")
    await declared(finance, key="other", aggregation="max")
    assert await measured(finance) == [({}, "110", 2)]


@on_both_databases
async def test_late_early_and_out_of_life_usage(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    now = datetime.now(UTC)
    subscription = await world.subscribed(f"{now - timedelta(days=800):%Y-%m-%d}")
    young = await world.subscribed(f"{now - timedelta(days=5):%Y-%m-%d}")
    policy = {"max_late_days": 366, "max_ahead_seconds": 300}
    assert (await finance.put("/v1/usage-policy", json=policy)).status_code == 428
    assert (await finance.put("/v1/usage-policy", json=policy, headers={"If-Match": '"0"'})).status_code == 412
    for wrong in ({"max_late_days": 0}, {"max_ahead_seconds": -1}, {"days": 3}):
        answer = await finance.put("/v1/usage-policy", json=policy | wrong, headers={"If-Match": '"1"'})
        assert answer.status_code == 422
    set_ = await finance.put("/v1/usage-policy", json=policy, headers={"If-Match": '"1"'})
    assert (set_.status_code, set_.json(), set_.headers["etag"]) == (200, policy, '"2"')

    def at(moment: datetime) -> dict[str, str]:
        return {"time": moment.isoformat()}

    items = await report(
        service,
        usage(subscription, "1") | at(now - timedelta(days=367)),
        usage(subscription, "2") | at(now - timedelta(days=365)),
        usage(subscription, "3") | at(now + timedelta(minutes=6)),
        usage(subscription, "4") | at(now + timedelta(minutes=4)),
        usage(young, "5") | at(now - timedelta(days=7)),
        usage(young, "6") | at(now),
    )
    assert [item.get("refusal", item["outcome"]) for item in items] == [
        "usage-too-late", "accepted", "usage-in-future", "accepted", "outside-subscription", "accepted",
    ]  # fmt: skip
    assert {item["pointer"] for item in items if "pointer" in item} == {"/time"}


@on_both_databases
async def test_a_correction_of_billed_usage_is_billed_as_the_difference(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    await report(service, usage(subscription, "a", "8"), usage(subscription, "b", "4"), usage(subscription, "c", "1"))
    await rate(service, finance)
    (first,) = await statements(finance, world)
    assert first["total"]["amount"] == "11.00"  # 10 × 1 + 3 × 0.333
    await finance.post(f"/v1/statements/{first['id']}/issue")

    items = await report(service, void(subscription, "v", "a"), instead(subscription, "r", "b", "2"))
    assert [item["outcome"] for item in items] == ["corrected", "corrected"]
    await rate(service, finance)
    _, second = await statements(finance, world)
    assert second["total"]["amount"] == "-8.00"  # 2 + 1 instead of 13
    (why,) = await explained(finance, second)
    assert sorted((event["id"], event["withdrawn"]) for event in why["usage"]) == [
        ("a", True), ("b", True), ("r", False),
    ]  # fmt: skip
    (before,) = await explained(finance, first)
    assert sorted(event["id"] for event in before["usage"]) == ["a", "b", "c"]
    await rate(service, finance)  # the draft is dropped and made anew
    await finance.post(f"/v1/statements/{(await statements(finance, world))[1]['id']}/issue")
    assert (await rate(service, finance))["statements"] == 0
    assert await measured(finance) == [({}, "3", 2)]
    told = await finance.get("/v1/usage-events/by-id", params={"source": SOURCE, "id": "b"})
    chain = told.json()
    assert [(each["id"], each["kind"], each["counts"]) for each in chain["chain"]] == [
        ("b", "reading", False), ("r", "replaced", True),
    ]  # fmt: skip
    assert chain["chain"][1]["original"] == original("b")


@on_both_databases
async def test_corrections_may_come_first_and_form_chains(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    early = await report(service, instead(subscription, "r2", "r1", "3"), void(subscription, "v", "gone"))
    assert [item["note"] for item in early] == ["waits for its original"] * 2
    assert await measured(finance) == []
    (late,) = await report(service, instead(subscription, "r1", "o", "2"))
    assert late["note"] == "waits for its original"
    items = await report(service, usage(subscription, "o", "1"), usage(subscription, "gone", "50"))
    assert [item["note"] for item in items] == ["does not count: it is voided or replaced already"] * 2
    assert await measured(finance) == [({}, "3", 1)]
    (rival,) = await report(service, instead(subscription, "r0", "o", "9"))
    assert rival["note"].startswith("has no effect")
    assert await measured(finance) == [({}, "3", 1)]
    assert [item["outcome"] for item in await report(service, instead(subscription, "r1", "o", "2"))] == ["duplicate"]
    await report(service, void(subscription, "v2", "r2"))
    assert await measured(finance) == []


@on_both_databases
async def test_an_original_and_its_correction_at_the_same_time_do_not_miss_each_other(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    many = range(100)  # each request is a transaction of its own: they are too large to be put together
    halves: list[Any] = []
    for part in range(3):
        halves.append([usage(subscription, f"{part}-{n}", "1") for n in many] * 5)
        halves.append([void(subscription, f"v{part}-{n}", f"{part}-{n}") for n in many] * 5)
    await asyncio.gather(*(report(service, *half) for half in halves))
    assert await measured(finance) == []


async def test_any_order_and_any_batches_give_the_same_usage_and_a_replay_changes_nothing(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    choose = random.Random(20261124)
    wanted: list[tuple[Any, ...]] | None = None
    names = [f"{n:02}" for n in range(24)]
    plan = [(name, choose.choice(["plain", "void", "replace"]), choose.choice(names)) for name in names]
    for _ in range(6):
        subscription = await world.subscribed("2026-11-01")
        source = f"/m/{subscription}"
        events = []
        for number, (name, kind, of) in enumerate(plan):
            event = usage(subscription, name, f"{number}.25", source=source)
            if kind != "plain" and of != name:
                at = {"original": {"source": source, "id": of}}
                event |= (
                    {"type": "itaas.usage.voided.v1", "data": at}
                    if kind == "void"
                    else {"type": "itaas.usage.replaced.v1", "data": at | event["data"]}
                )
            events.append(event)
        sent = events + choose.sample(events, 8)
        choose.shuffle(sent)
        while sent:
            size = choose.randint(1, 9)
            await report(service, *sent[:size])
            sent = sent[size:]
        found = await measured(finance, subscription_id=str(subscription))
        replayed = await report(service, *events)
        assert {item["outcome"] for item in replayed} == {"duplicate"}
        assert found == await measured(finance, subscription_id=str(subscription))
        listed = (await finance.get(f"/v1/usage-events?subscription_id={subscription}&counts=true")).json()["items"]
        counted = [(found, sorted(event["id"] for event in listed))]
        wanted = wanted or counted
        assert counted == wanted


@on_both_databases
async def test_meters_are_data_and_aggregate_exactly(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    subscription = await world.subscribed("2026-11-01")
    of_type = {"event_type": "app.request"}
    first = await declared(finance, key="tokens", aggregation="sum", value_path="$.tokens", **of_type)
    same = await declared(finance, key="tokens", aggregation="sum", value_path="$.tokens", **of_type)
    assert (first["meter_version"], same["id"]) == (1, first["id"])
    group = {"group_by": {"region": "$.where['region']"}}
    second = await declared(finance, key="tokens", aggregation="sum", value_path="$.tokens", **of_type, **group)
    assert second["meter_version"] == 2
    await declared(finance, key="requests", aggregation="count", **of_type, **group)
    await declared(finance, key="users", aggregation="unique_count", value_path="$.user", **of_type)
    await declared(finance, key="peak", aggregation="max", value_path="$.tokens", **of_type)
    await declared(finance, key="level", aggregation="latest", value_path="$.tokens", **of_type, **group)
    for body, status, kind in (
        ({"key": "tokens", "aggregation": "max", "value_path": "$.x"}, 409, "aggregation-is-fixed"),
        ({"key": "a", "aggregation": "max", "event_type": "t"}, 422, "value-path-missing"),
        ({"key": "a", "aggregation": "sum", "value_path": "$..x"}, 422, "path-not-readable"),
        ({"key": "a", "aggregation": "sum", "group_by": {"x": "y"}}, 422, "path-not-readable"),
        ({"key": "a", "aggregation": "sum", "event_type": "itaas.usage.voided.v1"}, 422, "event-type-reserved"),
        ({"key": "a b", "aggregation": "sum"}, 422, "request-not-valid"),
        ({"key": "a", "aggregation": "mean"}, 422, "request-not-valid"),
    ):
        refused = await finance.post("/v1/meters", json={"name": "n", "unit": "u"} | body)
        assert (refused.status_code, refused.json()["type"]) == (status, f"urn:itaas:problem:{kind}"), body
    listed = (await finance.get("/v1/meters")).json()["items"]
    assert (listed[0]["key"], listed[0]["meter_version"]) == ("tokens", 2)
    assert len((await finance.get("/v1/meters?key=tokens")).json()["items"]) == 2
    assert (await finance.get("/v1/meters/tokens?version=1")).json()["group_by"] == {}
    assert (await finance.get("/v1/meters/tokens?version=9")).status_code == 404

    def request(event_id: str, day: str, tokens: object, user: object, region: str | None, hour: str = "10") -> Any:
        data = {"tokens": tokens, "user": user, "where": {"region": region}}
        event: dict[str, Any] = usage(subscription, event_id, day=day)
        return event | {"type": "app.request", "data": data, "time": f"{day}T{hour}:30:00Z"}

    items = await report(
        service,
        request("1", "2026-11-02", "100000000000000000.000000000000000001", "ann", "eu"),
        request("2", "2026-11-02", 0.5, "bob", "eu", hour="23"),
        request("3", "2026-11-03", 9, "ann", "us"),
        request("4", "2026-11-03", "10", 7, None, hour="09"),
        request("5", "2026-11-04", None, "ann", "eu"),
        request("6", "2026-11-04", "1", "bob", "eu"),
        void(subscription, "7", "6"),
    )
    assert [item.get("refusal", item["outcome"]) for item in items] == [
        *["accepted"] * 4, "value-missing", "accepted", "corrected",
    ]  # fmt: skip
    eu, us, none = {"region": "eu"}, {"region": "us"}, {"region": None}
    assert await measured(finance, "tokens") == [({}, "100000000000000019.500000000000000001", 4)]
    by_region = await measured(finance, "tokens", group_by="region")
    assert sorted(by_region, key=str) == sorted(
        [(eu, "100000000000000000.500000000000000001", 2), (us, "9", 1), (none, "10", 1)], key=str
    )
    assert await measured(finance, "requests", window="day") == [({}, "2", 2), ({}, "2", 2)]
    assert await measured(finance, "users") == [({}, "3", 4)]
    assert await measured(finance, "users", window="day") == [({}, "2", 2), ({}, "2", 2)]
    assert await measured(finance, "peak", window="day") == [
        ({}, "100000000000000000.000000000000000001", 2),
        ({}, "10", 2),
    ]
    assert await measured(finance, "level") == [({}, "9", 4)]
    assert await measured(finance, "level", window="hour") == [
        ({}, "100000000000000000.000000000000000001", 1), ({}, "0.5", 1), ({}, "10", 1), ({}, "9", 1),
    ]  # fmt: skip
    assert len(await measured(finance, "level", group_by="region")) == 3
    assert await measured(finance, "tokens", **{"to": "2026-11-02T20:00:00Z"}) == [
        ({}, "100000000000000000.000000000000000001", 1)
    ]
    whole = (await finance.get("/v1/meters/tokens/usage", params=NOVEMBER)).json()
    assert (whole["unit"], whole["aggregation"], whole["items"][0]["period"]) == ("each", "sum", "2026-11")
    assert whole["items"][0]["window_end"] == "2026-12-01T00:00:00Z"
    for params, status in (
        (NOVEMBER | {"group_by": "nope"}, 422),
        (NOVEMBER | {"window": "week"}, 422),
        ({"from": NOVEMBER["to"], "to": NOVEMBER["from"]}, 422),
        ({"from": "2026-11-01T00:00:00Z"}, 422),
        ({"from": "1990-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "window": "hour"}, 413),
    ):
        assert (await finance.get("/v1/meters/tokens/usage", params=params)).status_code == status, params
    event = (await finance.get("/v1/usage-events/by-id", params={"source": SOURCE, "id": "1"})).json()
    assert [reading["meter"] for reading in event["readings"]] == ["level", "peak", "requests", "tokens", "users"]
    assert event["readings"][3]["attributes"] == eu
    assert (await finance.get("/v1/usage-events/by-id", params={"source": SOURCE, "id": "x"})).status_code == 404


@on_both_databases
async def test_declared_meters_are_billed_as_they_aggregate(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    """The subscription's period is cut by a price change on the 16th: maxima and distinct counts are taken per part."""
    await declared(finance, key="seats", aggregation="unique_count", value_path="$.user")
    await declared(finance, key="peak-gb", aggregation="max")
    await declared(finance, key="calls", aggregation="count")

    def charges(price: str) -> list[dict[str, Any]]:
        shared = {"recurring": "usage", "model": "per_unit", "unit_price": price}
        return [shared | {"key": meter, "name": meter, "meter": meter} for meter in ("seats", "peak-gb", "calls")]

    await world.priced(finance, *charges("1"))
    await world.priced(finance, *charges("10"), since="2026-11-16")
    subscription = await world.subscribed("2026-11-01")
    events = [("02", "ann", "5"), ("03", "ann", "7"), ("15", "bob", "6"), ("16", "ann", "2"), ("30", "ann", "3.5")]
    for number, (day, user, peak) in enumerate(events):
        for meter, data in (("seats", {"user": user}), ("peak-gb", {"quantity": peak}), ("calls", {})):
            event = usage(subscription, f"{meter}-{number}", day=f"2026-11-{day}", data={"meter": meter} | data)
            assert (await report(service, event))[0]["outcome"] == "accepted"
    await rate(service, finance)
    (draft,) = await statements(finance, world)
    assert [(line["charge"], line["quantity"], line["amount"]) for line in draft["lines"]] == [
        ("seats", "2", "2.00"), ("peak-gb", "7", "7.00"), ("calls", "3", "3.00"),
        ("seats", "1", "10.00"), ("peak-gb", "3.5", "35.00"), ("calls", "2", "20.00"),
    ]  # fmt: skip
    await explained(finance, draft)


async def test_usage_is_seen_by_its_unit_alone_and_page_by_page(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    await report(service, *[usage(subscription, f"{n:03}", "1") for n in range(120)])
    async with service.client(roles=["consumer"], business_units=[world.unit]) as consumer:
        assert await measured(consumer) == [({}, "120", 120)]
        first = await consumer.get("/v1/usage-events?limit=50")
        ids = [event["id"] for event in first.json()["items"]]
        while (cursor := first.json()["next_cursor"]) is not None:
            assert 'rel="next"' in first.headers["link"]
            first = await consumer.get("/v1/usage-events", params={"limit": 50, "cursor": cursor})
            ids += [event["id"] for event in first.json()["items"]]
        assert ids == [f"{n:03}" for n in range(120)]
        assert (await consumer.get("/v1/usage-events?cursor=nonsense!")).status_code == 422
        assert (await consumer.get("/v1/usage-rejections")).status_code == 403
        assert (await consumer.post("/v1/meters", json={})).status_code == 403
    by_id = {"source": SOURCE, "id": "001"}
    async with service.client(roles=["consumer"], business_units=[uuid7()]) as stranger:
        assert await measured(stranger) == []
        assert (await stranger.get("/v1/usage-events")).json()["items"] == []
        assert (await stranger.get("/v1/usage-events/by-id", params=by_id)).status_code == 403
        params = NOVEMBER | {"business_unit_id": str(world.unit)}
        assert (await stranger.get("/v1/meters/vm-hours/usage", params=params)).status_code == 403
    for query, count in (
        (f"business_unit_id={world.unit}&meter=vm-hours&source={SOURCE}&limit=200", 120),
        ("meter=other", 0),
        ("from=2026-11-06T00:00:00Z", 0),
        ("to=2026-11-06T00:00:00Z&limit=200", 120),
        ("counts=false", 0),
    ):
        assert len((await finance.get(f"/v1/usage-events?{query}")).json()["items"]) == count, query


async def test_usage_of_a_closed_period_is_kept_and_says_so(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-01-01")
    closed = await finance.post("/v1/periods/2026-01/close")
    assert closed.status_code == 200, closed.text
    (item,) = await report(service, usage(subscription, "late", day="2026-01-20"))
    assert (item["outcome"], item["note"]) == (
        "accepted", "period 2026-01 is closed: it will be billed as an adjustment",
    )  # fmt: skip


async def test_the_calendar_of_usage_rows(service: ServiceHarness, finance: httpx.AsyncClient, world: World) -> None:
    """What the fast path writes is what the models read."""
    await world.priced(finance, PER_HOUR)
    subscription = await world.subscribed("2026-11-01")
    await report(
        service, usage(subscription, "1", "0.000000000000000000000001") | {"time": "2026-11-05T23:59:59.9+02:00"}
    )
    async with service.runtime.database.reading() as session:
        row = await session.get_one(UsageEvent, (SOURCE, "1", 0))
    assert (row.time, row.day.isoformat()) == (datetime(2026, 11, 5, 21, 59, 59, 900_000, tzinfo=UTC), "2026-11-05")
    assert (f"{row.quantity:f}", row.counts, row.withdrawn_arrival, row.attributes) == (
        "0.000000000000000000000001", True, None, None,
    )  # fmt: skip


@on_both_databases
async def test_half_a_character_or_nul_is_refused_by_name_and_keeps_no_neighbour_back(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    await world.priced(finance, PER_HOUR)
    subscription = str(await world.subscribed("2026-11-01"))
    await declared(finance, key="calls", event_type="call", aggregation="count", group_by={"region": "$.region"})
    half, known = "\ud800", {"id", "source", "outcome", "refusal", "pointer", "index", "reason"}
    good = usage(subscription, "good")
    faulty: list[tuple[Any, str]] = []
    for bad in (half, "a\0b", f"x{half}y"):
        faulty += [
            (good | {"id": bad}, "/id"),
            (good | {"source": bad}, "/source"),
            (good | {"type": bad}, "/type"),
            (good | {"subject": bad}, "/subject"),
            (good | {"subject": subscription[: -len(bad)] + bad}, "/subject"),
            (good | {"time": bad}, "/time"),
            (good | {"data": {"meter": bad, "quantity": "1"}}, "/data/meter"),
            (good | {"data": {"meter": "vm-hours", "quantity": bad}}, "/data/quantity"),
            (good | {"data": {"meter": "vm-hours", "quantity": "1", bad: 1}}, "/data"),
            (void(subscription, "v", bad), "/data/original/id"),
        ]
    async with service.client(roles=["integration"]) as meter:
        for number, (event, pointer) in enumerate(faulty):
            for headers, content in (
                (ONE, json.dumps(event)),
                (BATCH, json.dumps([good | {"id": f"b{number}"}, event])),
                (LINES, "\n".join(map(json.dumps, [good | {"id": f"l{number}"}, event]))),
                (ONE | {"Idempotency-Key": f"k{number}"}, json.dumps(event)),
            ):
                answer = await meter.post("/v1/usage", content=content, headers=headers)
                assert answer.status_code == 200, (event, answer.text)
                *kept, refused = answer.json()["items"]
                assert [item["outcome"] for item in kept] == ["accepted"] * len(kept)
                assert (refused["outcome"], refused["pointer"]) == ("rejected", pointer), (event, refused)
                assert set(refused) == known
                json.dumps(answer.json(), ensure_ascii=False).encode()  # text that every reader can take
        call = good | {"id": "call", "type": "call", "data": {"region": half}}
        assert (await meter.post("/v1/usage", content=json.dumps(call), headers=ONE)).json()["accepted"] == 1
        binary = {"content-type": "application/json", "ce-specversion": "1.0", "ce-source": SOURCE}
        binary |= {"ce-type": "itaas.usage.v1", "ce-time": good["time"], "ce-subject": subscription}
        body = b'{"meter": "vm-hours", "quantity": "1"}'
        for bad in ("%ED%A0%80", "%00", "%FF"):
            answer = await meter.post("/v1/usage", content=body, headers=binary | {"ce-id": bad})
            assert (answer.status_code, answer.json()["rejected"]) == (200, 1), bad
            assert answer.json()["items"][0]["pointer"] == "/id"
        read = await finance.get("/v1/usage-events/by-id", params={"source": SOURCE, "id": "call"})
        assert [each["attributes"] for each in read.json()["readings"]] == [None]
    assert await measured(finance) == [({}, str(2 * len(faulty)), 2 * len(faulty))]
