"""Usage events: what makes a reading, and the reason for every rejection."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from pricing_service.domain.usage import UsageRejected, reading

D = Decimal

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/meters/esx",
    "type": "itaas.usage.v1",
    "time": "2026-11-05T10:00:00+01:00",
    "subject": "01890000-0000-7000-8000-000000000001",
    "data": {"meter": "vm-hours", "quantity": "12.5"},
}


def test_a_good_event() -> None:
    result = reading(GOOD)
    assert (result.id, result.source, result.meter, result.quantity) == ("e-1", "/meters/esx", "vm-hours", D("12.5"))
    assert result.time == datetime(2026, 11, 5, 9, tzinfo=UTC)
    assert result.subscription_id == UUID(GOOD["subject"])


@pytest.mark.parametrize("quantity", ["12.5", D("12.5"), 0, "0", "1.5E-7"])
def test_quantities_are_exact(quantity: object) -> None:
    assert reading({**GOOD, "data": {"meter": "m", "quantity": quantity}}).quantity == D(str(quantity))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, "specversion must be 1.0"),
        ({"type": "other"}, "type must be itaas.usage.v1"),
        ({"id": ""}, "id must be a text"),
        ({"id": 5}, "id must be a text"),
        ({"source": "x" * 300}, "source must be a text"),
        ({"time": "2026-11-05T10:00:00"}, "time must be an RFC 3339 instant with a zone"),
        ({"time": "2026-11-31T10:00:00Z"}, "time must be an RFC 3339 instant with a zone"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "time must be an RFC 3339 instant with a zone"),
        ({"time": None}, "time must be an RFC 3339 instant with a zone"),
        ({"subject": "server-7"}, "subject must be the id of a subscription"),
        ({"subject": None}, "subject must be the id of a subscription"),
        ({"data": None}, "data must be an object with meter and quantity"),
        ({"data": {"meter": "m", "quantity": "-1"}}, "data/quantity must not be negative"),
        ({"data": {"meter": "m", "quantity": True}}, "data/quantity must be a decimal string"),
        ({"data": {"meter": "m", "quantity": "1,000"}}, "data/quantity: '1,000' carries a separator"),
        ({"data": {"meter": "m", "quantity": "NaN"}}, "data/quantity: 'NaN' is not a number"),
        ({"data": {"quantity": "1"}}, "data/meter must be a text"),
        ({"data": {"meter": "m", "quantity": "1", "unit": "h"}}, "data/unit is not known"),
    ],
)
def test_rejections_name_the_attribute(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageRejected) as caught:
        reading({**GOOD, **change})
    assert caught.value.detail.startswith(reason)


@pytest.mark.parametrize("event", [None, 5, [], "text"])
def test_something_else_than_an_object(event: object) -> None:
    with pytest.raises(UsageRejected):
        reading(event)
