"""Usage events: what is taken of one, and the name of every rejection."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.meters import Aggregation, Meter, path
from pricing_service.domain.usage import (
    Kind,
    Reading,
    Ref,
    Rules,
    Subscription,
    Taken,
    UsageRejected,
    take,
)
from pricing_service.use_cases.metering.lane import Lane
from pricing_service.use_cases.metering.regular import RegularEvent, of_array

D = Decimal
SUBJECT = "01890000-0000-7000-8000-000000000001"
ENDED = "01890000-0000-7000-8000-000000000002"
GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/meters/esx",
    "type": "itaas.usage.v1",
    "time": "2026-11-05T10:00:00+01:00",
    "subject": SUBJECT,
    "data": {"meter": "vm-hours", "quantity": "12.5"},
}
PRICED = frozenset({"vm-hours", "m"})
GB = Meter("gb", 3, "itaas.usage.v1", Aggregation.MAX, path("$.quantity"), {"region": path("$.where.region")})
NET = Meter("net", 1, "itaas.usage.v1", Aggregation.SUM, path("$.delta"), allows_negative=True)
REQUESTS = Meter("requests", 1, "app.request", Aggregation.COUNT, None, {"code": path("$.code")})
TOKENS = Meter("tokens", 2, "app.request", Aggregation.SUM, path("$.tokens"))
USERS = Meter("users", 1, "app.request", Aggregation.UNIQUE_COUNT, path("$.user"))
RULES = Rules(
    oldest=datetime(2025, 11, 1, tzinfo=UTC),
    newest=datetime(2026, 11, 30, 12, 5, tzinfo=UTC),
    subscriptions={
        SUBJECT: Subscription(UUID(SUBJECT), date(2025, 1, 1), None, PRICED),
        ENDED: Subscription(UUID(ENDED), date(2026, 11, 3), datetime(2026, 11, 20, 9, tzinfo=UTC), PRICED),
    },
    meters={each.key: each for each in (GB, NET, REQUESTS, TOKENS, USERS)},
    by_type={"app.request": [REQUESTS, TOKENS, USERS]},
)
ORIGINAL = {"source": "/meters/esx", "id": "e-0"}


def taken(**change: Any) -> Taken:
    return take({**GOOD, **change}, RULES)


def test_a_good_event() -> None:
    result = taken()
    assert (result.ref, result.kind, result.original) == (Ref("/meters/esx", "e-1"), Kind.READING, None)
    assert (result.time, result.day) == (datetime(2026, 11, 5, 9, tzinfo=UTC), date(2026, 11, 5))
    assert (result.subscription_id, result.readings) == (UUID(SUBJECT), (Reading("vm-hours", 0, D("12.5")),))


def test_the_day_is_that_of_the_billing_time_zone() -> None:
    rules = Rules(RULES.oldest, RULES.newest, RULES.subscriptions, zone=ZoneInfo("Australia/Sydney"))
    assert take({**GOOD, "time": "2026-11-05T14:00:00Z"}, rules).day == date(2026, 11, 6)


@pytest.mark.parametrize("quantity", ["12.5", D("12.5"), 0, "0", "1.5E-7", D("0.1000000000000000055")])
def test_quantities_are_exact(quantity: object) -> None:
    assert taken(data={"meter": "m", "quantity": quantity}).readings[0].quantity == D(str(quantity))


def test_declared_meters_read_by_path() -> None:
    (reading,) = taken(data={"meter": "gb", "quantity": 7, "where": {"region": "eu"}, "more": [1]}).readings
    assert reading == Reading("gb", 3, D(7), None, (("region", "eu"),))
    assert taken(data={"meter": "gb", "quantity": "7"}).readings[0].attributes is None
    assert taken(data={"meter": "net", "delta": "-2.5"}).readings[0].quantity == D("-2.5")
    request = taken(type="app.request", data={"code": 200, "tokens": "12", "user": "ann"}).readings
    assert request == (
        Reading("requests", 1, D(1), None, (("code", "200"),)),
        Reading("tokens", 2, D(12)),
        Reading("users", 1, D(1), "ann"),
    )


def test_corrections_name_their_original() -> None:
    void = taken(type="itaas.usage.voided.v1", data={"original": ORIGINAL}, time="2020-01-01T00:00:00Z")
    assert (void.kind, void.original, void.readings) == (Kind.VOIDED, Ref("/meters/esx", "e-0"), ())
    instead = taken(type="itaas.usage.replaced.v1", data={"original": ORIGINAL, "meter": "m", "quantity": "1"})
    assert (instead.kind, instead.readings) == (Kind.REPLACED, (Reading("m", 0, D(1)),))
    inner = {"type": "app.request", "data": {"tokens": 1, "user": 5}}
    assert len(taken(type="itaas.usage.replaced.v1", data={"original": ORIGINAL, **inner}).readings) == 3


@pytest.mark.parametrize(
    ("change", "name", "pointer", "reason"),
    [
        ({"specversion": "0.3"}, "EventNotReadable", "/specversion", "specversion must be 1.0"),
        ({"type": "other"}, "EventNotReadable", "/type", "type must be itaas.usage.v1"),
        ({"id": ""}, "EventNotReadable", "/id", "id must be a text"),
        ({"id": 5}, "EventNotReadable", "/id", "id must be a text"),
        ({"id": "a\0"}, "EventNotReadable", "/id", "id must be a text"),
        ({"id": "\ud800"}, "EventNotReadable", "/id", "id must be a text"),
        ({"source": "x" * 300}, "EventNotReadable", "/source", "source must be a text"),
        ({"time": "2026-11-05T10:00:00"}, "EventNotReadable", "/time", "time must be an RFC 3339 instant with a zone"),
        ({"time": "2026-11-31T10:00:00Z"}, "EventNotReadable", "/time", "time must be an RFC 3339"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "EventNotReadable", "/time", "time must be an RFC 3339"),
        ({"time": None}, "EventNotReadable", "/time", "time must be an RFC 3339 instant with a zone"),
        ({"time": "2025-10-31T23:59:59Z"}, "UsageTooLate", "/time", "the usage comes too late"),
        ({"time": "2026-11-30T12:05:01Z"}, "UsageInFuture", "/time", "time lies in the future"),
        ({"subject": "server-7"}, "EventNotReadable", "/subject", "subject must be the id of a subscription"),
        ({"subject": None}, "EventNotReadable", "/subject", "subject must be the id of a subscription"),
        ({"subject": "x" * 36}, "EventNotReadable", "/subject", "subject must be the id of a subscription"),
        ({"subject": SUBJECT[:-1] + "9"}, "SubscriptionUnknown", "/subject", "subscription 0189"),
        ({"subject": ENDED, "time": "2026-11-02T23:59:59Z"}, "OutsideSubscription", "/time", "time lies before"),
        ({"subject": ENDED, "time": "2026-11-20T09:00:01Z"}, "OutsideSubscription", "/time", "time lies after"),
        ({"data": None}, "EventNotReadable", "/data", "data must be an object with meter and quantity"),
        ({"data": {"meter": "m", "quantity": "-1"}}, "NegativeUsage", "/data/quantity", "data/quantity must not be"),
        ({"data": {"meter": "m", "quantity": True}}, "QuantityUnreadable", "/data/quantity", "data/quantity must be"),
        ({"data": {"meter": "m", "quantity": 1.5}}, "QuantityUnreadable", "/data/quantity", "data/quantity must be"),
        ({"data": {"meter": "m", "quantity": "1,000"}}, "QuantityUnreadable", "/data/quantity", "data/quantity: '1,0"),
        ({"data": {"meter": "m", "quantity": "NaN"}}, "QuantityUnreadable", "/data/quantity", "data/quantity: 'NaN'"),
        ({"data": {"quantity": "1"}}, "EventNotReadable", "/data/meter", "data/meter must be a text"),
        ({"data": {"meter": "x", "quantity": "1"}}, "MeterUnknown", "/data/meter", "meter 'x' has no price"),
        ({"data": {"meter": "tokens", "tokens": 1}}, "MeterUnknown", "/data/meter", "meter 'tokens' reads events"),
        ({"data": {"meter": "m", "quantity": "1", "unit": "h"}}, "EventNotReadable", "/data", "data/unit is not known"),
        ({"data": {"meter": "gb"}}, "ValueMissing", "/data/quantity", "data/quantity, which meter 'gb' reads"),
        ({"data": {"meter": "gb", "quantity": "-1"}}, "NegativeUsage", "/data/quantity", "data/quantity must not be"),
        (
            {"type": "app.request", "data": {"tokens": 1, "user": {}}},
            "EventNotReadable",
            "/data/user",
            "data/user must",
        ),
        ({"type": "app.request", "data": []}, "EventNotReadable", "/data", "data must be an object"),
        ({"type": "itaas.usage.voided.v1", "data": {}}, "CorrectionNotReadable", "/data/original", "data/original"),
        (
            {"type": "itaas.usage.voided.v1", "data": {"original": ORIGINAL, "quantity": "1"}},
            "EventNotReadable",
            "/data",
            "data/quantity is not known",
        ),
        (
            {"type": "itaas.usage.voided.v1", "data": {"original": {"source": "/meters/esx", "id": "e-1"}}},
            "CorrectionNotReadable",
            "/data/original",
            "the event names itself",
        ),
        (
            {"type": "itaas.usage.replaced.v1", "data": {"original": ORIGINAL, "type": "no", "data": {}}},
            "EventNotReadable",
            "/data/type",
            "data/type must be",
        ),
    ],
)
def test_rejections_name_the_fault_and_the_attribute(
    change: dict[str, Any], name: str, pointer: str, reason: str
) -> None:
    with pytest.raises(UsageRejected) as caught:
        taken(**change)
    assert (type(caught.value).__name__, caught.value.pointer) == (name, pointer)
    assert caught.value.detail.startswith(reason)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "meter", "original"]), inner),
    max_leaves=8,
)


@given(_json, st.dictionaries(st.sampled_from(list(GOOD)), _json, max_size=3))
def test_whatever_comes_is_taken_or_rejected(event: object, change: dict[str, object]) -> None:
    for one in (event, {**GOOD, **change}):
        try:
            take(one, RULES)
        except UsageRejected as refused:
            assert refused.detail


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "specversion": st.sampled_from(["1.0", "0.3", None]),
            "type": st.sampled_from(["itaas.usage.v1", "app.request", 5]),
            "id": st.sampled_from(["a", "", "é", "x" * 257, "\0", "a\tb", "\\N", None]),
            "time": st.sampled_from(
                [
                    *("2026-11-05T10:00:00Z", "2026-11-05T10:00:00.123456789Z", "2026-11-05t10:00:00z"),
                    *("2026-02-30T10:00:00Z", "2025-01-01T00:00:00Z", "2026-12-01T00:00:00Z"),
                    *("2026-11-20T10:00:00Z", "2026-11-05T10:00:00-05:00"),
                ]
            ),
            "subject": st.sampled_from([SUBJECT, ENDED, "no", [], None]),
            "data": st.fixed_dictionaries(
                {},
                optional={
                    "meter": st.sampled_from(["m", "vm-hours", "gb", "x", [], None]),
                    "quantity": st.sampled_from(["1", "12.50", "-1", "1e3", "9" * 14, 3, D("0.1"), True, None]),
                    "more": st.just(1),
                },
            ),
        },
    ),
    st.sampled_from([RULES, Rules(RULES.oldest, RULES.newest, RULES.subscriptions, zone=ZoneInfo("Asia/Tokyo"))]),
)
def test_the_lane_says_what_the_long_way_says(change: dict[str, Any], rules: Rules) -> None:
    event = {**GOOD, **{"time": "2026-11-05T10:00:00Z"}, **change}
    regular = Lane(rules).line(event)
    if regular is not None:
        result = take(event, rules)
        (reading,) = result.readings
        source, id_, position, time, day, subject, *rest = regular[1].split("\t")
        meter, version, quantity, value, attributes, counts = rest
        assert regular[0] == result.ref == (source, id_)
        assert (datetime.fromisoformat(time), day, subject) == (
            result.time,
            str(result.day),
            str(result.subscription_id),
        )
        assert (meter, int(version), D(quantity)) == reading[:3]
        assert (position, value, attributes, counts, result.kind) == ("0", "\\N", "\\N", "t", Kind.READING)
    typed = of_array(json.dumps([{**event, "id": "other"}, event], default=float).encode())
    lines = None if typed is None else Lane(rules).lines(typed, named(typed))
    if lines is not None:
        assert regular is not None and (lines[0][1], lines[1]) == (regular[1], take(event, rules).day)


def named(events: Sequence[RegularEvent]) -> list[tuple[str, str]]:
    return [(event.subject, event.data.meter) for event in events]


def test_a_column_is_regular_as_its_values_are() -> None:
    def lines(**change: str) -> tuple[list[str], date] | None:
        event = {**GOOD, "time": "2026-11-05T10:00:00Z", **change}
        typed = of_array(json.dumps([{**event, "id": f"{event['id']}-{n}"} for n in range(3)]).encode())
        return None if typed is None else Lane(RULES).lines(typed, named(typed))

    assert lines() is not None
    for change in (
        {"id": 'a"b'},
        {"id": "a\\b"},
        {"id": "a\nb"},
        {"id": "é"},
        {"source": "a\nb"},
        {"time": "2026-02-30T10:00:00Z"},
        {"time": "2026-11-05T10:00:00Z\n2026-11-05T10:00:00Z"},
        {"time": "2025-01-01T00:00:00Z"},
        {"time": "2026-12-01T00:00:00Z"},
        {"subject": ENDED},
        {"type": "app.request"},
    ):
        assert lines(**change) is None, change
    twice = of_array(json.dumps([{**GOOD, "time": "2026-11-05T10:00:00Z"}] * 2).encode())
    assert twice is not None and Lane(RULES).lines(twice, named(twice)) is None
