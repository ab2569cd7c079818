"""Planned rate, idle capacity and variances: identities that hold to the last digit."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_service.domain.planned_rate import NoCapacity, Planned, phased, planned_rate, variance
from services.money import exact_total

D = Decimal


def test_a_worked_case() -> None:
    """48,000 for a capacity of 4,000: 12 each. 3,000 planned; 2,500 used, which cost 35,000."""
    plan = Planned.of(D(48_000), D(3_000), D(4_000))
    assert plan.rate == D("12.0000000000")
    found = variance(plan, D(35_000), D(2_500))
    assert found.actual_rate == D("14.0000000000")
    assert (found.rate, found.volume, found.total) == (D(5_000), D(-6_000), D(-1_000))  # (14 − 12) × 2500; −500 × 12
    assert (found.absorbed, found.idle_volume, found.idle_cost) == (D(30_000), D(1_500), D(18_000))
    assert (found.planned_idle_cost, found.rounding) == (D(12_000), D(0))


def test_falling_demand_does_not_push_the_planned_rate_up() -> None:
    assert {Planned.of(D(100), D(volume), D(7)).rate for volume in (0, 1, 7, 9)} == {D("14.2857142857")}
    unused = variance(Planned.of(D(100), D(5), D(7)), D(100), D(0))
    assert (unused.actual_rate, unused.idle_volume, unused.rate) == (None, D(7), D(100))
    with pytest.raises(NoCapacity):
        planned_rate(D(1), D(0))


costs = st.decimals(min_value=0, max_value=10**12, places=12)
signed = st.decimals(min_value=-(10**12), max_value=10**12, places=12)
volumes = st.decimals(min_value=0, max_value=10**9, places=10)
capacities = st.decimals(min_value="0.001", max_value=10**9, places=10)


@settings(max_examples=150)
@given(costs, volumes, capacities, signed, volumes)
def test_the_variances_add_up_exactly(
    planned_cost: Decimal, planned_volume: Decimal, capacity: Decimal, actual_cost: Decimal, actual_volume: Decimal
) -> None:
    """rate + volume = actual cost − planned rate × planned volume; absorbed + idle + rounding = planned cost."""
    plan = Planned.of(planned_cost, planned_volume, capacity)
    found = variance(plan, actual_cost, actual_volume)
    standard = exact_total([planned_cost, found.rounding.copy_negate(), found.planned_idle_cost.copy_negate()])
    assert exact_total([found.rate, found.volume]) == found.total
    assert found.total == exact_total([actual_cost, standard.copy_negate()])
    assert exact_total([found.absorbed, found.idle_cost, found.rounding]) == planned_cost


@settings(max_examples=60)
@given(costs, volumes, capacities)
def test_a_years_plan_is_phased_to_the_last_unit(cost: Decimal, volume: Decimal, capacity: Decimal) -> None:
    periods = phased(cost, volume, capacity)
    assert len(periods) == 12
    assert exact_total([period.cost for period in periods]) == cost
    assert exact_total([period.volume for period in periods]) == volume
    assert exact_total([period.capacity for period in periods]) == capacity
    assert {period.rate for period in periods} == {planned_rate(cost, capacity)}
