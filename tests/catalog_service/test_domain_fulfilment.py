"""Fulfilment templates: keys, dependencies, and cycles that name their path."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain.fulfilment import FulfilmentInvalid, TaskTemplate, check, find_cycle


def task(key: str, *depends_on: str) -> TaskTemplate:
    return TaskTemplate(key=key, name=key.title(), depends_on=depends_on, role="operations")


def pointers(*tasks: TaskTemplate) -> list[str]:
    with pytest.raises(FulfilmentInvalid) as refused:
        check(tasks)
    return [fault.pointer for fault in refused.value.faults]


def test_a_template_may_branch_and_join() -> None:
    check([task("hand-over", "install", "network"), task("install", "order"), task("network", "order"), task("order")])
    check([])


def test_keys_are_unique() -> None:
    assert pointers(task("a"), task("b"), task("a")) == ["/fulfilment/2/key"]


def test_dependencies_exist_once() -> None:
    assert pointers(task("a", "b", "x"), task("b"), task("c", "a", "a")) == [
        "/fulfilment/0/depends_on/1",
        "/fulfilment/2/depends_on/1",
    ]


def test_a_cycle_names_its_path() -> None:
    with pytest.raises(FulfilmentInvalid, match="a -> b -> c -> a"):
        check([task("start"), task("a", "b"), task("b", "start", "c"), task("c", "a")])
    assert pointers(task("a", "a")) == ["/fulfilment/0/depends_on"]


def test_a_long_template_does_not_exhaust_the_stack() -> None:
    check([task(f"t{n}", *([f"t{n + 1}"] if n < 20_000 else [])) for n in range(20_001)])


@given(
    st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1), unique=True), min_size=n, max_size=n))
)
def test_find_cycle_agrees_with_removing_leaves(edges: list[list[int]]) -> None:
    """Kahn's algorithm is the oracle: a graph has a cycle exactly if peeling off leaves does not empty it."""
    graph = {str(node): [str(target) for target in targets] for node, targets in enumerate(edges)}
    left = {node: set(targets) for node, targets in graph.items()}
    while leaves := [node for node, targets in left.items() if not targets & left.keys()]:
        for node in leaves:
            del left[node]
    path = find_cycle(graph)
    assert bool(path) == bool(left)
    for here, there in pairwise(path):
        assert there in graph[here]
    if path:
        assert path[0] == path[-1]
