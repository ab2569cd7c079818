"""The rules of the portfolio's trees: no node below itself, no two siblings of one name, nothing gone that is used."""

from uuid import UUID, uuid4

import pytest

from catalog_service.domain import tree


def way(*names: str) -> list[tuple[UUID, str]]:
    return [(uuid4(), name) for name in names]


def test_a_node_moves_anywhere_but_below_itself() -> None:
    path = way("IT", "Servers", "Virtual")
    tree.check_move(uuid4(), path)
    tree.check_move(uuid4(), [])
    with pytest.raises(
        tree.TreeCycle, match="Servers cannot move below itself: Servers > Virtual > Servers"
    ) as refused:
        tree.check_move(path[1][0], path)
    assert refused.value.faults[0].pointer == "/parent_id"
    with pytest.raises(tree.TreeCycle, match=r"Virtual > Virtual$"):
        tree.check_move(path[2][0], path)


def test_a_long_cycle_is_told_by_its_ends() -> None:
    path = way(*(f"n{number}" for number in range(1_000)))
    with pytest.raises(tree.TreeCycle, match=r"n0 > n1 > .* > … 989 more … > .* > n999 > n0$"):
        tree.check_move(path[0][0], path)


def test_siblings_differ_in_their_names() -> None:
    tree.check_name("Servers", None, parent="IT")
    with pytest.raises(tree.SiblingNameTaken, match="there is a Servers below IT already"):
        tree.check_name("Servers", uuid4(), parent="IT")
    with pytest.raises(tree.SiblingNameTaken, match="at the top"):
        tree.check_name("Servers", uuid4(), parent=None)


def test_what_is_used_stays_and_says_by_what() -> None:
    tree.check_unused("Servers", [("services", 0), ("offerings", 0)])
    with pytest.raises(tree.NodeInUse, match=r"something hangs from it: 2 services, 1 offerings$"):
        tree.check_unused("Servers", [("nodes below it", 0), ("services", 2), ("offerings", 1)])
