"""Volumes of a period, unit costs and the hash of a run's inputs."""

from datetime import UTC, datetime
from decimal import Decimal

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.costing import (
    Subscribed,
    input_hash,
    subscribed_by_unit,
    subscribed_volumes,
    unit_cost,
)

D = Decimal


def test_unit_cost_has_ten_decimals() -> None:
    assert unit_cost(D("100"), D("3")) == D("33.3333333333")
    assert unit_cost(D("0.00000000005"), D("1")) == D("0.0000000000")  # half-even
    assert unit_cost(D("0.00000000015"), D("1")) == D("0.0000000002")
    assert unit_cost(D("5"), D("0")) is None
    assert unit_cost(D("5"), None) is None


def test_volumes_from_subscriptions_are_weighted_by_active_days() -> None:
    november = FiscalCalendar().parse("2026-11")
    day = datetime(2026, 11, 21, tzinfo=UTC)
    volumes = subscribed_volumes(
        november,
        [
            Subscribed("a", D(4), november.start, None),
            Subscribed("a", D(1), day, None),
            Subscribed("b", D(9), november.end, None),
        ],
    )
    assert volumes == {"a": D("4.3333333333")}
    held = [Subscribed("a", D(4), november.start, None, "x"), Subscribed("a", D(1), day, None, "y")]
    assert subscribed_by_unit(november, held) == {"a": {"x": D(4), "y": D("0.3333333333")}}


def test_same_inputs_same_hash() -> None:
    one = input_hash({"period": "2026-10", "volumes": {"b": D("1.50"), "a": D(1)}})
    assert one == input_hash({"volumes": {"a": D("1.0"), "b": D("1.5")}, "period": "2026-10"})
    assert one != input_hash({"period": "2026-10", "volumes": {"a": D(1), "b": D("1.51")}})
