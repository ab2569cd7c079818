"""Allocation in steps: pools, towers, services, units; drivers and fallbacks; everything adds up at every step."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_service.domain.allocation import (
    Attribution,
    Basis,
    CircularModel,
    DriverDoesNotFit,
    DriverKind,
    DriverRule,
    DuplicateName,
    Layout,
    Measures,
    Method,
    Node,
    StepBackwards,
    UnknownPool,
    UnknownReceiver,
    base_of,
    by_service,
    check,
    share_among_units,
    share_out,
)
from services.errors import Refusal
from services.money import exact_total

D = Decimal
FIXED, EVEN, WAITS = DriverRule(DriverKind.FIXED), DriverRule(DriverKind.EVEN), DriverRule(DriverKind.COST_WEIGHTED)
USAGE = DriverRule(DriverKind.USAGE, meter="vm-hours")
A, B, C = "service:a", "service:b", "service:c"
KNOWN = frozenset({A, B, C})


def node(key: str, driver: DriverRule = FIXED, fallback: DriverRule | None = None, **weights: int) -> Node:
    """`a=3, tower_t=1`: who receives."""
    named = {(k.replace("_", ":") if "_" in k else f"service:{k}"): D(w) for k, w in weights.items()}
    return Node(key, driver, named or None, fallback, by_rules=key.startswith("pool:"))


def anything(key: str) -> bool:
    return True


def test_pools_feed_towers_feed_services_and_each_pool_can_be_followed() -> None:
    pools = [node("pool:rack", tower_compute=3, tower_storage=1), node("pool:licence", a=1)]
    towers = [
        node("tower:compute", USAGE, EVEN, a=0, b=0),
        node("tower:storage", USAGE, EVEN, b=0, c=0),
    ]
    measures = Measures(KNOWN, usage={"vm-hours": {A: D(30), B: D(10)}})
    result = share_out(
        Method.DIRECT,
        [pools, towers],
        {"pool:rack": D("100.01"), "pool:licence": D(7)},
        measures,
        places=2,
    )
    shares = by_service(result, ["rack", "licence"])
    # 75.01 to compute (remainder), 25.00 to storage; compute 30:10 by usage, storage by the one usage that it knows
    assert shares == {"rack": {A: D("56.26"), B: D("43.75")}, "licence": {A: D(7)}}
    assert [(given.key, given.received, given.left) for given in result.nodes] == [
        ("pool:rack", D(0), D(0)),
        ("pool:licence", D(0), D(0)),
        ("tower:compute", D("75.01"), D(0)),
        ("tower:storage", D("25.00"), D(0)),
    ]
    assert result.of(A) == D("63.26")
    assert {(flow.pool, flow.attribution) for flow in result.flows if flow.receiver == A} == {
        ("rack", Attribution.DRIVER),
        ("licence", Attribution.RULE),
    }


def test_each_driver_and_its_fallback() -> None:
    measures = Measures(
        frozenset({A, B}),
        volumes={A: D(5)},
        usage={"vm-hours": {A: D(0), B: D(0)}, "": {B: D(2)}, "io": {A: D(-1), B: D(3)}},
        headcounts={A: D(40), B: D(60)},
        statistics={"floor": {A: D(9), "tower:t": D(1)}},
    )
    for rule, weights in (
        (DriverRule(DriverKind.VOLUME), {A: 5}),
        (DriverRule(DriverKind.USAGE), {B: 2}),
        (DriverRule(DriverKind.HEADCOUNT), {A: 40, B: 60}),
        (DriverRule(DriverKind.STATISTIC, statistic="floor"), {A: 9}),
        (WAITS, {A: 1}),
        (EVEN, {A: 1, B: 1}),
    ):
        shared = base_of(Node("pool:p", rule), measures, {A: D(1), "tower:t": D(8)}, anything)
        assert (shared.weights, shared.basis, shared.reason) == (weights, Basis.DRIVER, None), rule
    given_heads = Measures(frozenset({A}), headcounts={A: D(40)}, statistics={"headcount": {A: D(41)}})
    assert base_of(Node("pool:p", DriverRule(DriverKind.HEADCOUNT)), given_heads, {}, anything).weights == {A: 41}
    for rule, why in (
        (USAGE, "its driver sums to zero"),
        (DriverRule(DriverKind.USAGE, meter="gone"), "its driver is usage, but nothing of gone is known"),
        (DriverRule(DriverKind.USAGE, meter="io"), f"its driver (usage of io) is negative for {A}"),
        (DriverRule(DriverKind.STATISTIC, statistic="x"), "its driver is the statistic 'x', which is not given"),
    ):
        lost = base_of(Node("pool:p", rule), measures, {}, anything)
        assert (lost.weights, lost.basis) == ({}, Basis.NONE)
        assert (lost.reason or "").startswith(why)
        spread = base_of(Node("pool:p", rule, fallback=EVEN), measures, {}, anything)
        assert (spread.weights, spread.basis, spread.reason) == ({A: 1, B: 1}, Basis.FALLBACK, lost.reason)
    both = base_of(Node("pool:p", USAGE, fallback=DriverRule(DriverKind.USAGE, meter="gone")), measures, {}, anything)
    assert "nor does its fallback (usage of gone) help" in (both.reason or "")


def test_a_fallback_spreads_among_those_that_are_published() -> None:
    strange = node("pool:p", FIXED, EVEN, a=1, b=2, stranger=9)
    result = share_out(Method.DIRECT, [[strange]], {"pool:p": D(10)}, Measures(KNOWN), places=2)
    assert (result.of(A), result.of(B)) == (5, 5)
    assert result.nodes[0].shared.reason == (
        "its driver names a service that the catalogue has not published: stranger"
    )
    assert {flow.attribution for flow in result.flows} == {Attribution.SPREAD}


def test_cost_weighted_waits_for_the_others_of_its_step() -> None:
    pools = [node("pool:overhead", WAITS), node("pool:x", a=3, b=1)]
    for method in Method:
        costs = {"pool:overhead": D(10), "pool:x": D(100)}
        result = share_out(method, [pools], costs, Measures(KNOWN), places=2)
        assert (result.of(A), result.of(B), result.of(C)) == (D("82.5"), D("27.5"), D(0)), method
    alone = share_out(Method.DIRECT, [[pools[0]]], {"pool:overhead": D(10)}, Measures(KNOWN), places=2)
    assert alone.nodes[0].left == 10
    assert alone.nodes[0].shared.reason == "its driver is cost_weighted, but no cost was received yet"


def test_step_down_takes_towers_in_order_and_reciprocal_solves_them() -> None:
    pools = [node("pool:p", tower_hr=1, tower_it=1)]
    towers = [node("tower:hr", tower_it=2, a=3, b=5), node("tower:it", tower_hr=1, a=8, b=1)]
    levels, costs, measures = [pools, towers], {"pool:p": D(1000)}, Measures(KNOWN)
    with pytest.raises(CircularModel, match="tower:hr"):
        share_out(Method.STEP_DOWN, levels, costs, measures, places=2)
    order = ["tower:hr", "pool:p", "tower:it"]
    down = share_out(Method.STEP_DOWN, levels, costs, measures, places=2, order=order)
    # hr gives 100 to it; it holds 600 and gives 8:1 to the services alone
    assert (down.of(A), down.of(B)) == (D("150") + D("533.33"), D("250") + D("66.67"))
    assert [given.gross for given in down.nodes] == [1000, 500, 600]
    both = share_out(Method.RECIPROCAL, levels, costs, measures, places=2)
    hr, it = both.nodes[1].gross, both.nodes[2].gross
    assert (hr, it) == (500 + it / 10, 500 + hr / 5)
    assert abs(Fraction(both.of(A)) - (hr * Fraction(3, 10) + it * Fraction(8, 10))) < Fraction(1, 100)
    direct = share_out(Method.DIRECT, levels, costs, measures, places=2)
    assert direct.of(A) == D("187.50") + D("444.44")


def test_what_cannot_be_shared_stays_where_it_is() -> None:
    pools = [node("pool:p", tower_dead=1, a=1)]
    dead = [node("tower:dead", USAGE, a=0)]
    result = share_out(Method.DIRECT, [pools, dead], {"pool:p": D("0.03")}, Measures(KNOWN), places=2)
    assert result.of(A) == D("0.02")  # the odd unit goes to the first by name
    assert (result.nodes[1].left, result.nodes[1].received) == (D("0.01"), D("0.01"))
    circle = [node("tower:x", tower_y=1), node("tower:y", tower_x=1)]
    result = share_out(
        Method.RECIPROCAL, [[node("pool:p", tower_x=1, a=1)], circle], {"pool:p": D(4)}, Measures(KNOWN), places=2
    )
    assert result.nodes[1].left == 2
    assert "feed each other" in (result.nodes[1].shared.reason or "")


def test_services_are_shared_among_the_units_that_hold_them() -> None:
    one = Measures(frozenset({"unit:1", "unit:2"}), usage={"": {"unit:1": D(2), "unit:2": D(1)}})
    subscribed, nobody = DriverRule(DriverKind.USAGE), Measures(frozenset())
    services = [
        (Node(B, WAITS, fallback=EVEN), one),
        (Node(A, subscribed), one),
        (Node(C, subscribed, fallback=EVEN), nobody),
    ]
    first, second, third = share_among_units(services, {A: D("100.00"), B: D(30), C: D(7)}, places=2)
    assert first.shares == {"unit:1": D("66.67"), "unit:2": D("33.33")}
    assert second.shares == {"unit:1": D("20.00"), "unit:2": D("10.00")}
    assert (third.shares, third.left) == ({}, 7)
    assert "nothing is subscribed" in (third.shared.reason or "")


CIRCLE = (node("tower:x", tower_y=1, a=1), node("tower:y", tower_x=1, b=1))
FEED = (node("pool:p", tower_x=1),)
MISFIT = node("pool:p", EVEN, USAGE, tower_x=1)
IMPATIENT = (node("pool:w", WAITS, pool_p=1), node("pool:p", a=1))


@pytest.mark.parametrize(
    ("layout", "refusal", "pointer"),
    [
        (Layout(Method.STEP_DOWN, FEED, CIRCLE), CircularModel, "/towers"),
        (Layout(Method.DIRECT, (*FEED, node("pool:p", a=1)), CIRCLE), DuplicateName, "/pools/1/name"),
        (Layout(Method.DIRECT, FEED, (*CIRCLE, node("tower:p", a=1))), DuplicateName, "/towers/2/name"),
        (Layout(Method.DIRECT, FEED), UnknownReceiver, "/pools/0/receivers/0"),
        (Layout(Method.DIRECT, FEED, (node("tower:x", a=1, pool_p=1),)), StepBackwards, "/towers/0/receivers/1"),
        (Layout(Method.DIRECT, (node("pool:p", USAGE, tower_x=1),), CIRCLE), DriverDoesNotFit, "/pools/0/driver/kind"),
        (Layout(Method.DIRECT, (MISFIT,), CIRCLE), DriverDoesNotFit, "/pools/0/fallback/kind"),
        (Layout(Method.DIRECT, (node("pool:p"),)), DriverDoesNotFit, "/pools/0/driver/kind"),
        (Layout(Method.RECIPROCAL, IMPATIENT), DriverDoesNotFit, "/pools/0/receivers/0"),
        (Layout(Method.STEP_DOWN, FEED, CIRCLE, order=("tower:x", "tower:y")), UnknownPool, "/order"),
        (Layout(Method.STEP_DOWN, FEED, CIRCLE, order=("pool:z",)), UnknownPool, "/order/0"),
        (Layout(Method.STEP_DOWN, FEED, CIRCLE, order=("pool:p", "pool:p")), DuplicateName, "/order/1"),
    ],
)  # fmt: skip
def test_wrong_models_are_refused_by_name(layout: Layout, refusal: type[Refusal], pointer: str) -> None:
    with pytest.raises(refusal) as caught:
        check(layout)
    assert caught.value.faults[0].pointer == pointer


def test_an_order_breaks_a_circle_under_step_down() -> None:
    check(Layout(Method.STEP_DOWN, FEED, CIRCLE, order=("pool:p", "tower:y", "tower:x")))
    check(Layout(Method.RECIPROCAL, FEED, CIRCLE))


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=11)
kinds = st.sampled_from(
    [
        FIXED,
        EVEN,
        WAITS,
        DriverRule(DriverKind.STATISTIC, statistic="s"),
        DriverRule(DriverKind.STATISTIC, statistic="t"),
    ]
)


@settings(max_examples=150)
@given(st.data(), st.sampled_from(Method), st.integers(1, 4), st.integers(0, 4), st.integers(0, 3))
def test_every_step_adds_up_to_the_last_unit(data: st.DataObject, method: Method, n: int, m: int, places: int) -> None:
    """Whatever the drivers, fallbacks and methods: what enters a node leaves it or stays, and nothing else appears."""
    pool_keys, tower_keys = [f"pool:p{i}" for i in range(n)], [f"tower:t{i}" for i in range(m)]
    later = {"pool": [*pool_keys, *tower_keys, *KNOWN], "tower": [*tower_keys, *KNOWN]}

    def drawn(key: str) -> Node:
        receivers = data.draw(
            st.dictionaries(st.sampled_from(sorted(later[key.partition(":")[0]])), st.integers(0, 5).map(D), min_size=1)
        )
        return Node(key, data.draw(kinds), receivers, data.draw(st.none() | kinds), by_rules=data.draw(st.booleans()))

    levels = [[drawn(key) for key in pool_keys], [drawn(key) for key in tower_keys]]
    everybody = [*pool_keys, *tower_keys, *sorted(KNOWN)]
    statistic = data.draw(st.dictionaries(st.sampled_from(everybody), st.integers(0, 3).map(D)))
    measures = Measures(KNOWN, statistics={"s": statistic})
    costs = {key: data.draw(amounts) for key in pool_keys}
    order = data.draw(st.permutations([*pool_keys, *tower_keys]))
    result = share_out(method, levels, costs, measures, places=places, order=order)
    for given_node in result.nodes:
        out = [flow.amount for flow in result.flows if flow.giver == given_node.key]
        into = [flow.amount for flow in result.flows if flow.receiver == given_node.key]
        assert exact_total([given_node.own, given_node.received]) == exact_total([*out, given_node.left])
        if given_node.received != exact_total(into):
            raise AssertionError(f"{given_node.key} received {given_node.received}, but flows say {into}")
    ended = [amount for threads in result.reached.values() for amount in threads.values()]
    stuck = [given_node.left for given_node in result.nodes]
    assert exact_total([*ended, *stuck]) == exact_total([*costs.values()])
    shares = by_service(result, [key.partition(":")[2] for key in pool_keys])
    for key in pool_keys:  # and each pool on its own
        name = key.partition(":")[2]
        held = [a for threads in result.left.values() for thread, a in threads.items() if thread.pool == name]
        assert exact_total([*shares[name].values(), *held]) == costs[key]
    again = share_out(method, levels, costs, measures, places=places, order=order)
    assert again == result


@settings(max_examples=60)
@given(st.data(), st.integers(1, 4), st.integers(1, 3))
def test_reciprocal_towers_equal_the_equations_solved_with_fractions(data: st.DataObject, n: int, k: int) -> None:
    """x = b + Qᵀx by Cramer's rule over fractions, an independent way, against what the towers are said to hold."""
    keys, services = [f"tower:t{i}" for i in range(n)], [A, B, C][:k]
    table = {
        key: {r: D(data.draw(st.integers(0, 5))) for r in keys if r != key}
        | {s: D(data.draw(st.integers(1, 5))) for s in services}
        for key in keys
    }
    costs = {f"pool:p{i}": D(data.draw(st.integers(1, 10**6))) for i in range(n)}
    pools = [Node(f"pool:p{i}", FIXED, {keys[i]: D(1)}) for i in range(n)]
    towers = [Node(key, FIXED, row) for key, row in table.items()]
    result = share_out(Method.RECIPROCAL, [pools, towers], costs, Measures(KNOWN), places=6)
    share = {key: {r: Fraction(w) / Fraction(sum(row.values())) for r, w in row.items()} for key, row in table.items()}
    matrix = [[Fraction(i == j) - share[keys[j]].get(keys[i], Fraction(0)) for j in range(n)] for i in range(n)]
    own = [Fraction(costs[f"pool:p{i}"]) for i in range(n)]
    whole = _determinant(matrix)
    for j, key in enumerate(keys):
        replaced = [[own[i] if column == j else matrix[i][column] for column in range(n)] for i in range(n)]
        (given_node,) = [one for one in result.nodes if one.key == key]
        assert given_node.gross == _determinant(replaced) / whole
    grosses = {one.key: one.gross for one in result.nodes}
    for service in services:
        due = sum((grosses[key] * share[key][service] for key in keys), Fraction(0))
        assert abs(Fraction(result.of(service)) - due) <= Fraction(n, 10**6)


def _determinant(matrix: list[list[Fraction]]) -> Fraction:
    if not matrix:
        return Fraction(1)
    return sum(
        (
            (-1) ** column * matrix[0][column] * _determinant([row[:column] + row[column + 1 :] for row in matrix[1:]])
            for column in range(len(matrix))
        ),
        Fraction(0),
    )
