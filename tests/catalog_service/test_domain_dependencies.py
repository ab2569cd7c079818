"""The graph of dependencies: cycles against a plain search, distances and paths, long chains; and who may leave."""

import random
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import dependency, impact
from catalog_service.domain.dependency import DependencyKind, Direction, Edge
from catalog_service.domain.impact import Held, Needed

REQUIRES, USES = DependencyKind.REQUIRES, DependencyKind.USES
PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(DependencyKind)), max_size=25)


def node(number: int) -> UUID:
    return UUID(int=number + 1)


def edges(*pairs: tuple[int, int, DependencyKind]) -> list[Edge]:
    return [Edge(node(a), node(b), kind) for a, b, kind in pairs]


def comes_to(start: UUID, goal: UUID, known: set[tuple[UUID, UUID]], seen: frozenset[UUID] = frozenset()) -> bool:
    """The oracle: a plain recursive search."""
    return start == goal or any(
        comes_to(b, goal, known, seen | {start}) for a, b in known if a == start and b not in seen
    )


@given(PAIRS)
def test_exactly_the_links_that_close_a_cycle_are_refused(pairs: list[tuple[int, int, DependencyKind]]) -> None:
    kept: list[Edge] = []
    for edge in edges(*pairs):
        known = {(each.service_id, each.on_id) for each in kept}
        path = dependency.cycle(edge.service_id, [edge.on_id], kept)
        assert (path is not None) == comes_to(edge.on_id, edge.service_id, known)
        if path is None:
            kept.append(edge)
        else:
            assert path[0] == path[-1] == edge.service_id
            assert path[1] == edge.on_id
            assert set(pairwise(path[1:])) <= known
            assert len(set(path)) == len(path) - 1


@given(PAIRS)
def test_dependents_have_the_shortest_path_and_hard_ones_a_hard_path(
    pairs: list[tuple[int, int, DependencyKind]],
) -> None:
    all_edges = edges(*((max(a, b), min(a, b), kind) for a, b, kind in pairs if a != b))
    kinds: dict[tuple[UUID, UUID], set[DependencyKind]] = {}
    for edge in all_edges:
        kinds.setdefault((edge.service_id, edge.on_id), set()).add(edge.kind)
    hard_known = {pair for pair, kind in kinds.items() if REQUIRES in kind}
    found, total, hard = dependency.dependents(node(0), all_edges, most=100)
    expected = {node(n) for n in range(1, 8) if comes_to(node(n), node(0), set(kinds))}
    assert {each.service_id for each in found} == expected
    assert total == len(expected)
    assert hard == sum(each.hard for each in found)
    for each in found:
        assert each.hard == comes_to(each.service_id, node(0), hard_known)
        assert (each.path[0], each.path[-1]) == (node(0), each.service_id)
        assert {(b, a) for a, b in pairwise(each.path)} <= (hard_known if each.hard else set(kinds))
    assert [each.distance for each in found] == sorted(each.distance for each in found)
    assert set(dependency.distances(node(0), all_edges, Direction.DOWNSTREAM)) == expected


def test_a_chain_of_ten_thousand_is_walked_without_recursion() -> None:
    chain = edges(*((n, n + 1, REQUIRES) for n in range(10_000)))
    random.Random(7).shuffle(chain)
    path = dependency.cycle(node(10_000), [node(0)], chain)
    assert path is not None
    assert len(path) == 10_002
    assert dependency.cycle(node(10_001), [node(0)], chain) is None
    nearest, total, hard = dependency.dependents(node(10_000), chain, most=3)
    assert (total, hard, [each.distance for each in nearest]) == (10_000, 10_000, [1, 2, 3])
    assert dependency.distances(node(0), chain, Direction.UPSTREAM)[node(10_000)] == 10_000


def test_a_service_leaves_when_nobody_holds_or_needs_it() -> None:
    held, needed = Held(node(1), "Tier 1", 3, 1), Needed(node(2), "Web hosting")
    impact.require_unneeded([], [])
    impact.require_acknowledged([], [], acknowledged=False)
    impact.require_acknowledged([held], [needed], acknowledged=True)
    told = "3 subscriptions of Tier 1; 1 service requires it: Web hosting"
    with pytest.raises(impact.ServiceStillNeeded, match=told) as refused:
        impact.require_unneeded([held], [needed])
    assert [(fault.pointer, fault.message) for fault in refused.value.faults] == [
        (f"/offerings/{node(1)}", "Tier 1: 3 active or suspended subscriptions of 1 business unit"),
        (f"/services/{node(2)}", "Web hosting requires it"),
    ]
    with pytest.raises(impact.ImpactNotAcknowledged, match="acknowledge_impact"):
        impact.require_acknowledged([], [needed], acknowledged=False)
    with pytest.raises(impact.ServiceStillNeeded, match="and 5 more"):
        impact.require_unneeded([], [needed] * 25)
