"""References, differences and orders that imports go by."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import offering, service
from catalog_service.domain.interchange import ExternalName, differences, parents_first, reference, way
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState

ID = "0192f0c1-7b00-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (ID, UUID(ID)),
        (ID.upper(), UUID(ID)),
        ("servers", ExternalName("key", "servers")),
        ("hr:BU:1", ExternalName("hr", "BU:1")),
        (ID[:-1] + "x", ExternalName("key", ID[:-1] + "x")),
        (ID.replace("-", ""), ExternalName("key", ID.replace("-", ""))),
    ],
)
def test_a_reference_is_an_id_an_external_id_or_a_key(text: str, meant: object) -> None:
    assert reference(text) == meant


def test_differences_name_the_smallest_parts() -> None:
    old = {"a": {"b/c": 1, "same": []}, "list": [1, {"x": "y"}], "flag": 1, "gone": 0, "grew": [1]}
    new = {"a": {"b/c": 2, "same": []}, "list": [1, {"x": "z"}], "flag": True, "came": 0, "grew": [1, 2]}
    assert differences(old, new) == [
        ("/a/b~1c", 1, 2),
        ("/list/1/x", "y", "z"),
        ("/flag", 1, True),
        ("/gone", 0, None),
        ("/grew", [1], [1, 2]),
        ("/came", None, 0),
    ]
    assert differences(old, old) == []


def test_ways_through_states_are_those_of_their_tables() -> None:
    assert way(service.NEXT, ServiceState.DRAFT, ServiceState.PUBLISHED) == ["under_evaluation", "published"]
    assert way(service.NEXT, ServiceState.PUBLISHED, ServiceState.PUBLISHED) == []
    assert way(service.NEXT, ServiceState.PUBLISHED, ServiceState.DRAFT) is None
    assert way(offering.NEXT, OfferingState.DRAFT, OfferingState.RETIRED) == ["published", "retired"]
    assert way(offering.NEXT, OfferingState.RETIRED, OfferingState.DRAFT) is None


@given(st.dictionaries(st.integers(0, 12), st.none() | st.integers(0, 14), max_size=13))
def test_parents_come_first_and_only_circles_are_stuck(numbers: dict[int, int | None]) -> None:
    parents = {UUID(int=node): None if parent is None else UUID(int=parent) for node, parent in numbers.items()}
    placed, stuck = parents_first(parents)
    assert sorted([*placed, *stuck]) == sorted(parents)
    for place, node in enumerate(placed):
        parent = parents[node]
        assert parent not in parents or parent in placed[:place]
    assert all(parents[node] in stuck for node in stuck)
