"""Allocation: the worked cases, textbook figures, what stays unallocated, and that everything adds up."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.allocation import (
    Allocation,
    CircularModel,
    Driver,
    DuplicateName,
    Method,
    NegativeWeight,
    Pool,
    UnknownReceiver,
    allocate,
)
from services.money import exact_total

D = Decimal


def drivers(table: Mapping[str, Mapping[str, int | str]]) -> dict[str, Driver]:
    return {pool: Driver({receiver: D(w) for receiver, w in row.items()}) for pool, row in table.items()}


def test_direct_worked_case() -> None:
    result = allocate(
        Method.DIRECT,
        [Pool("S1", D(80000000)), Pool("S2", D(60000000))],
        ["A", "B"],
        drivers({"S1": {"A": 3000, "B": 2000}, "S2": {"A": 1000, "B": 2000}}),
        places=2,
    )
    assert result.shares == {"S1": {"A": 48_000_000, "B": 32_000_000}, "S2": {"A": 20_000_000, "B": 40_000_000}}
    assert (result.of("A"), result.of("B"), result.total) == (D(68_000_000), D(72_000_000), D(140_000_000))
    assert result.unallocated == ()


# Two support departments that serve each other: 6,300,000 at 20/30/50 %, 1,452,150 at 10/80/10 %.
SUPPORT_POOLS = [Pool("maintenance", D(6300000)), Pool("systems", D(1452150))]
SUPPORT = {
    "maintenance": {"systems": 1600, "machining": 2400, "assembly": 4000},
    "systems": {"maintenance": 200, "machining": 1600, "assembly": 200},
}


def shared_out(method: Method) -> Allocation:
    return allocate(
        method,
        SUPPORT_POOLS,
        ["machining", "assembly"],
        drivers(SUPPORT),
        places=2,
        order=["maintenance", "systems"] if method is Method.STEP_DOWN else [],
    )


def test_direct_step_down_and_reciprocal_of_one_case() -> None:
    direct = shared_out(Method.DIRECT)
    assert (direct.of("machining"), direct.of("assembly")) == (D("3653300.00"), D("4098850.00"))
    down = shared_out(Method.STEP_DOWN)
    # maintenance gives 20 % = 1,260,000 to systems, which then gives 2,712,150 in 8:1
    assert down.gross["systems"] == 2_712_150
    assert (down.of("machining"), down.of("assembly")) == (D("4300800.00"), D("3451350.00"))
    both = shared_out(Method.RECIPROCAL)
    # x = 6,300,000 + 0.1 y; y = 1,452,150 + 0.2 x
    assert both.gross["maintenance"] == Fraction(6300000 * 10 + 1452150, 10) / Fraction(98, 100)
    assert both.gross["systems"] == 1452150 + both.gross["maintenance"] / 5
    exact = both.gross["maintenance"] * Fraction(3, 10) + both.gross["systems"] * Fraction(8, 10)
    assert abs(Fraction(both.of("machining")) - exact) <= Fraction(2, 100)
    assert direct.total == down.total == both.total == D(7752150)


def test_step_down_without_an_order_derives_one_or_names_the_circle() -> None:
    table: dict[str, dict[str, int | str]] = {"b": {"svc": 1}, "a": {"b": 1, "svc": 1}}
    result = allocate(Method.STEP_DOWN, [Pool("b", D(10)), Pool("a", D(4))], ["svc"], drivers(table), places=2)
    assert result.gross["b"] == 12
    assert result.of("svc") == 14
    with pytest.raises(CircularModel, match="maintenance → systems → maintenance"):
        allocate(Method.STEP_DOWN, SUPPORT_POOLS, ["machining", "assembly"], drivers(SUPPORT), places=2)


@pytest.mark.parametrize("method", list(Method))
def test_a_driver_that_sums_to_zero_leaves_its_pool_visibly_unallocated(method: Method) -> None:
    result = allocate(
        method,
        [Pool("idle", D("10.01")), Pool("live", D(5)), Pool("forgotten", D(1)), Pool("told", D(2))],
        ["A"],
        {"idle": Driver({"A": D(0)}), "live": Driver({"A": D(1)}), "told": Driver(missing="no volumes for 2026-10")},
        places=2,
    )
    assert result.of("A") == 5
    assert [(part.pool, part.amount, part.reason) for part in result.unallocated] == [
        ("idle", D("10.01"), "its driver sums to zero"),
        ("forgotten", D(1), "no driver is given for this pool"),
        ("told", D(2), "no volumes for 2026-10"),
    ]
    assert result.total == D("18.01")


def test_what_is_passed_to_a_pool_without_a_driver_stays_there() -> None:
    table: dict[str, dict[str, int | str]] = {"a": {"b": 1, "svc": 3}, "b": {"svc": 0}}
    result = allocate(Method.RECIPROCAL, [Pool("a", D(100)), Pool("b", D(7))], ["svc"], drivers(table), places=2)
    assert result.of("svc") == 75
    assert [(part.pool, part.stuck_in, part.amount) for part in result.unallocated] == [
        ("a", "b", D(25)),
        ("b", "b", D(7)),
    ]


def test_pools_that_only_feed_each_other_do_not_circle_for_ever() -> None:
    table: dict[str, dict[str, int | str]] = {"a": {"b": 1}, "b": {"a": 1}, "c": {"c": 1, "svc": 1}, "d": {"d": 1}}
    pools = [Pool(name, D(10)) for name in "abcd"]
    result = allocate(Method.RECIPROCAL, pools, ["svc"], drivers(table), places=2)
    assert result.of("svc") == 10
    assert {part.pool for part in result.unallocated} == {"a", "b", "d"}
    assert all("feed each other" in part.reason for part in result.unallocated)


def test_direct_ignores_what_pools_give_each_other() -> None:
    table: dict[str, dict[str, int | str]] = {"a": {"b": 5}, "b": {"svc": 1}}
    result = allocate(Method.DIRECT, [Pool("a", D(10)), Pool("b", D(4))], ["svc"], drivers(table), places=2)
    assert result.unallocated[0].reason == "its driver has no weight for a service"


def test_wrong_models_are_refused_by_name() -> None:
    pools = [Pool("a", D(1))]
    with pytest.raises(UnknownReceiver) as caught:
        allocate(Method.DIRECT, pools, ["svc"], drivers({"a": {"typo": 1}}), places=2)
    assert caught.value.faults[0].pointer == "/drivers/a/typo"
    with pytest.raises(NegativeWeight):
        allocate(Method.DIRECT, pools, ["svc"], drivers({"a": {"svc": -1}}), places=2)
    with pytest.raises(DuplicateName):
        allocate(Method.DIRECT, pools, ["a"], {}, places=2)
    with pytest.raises(DuplicateName):
        allocate(Method.DIRECT, [*pools, *pools], ["svc"], {}, places=2)


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=11)
weights = st.decimals(min_value=0, max_value=10**6, places=3)


@given(st.data(), st.sampled_from(Method), st.integers(1, 5), st.integers(1, 5), st.integers(0, 4))
def test_every_pool_adds_up_to_the_last_unit(data: st.DataObject, method: Method, n: int, k: int, places: int) -> None:
    names, services = [f"p{i}" for i in range(n)], [f"s{i}" for i in range(k)]
    receivers = names + services
    table = {name: Driver(data.draw(st.dictionaries(st.sampled_from(receivers), weights))) for name in names}
    pools = [Pool(name, data.draw(amounts)) for name in names]
    result = allocate(method, pools, services, table, places=places, order=names)
    for pool in pools:
        stuck = [part.amount for part in result.unallocated if part.pool == pool.name]
        assert exact_total([*result.shares[pool.name].values(), *stuck]) == pool.amount
    assert result.total == exact_total([pool.amount for pool in pools])


@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_reciprocal_solves_the_simultaneous_equations(data: st.DataObject, n: int, k: int) -> None:
    """Held against the equations themselves: what is passed on from the gross cost of each pool reaches services."""
    names, services = [f"p{i}" for i in range(n)], [f"s{i}" for i in range(k)]
    rows = {
        name: {r: D(data.draw(st.integers(0, 9))) for r in names}
        | {r: D(data.draw(st.integers(1, 9))) for r in services}
        for name in names
    }
    pools = [Pool(name, D(data.draw(st.integers(0, 10**6)))) for name in names]
    result = allocate(Method.RECIPROCAL, pools, services, {n: Driver(r) for n, r in rows.items()}, places=6)
    share = {p: {r: Fraction(w) / Fraction(sum(row.values())) for r, w in row.items()} for p, row in rows.items()}
    for pool in pools:
        received = sum((result.gross[giver] * share[giver][pool.name] for giver in names), Fraction(0))
        assert result.gross[pool.name] == Fraction(pool.amount) + received
    for service in services:
        due = sum((result.gross[giver] * share[giver][service] for giver in names), Fraction(0))
        assert abs(Fraction(result.of(service)) - due) <= Fraction(n, 10**6)
