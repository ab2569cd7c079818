"""Differences between documents: each is sound, together they are complete, and one line put in is one addition."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain.difference import Difference, differences

plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab/~", max_size=3)
documents = st.recursive(
    plain | st.lists(plain, max_size=5),
    lambda inner: st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4),
    max_leaves=12,
)


def at(document: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


@given(documents, documents)
def test_every_difference_is_where_it_says(old: Any, new: Any) -> None:
    for found in differences(old, new):
        if found.op == "removed":
            assert at(old, found.pointer) == found.old
        else:
            assert at(new, found.pointer) == found.new


@given(documents, documents)
def test_nothing_differs_only_between_equals(old: Any, new: Any) -> None:
    assert differences(old, old) == []
    assert bool(differences(old, new)) == (repr(old) != repr(new) and not _same(old, new))


def _same(old: Any, new: Any) -> bool:
    """Equal with true and 1 apart, whatever the order of members."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(old[name], new[name]) for name in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return type(old) is type(new) and bool(old == new)


@given(st.lists(st.text("abc", max_size=2), max_size=8), st.lists(st.text("abc", max_size=2), max_size=8))
def test_the_newer_list_follows_from_the_older_one(old: list[str], new: list[str]) -> None:
    found = differences(old, new)
    gone = {int(each.pointer[1:]) for each in found if each.op == "removed"}
    come = {int(each.pointer[1:]): each.new for each in found if each.op == "added"}
    changed = {int(each.pointer[1:]): each.new for each in found if each.op == "changed"}
    rest = iter([line for place, line in enumerate(old) if place not in gone])
    made = []
    for place in range(len(new)):
        if place in come:
            made.append(come[place])
        else:
            line = next(rest)
            made.append(changed.get(place, line))
    assert (made, list(rest)) == (new, [])


def test_true_in_a_list_is_not_one() -> None:
    assert differences([True, 0], [1, 0]) == [Difference("changed", "/0", old=True, new=1)]


def test_a_line_put_in_is_one_addition() -> None:
    old = {"a/b": {"lines": ["one", "two"]}, "gone": 1, "true": True}
    new = {"a/b": {"lines": ["none", "one", "two"]}, "true": 1, "new": None}
    assert differences(old, new) == [
        Difference("added", "/a~1b/lines/0", new="none"),
        Difference("removed", "/gone", old=1),
        Difference("changed", "/true", old=True, new=1),
        Difference("added", "/new", new=None),
    ]
