"""Meters read what their paths say, and nothing else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.meters import (
    Aggregation,
    AggregationIsFixed,
    PathNotReadable,
    ValuePathMissing,
    at_path,
    check_version,
    path,
    plain_text,
)

D = Decimal
DATA: dict[str, Any] = {"a": {"b c": [10, {"d": "x"}]}, "€": "1", "n": None}


@pytest.mark.parametrize(
    ("text", "steps", "value"),
    [
        ("$", (), DATA),
        ("$.a['b c'][0]", ("a", "b c", 0), 10),
        ('$["a"]["b c"][1].d', ("a", "b c", 1, "d"), "x"),
        ("$.€", ("€",), "1"),
        ("$.n", ("n",), None),
        ("$.a['b c'][7]", ("a", "b c", 7), None),
        ("$.a[0]", ("a", 0), None),
        ("$.€.x", ("€", "x"), None),
    ],
)
def test_a_path_finds_one_value_or_none(text: str, steps: tuple[str | int, ...], value: object) -> None:
    assert path(text) == steps
    assert at_path(DATA, path(text)) == value


@pytest.mark.parametrize(
    "text", ["", "a", "$a", "$.", "$..a", "$.*", "$[*]", "$[-1]", "$[01]", "$[1:2]", "$['a\\'b']", "$.a ", "$.a[?@.b]"]
)
def test_what_could_find_two_values_is_no_path(text: str) -> None:
    with pytest.raises(PathNotReadable) as refused:
        path(text, pointer="/value_path")
    assert refused.value.faults[0].pointer == "/value_path"


@given(st.text(max_size=30))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        steps = path("$" + text)
    except PathNotReadable:
        return
    assert at_path({}, steps) is None or steps == ()


def test_a_path_is_bounded() -> None:
    for text in ("$" + ".a" * 17, "$." + "a" * 300):
        with pytest.raises(PathNotReadable):
            path(text)


def test_versions_keep_the_aggregation_and_name_their_value() -> None:
    check_version(Aggregation.COUNT, None, before=None)
    check_version(Aggregation.SUM, "$.x", before=Aggregation.SUM)
    with pytest.raises(AggregationIsFixed):
        check_version(Aggregation.MAX, "$.x", before=Aggregation.SUM)
    with pytest.raises(ValuePathMissing):
        check_version(Aggregation.UNIQUE_COUNT, None, before=None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu", "eu"),
        (True, "true"),
        (5, "5"),
        (D("1.50"), "1.5"),
        (D("1E+2"), "100"),
        (D("0.00"), "0"),
        (None, None),
        ([], None),
    ],
)
def test_values_become_one_text(value: object, text: str | None) -> None:
    assert plain_text(value) == text
    assert plain_text("x" * 300) is None
