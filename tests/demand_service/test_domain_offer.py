"""To whom an offering is offered, when, and with which choices."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from demand_service.domain.offer import (
    OfferingNotForUnit,
    OfferingNotInWindow,
    OptionsNotValid,
    require_for_unit,
    require_in_window,
    require_options,
)

NOW = datetime(2027, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DEPARTMENT, FACULTY, OTHER = (UUID(int=number) for number in (1, 2, 3))


def test_a_window_opens_at_its_instant_and_ends_before_its_end() -> None:
    require_in_window("x", opens=None, ends=None, now=NOW)
    require_in_window("x", opens=NOW, ends=NOW + TICK, now=NOW)
    with pytest.raises(OfferingNotInWindow, match="from 2027-01-01T00:00:00Z"):
        require_in_window("x", opens=NOW, ends=None, now=NOW - TICK)
    with pytest.raises(OfferingNotInWindow, match="until 2027-01-01T00:00:00Z"):
        require_in_window("x", opens=None, ends=NOW, now=NOW)


@pytest.mark.parametrize(
    ("audience", "fits"),
    [
        (None, True),
        ({"everyone": True, "business_unit_ids": [], "roles": []}, True),
        ({"everyone": False, "business_unit_ids": [], "roles": ["approver"]}, True),
        ({"everyone": False, "business_unit_ids": [str(FACULTY)], "roles": []}, True),
        ({"everyone": False, "business_unit_ids": [str(OTHER), str(DEPARTMENT)], "roles": []}, True),
        ({"everyone": False, "business_unit_ids": [str(OTHER)], "roles": []}, False),
    ],
)
def test_an_audience_is_its_business_units_and_all_below(audience: dict[str, Any] | None, fits: bool) -> None:
    if fits:
        require_for_unit("x", audience, [DEPARTMENT, FACULTY])
    else:
        with pytest.raises(OfferingNotForUnit):
            require_for_unit("x", audience, [DEPARTMENT, FACULTY])


OPTIONS: list[dict[str, Any]] = [
    {"key": "size", "kind": "choice", "choices": ["s", "l"], "required": True},
    {"key": "disk", "kind": "quantity", "minimum": "20", "maximum": "500"},
    {"key": "patched", "kind": "flag"},
    {"key": "seats", "kind": "add_on", "maximum": "5"},
    {"key": "hue", "kind": "of the future"},
]


@pytest.mark.parametrize(
    ("chosen", "pointers"),
    [
        ({"size": "s", "disk": "20.5", "patched": True, "seats": 5, "hue": [1]}, []),
        ({}, ["/options/size"]),
        ({"size": {}, "disk": 501, "patched": 1, "seats": "1.5"}, ["size", "disk", "patched", "seats"]),
        ({"size": "s", "disk": "19.99", "seats": -1, "a/b": 1}, ["/options/a~1b", "disk", "seats"]),
        ({"size": "s", "disk": 20.5, "seats": True}, ["disk", "seats"]),
    ],
)
def test_options_are_held_against_their_description(chosen: dict[str, Any], pointers: list[str]) -> None:
    wanted = [pointer if pointer.startswith("/") else f"/options/{pointer}" for pointer in pointers]
    if not wanted:
        require_options(OPTIONS, chosen, name="x")
        return
    with pytest.raises(OptionsNotValid) as refused:
        require_options(OPTIONS, chosen, name="x")
    assert [fault.pointer for fault in refused.value.faults] == wanted


def test_an_offering_that_describes_no_options_takes_any() -> None:
    require_options([], {"environment": "production"}, name="x")
