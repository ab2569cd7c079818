"""What an offering is made of: windows, relations, options and the tier's attributes, as rules."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import options, relation, tier, validity
from catalog_service.domain.options import Option, OptionKind
from catalog_service.domain.relation import RelationKind
from catalog_service.domain.tier import Attribute, Better
from catalog_service.domain.validity import Window

START = datetime(2027, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def window(number: int, begins: int, ends: int | None = None) -> Window:
    return Window(number, day(begins), None if ends is None else day(ends), f"v{number}")


# ---- windows


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (window(1, 0, 10), window(2, 10, 20), False),
        (window(1, 0, 10), window(2, 9, 20), True),
        (window(1, 0), window(2, 5), False),  # the open one yields to the next
        (window(1, 0), window(2, 5, 7), False),
        (window(1, 5), window(2, 0), True),  # but not to one that was there before
        (window(1, 5), window(2, 0, 5), False),
        (window(1, 5), window(2, 5), True),
        (window(1, 0, 10), window(2, 3), True),
        (window(1, 10, 20), window(2, 0), True),
    ],
)
def test_windows_meet(one: Window, other: Window, meet: bool) -> None:
    assert validity.overlap(one, other) is meet
    assert validity.overlap(other, one) is meet


def test_an_overlap_names_the_other_version() -> None:
    validity.require_room(window(3, 20), [window(1, 0, 10), window(2, 10, 20)])
    with pytest.raises(validity.WindowsOverlap, match="version 2 'v2' is valid from 2027-01-11T00:00:00Z until"):
        validity.require_room(window(3, 19), [window(1, 0, 10), window(2, 10, 20)])


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5), st.none() | st.integers(1, 4)), max_size=7))
def test_of_each_window_that_meets_one_before_it_one_pair_is_found(found: list[tuple[int, int, int | None]]) -> None:
    windows = [window(number, begins, ends and begins + ends) for number, begins, ends in found]
    pairs = validity.meetings(windows)
    assert all(validity.overlap(windows[one], windows[other]) for one, other in pairs)
    order = sorted(range(len(windows)), key=lambda each: (windows[each].begins, windows[each].number))
    for at, place in enumerate(order):
        meets = any(validity.overlap(windows[before], windows[place]) for before in order[:at])
        assert meets is any(other == place for _, other in pairs)


def test_a_window_holds_something_and_is_not_over() -> None:
    validity.check(day(0), day(1))
    validity.check(None, day(1))
    with pytest.raises(validity.WindowEmpty):
        validity.check(day(1), day(1))
    validity.require_ahead(None, now=day(1))
    with pytest.raises(validity.WindowOver):
        validity.require_ahead(day(1), now=day(1))


spans = st.tuples(st.integers(0, 12), st.none() | st.integers(1, 6)).map(
    lambda span: (span[0], None if span[1] is None else span[0] + span[1])
)


@given(st.lists(spans, max_size=5), st.integers(0, 20))
def test_of_versions_that_do_not_meet_one_at_most_is_valid(found: list[tuple[int, int | None]], at: int) -> None:
    """An open window ends where a later version that begins after it begins."""
    kept: list[Window] = []
    for number, (begins, ends) in enumerate(found, 1):
        fresh = window(number, begins, ends)
        if not any(validity.overlap(fresh, other) for other in kept):
            kept.append(fresh)
    valid = [
        each
        for each in kept
        if each.admits(day(at))
        and not (
            each.ends is None
            and any(each.number < later.number and each.begins < later.begins <= day(at) for later in kept)
        )
    ]
    assert len(valid) <= 1


# ---- relations

nodes = [UUID(int=number) for number in range(1, 8)]
graphs = st.dictionaries(st.sampled_from(nodes), st.lists(st.sampled_from(nodes), max_size=3))


@given(graphs, st.lists(st.sampled_from(nodes), max_size=3))
def test_a_path_back_is_one_and_is_found_wherever_there_is_one(
    edges: Mapping[UUID, list[UUID]], targets: list[UUID]
) -> None:
    start = nodes[0]
    without = {node: further for node, further in edges.items() if node != start} | {start: targets}
    reached: set[UUID] = set()
    waiting = list(targets)
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += without.get(here, [])
    path = relation.path_back(start, targets, edges)
    assert (path is not None) is (start in reached)
    if path is not None:
        assert path[0] == path[-1] == start
        assert all(further in without[here] for here, further in pairwise(path))
        assert len(set(path[1:])) == len(path) - 1


@given(st.sets(st.sampled_from(nodes)), st.sets(st.sampled_from(nodes)))
def test_what_is_required_is_not_excluded(required: set[UUID], barred: set[UUID]) -> None:
    names = {node: f"offering {node.int}" for node in nodes}
    if required & barred:
        with pytest.raises(relation.RelationContradiction) as refused:
            relation.require_no_contradiction(required, barred, names)
        assert all(names[each] in refused.value.detail for each in required & barred)
    else:
        relation.require_no_contradiction(required, barred, names)


def test_an_offering_is_related_to_others_and_once() -> None:
    own, other = nodes[:2]
    relation.check_lines(own, [(RelationKind.REQUIRES, other), (RelationKind.UPGRADES_TO, other)])
    with pytest.raises(relation.RelationInvalid) as refused:
        relation.check_lines(own, [(RelationKind.REQUIRES, other), (RelationKind.EXCLUDES, own)] * 2)
    assert [fault.pointer for fault in refused.value.faults] == [
        "/relations/1/other_id",
        "/relations/2",
        "/relations/3/other_id",
    ]
    relation.check_members(own, [other])
    with pytest.raises(relation.BundleInvalid) as bundle:
        relation.check_members(own, [other, own, other])
    assert [fault.pointer for fault in bundle.value.faults] == ["/bundle/1/offering_id", "/bundle/2/offering_id"]


def test_a_long_chain_does_not_exhaust_the_interpreter() -> None:
    chain = [UUID(int=number) for number in range(1, 20_001)]
    edges = {here: [further] for here, further in zip(chain, [*chain[1:], chain[0]], strict=True)}
    path = relation.path_back(chain[0], [chain[1]], edges)
    assert path is not None
    assert len(path) == 20_001


# ---- tier


def test_attributes_have_one_key_each_and_units_where_there_are_numbers() -> None:
    tier.check([Attribute("ram", "16", "GB", Better.HIGHER), Attribute("burst", True, None, Better.HIGHER)])
    with pytest.raises(tier.TierInvalid) as refused:
        tier.check(
            [
                Attribute("ram", "16", "GB"),
                Attribute("ram", "a lot", "GB"),
                Attribute("medium", "tape", None, Better.LOWER),
                Attribute("burst", True, "GB"),
            ]
        )
    assert [fault.pointer for fault in refused.value.faults] == [
        "/tier/attributes/1/key",
        "/tier/attributes/1/unit",
        "/tier/attributes/2/better",
        "/tier/attributes/3/unit",
    ]


@pytest.mark.parametrize(
    ("value", "number"),
    [("16", True), ("-0.5", True), ("1e3", False), ("", False), ("1" * 19, False), (True, False), ("6 ", False)],
)
def test_a_number_is_a_plain_decimal(value: str | bool, number: bool) -> None:
    assert tier.is_number(value) is number


def test_offerings_of_a_service_mean_the_same_by_a_key() -> None:
    others = {"Tier 1": [Attribute("ram", "1", "GB", Better.HIGHER), Attribute("raid", "6")]}
    assert tier.disagreements([Attribute("ram", "4", "GB", Better.HIGHER), Attribute("cpu", "2")], others) == ()
    found = tier.disagreements([Attribute("cpu", "2"), Attribute("ram", "4096", "MB", Better.LOWER)], others)
    assert [fault.pointer for fault in found] == ["/tier/attributes/1/unit", "/tier/attributes/1/better"]
    assert found[0].message == "'ram' is in GB in 'Tier 1', not in MB"
    # A direction that is not said contradicts none; one that any sibling says counts.
    unsaid = {"Tier 0": [Attribute("ram", "1", "GB")]}
    assert tier.disagreements([Attribute("ram", "4", "GB", Better.LOWER)], unsaid) == ()
    assert len(tier.disagreements([Attribute("ram", "4", "GB", Better.LOWER)], unsaid | others)) == 1
    assert tier.disagreements([Attribute("ram", "4", "GB")], others) == ()


# ---- options

SIZE = Option("size", OptionKind.CHOICE, choices=("small", "large"), required=True)
DISK = Option("disk", OptionKind.QUANTITY, minimum=Decimal(20), maximum=Decimal(500), default="20", unit="GB")
PATCHED = Option("patched", OptionKind.FLAG, default=True)
SEATS = Option("seats", OptionKind.ADD_ON, maximum=Decimal(5))


@pytest.mark.parametrize(
    ("option", "pointers"),
    [
        (Option("a", OptionKind.CHOICE), ["choices"]),
        (Option("a", OptionKind.CHOICE, choices=("x", "x")), ["choices"]),
        (Option("a", OptionKind.CHOICE, choices=("x",), minimum=Decimal(1), unit="GB"), ["minimum", "unit"]),
        (Option("a", OptionKind.CHOICE, choices=("x",), default="y"), ["default"]),
        (Option("a", OptionKind.FLAG, choices=("x",)), ["choices"]),
        (Option("a", OptionKind.FLAG, default="true"), ["default"]),
        (Option("a", OptionKind.FLAG, default=True, required=True), ["default"]),
        (Option("a", OptionKind.FLAG, offering_id=UUID(int=1)), ["offering_id"]),
        (Option("a", OptionKind.QUANTITY, minimum=Decimal(2), maximum=Decimal(1)), ["maximum"]),
        (Option("a", OptionKind.QUANTITY, minimum=Decimal(-1)), ["minimum"]),
        (Option("a", OptionKind.QUANTITY, default="many"), ["default"]),
        (Option("a", OptionKind.ADD_ON, default="1.5"), ["default"]),
    ],
)
def test_an_option_that_contradicts_itself_is_refused(option: Option, pointers: list[str]) -> None:
    with pytest.raises(options.OptionsInvalid) as refused:
        options.check([SIZE, option])
    assert [fault.pointer for fault in refused.value.faults] == [f"/options/1/{field}" for field in pointers]


def test_good_options_pass_and_a_key_is_said_once() -> None:
    options.check([SIZE, DISK, PATCHED, SEATS])
    with pytest.raises(options.OptionsInvalid) as refused:
        options.check([SIZE, SIZE])
    assert [fault.pointer for fault in refused.value.faults] == ["/options/1/key"]


@pytest.mark.parametrize(
    ("chosen", "pointers"),
    [
        ({"size": "small"}, []),
        ({"size": "small", "disk": "20.5", "patched": False, "seats": 5}, []),
        ({}, ["/options/size"]),
        ({"size": ["small"]}, ["/options/size"]),
        ({"size": "small", "disk": "19.99"}, ["/options/disk"]),
        ({"size": "small", "disk": 20.5}, ["/options/disk"]),
        ({"size": "small", "disk": 501}, ["/options/disk"]),
        ({"size": "small", "disk": 10**60}, ["/options/disk"]),
        ({"size": "small", "patched": 1}, ["/options/patched"]),
        ({"size": "small", "seats": "2.5"}, ["/options/seats"]),
        ({"size": "small", "seats": -1}, ["/options/seats"]),
        ({"size": "small", "seats": True}, ["/options/seats"]),
        ({"size": "small", "a/b~": 1}, ["/options/a~1b~0"]),
    ],
)
def test_what_is_chosen_is_held_against_the_options(chosen: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in options.misfits([SIZE, DISK, PATCHED, SEATS], chosen)] == pointers
