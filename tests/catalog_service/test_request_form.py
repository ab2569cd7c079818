"""Request forms: what is a valid, bounded JSON Schema 2020-12, and what is refused with its pointer."""

import time
from contextlib import suppress
from typing import Any

import pytest

from catalog_service import request_form
from catalog_service.request_form import RequestFormInvalid
from services.forms import MAX_FAULTS, FormTooHeavy, misfits

GOOD: dict[str, Any] = {
    "$schema": request_form.DIALECT,
    "type": "object",
    "required": ["cost_centre"],
    "additionalProperties": False,
    "properties": {
        "cost_centre": {"type": "string", "pattern": "^CC-[0-9]{4}$"},
        "$ref": {"type": "string", "description": "a field may be called $ref"},
        "size": {"$ref": "#/$defs/size"},
        "sizes": {"type": "array", "items": {"$ref": "#/$defs/size"}},
    },
    "$defs": {
        "size": {"enum": ["small", "large"], "default": "small", "examples": [{"$ref": "data, not a reference"}]}
    },
}


def faults(form: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(RequestFormInvalid) as refused:
        request_form.check(form)
    return {fault.pointer: fault.message for fault in refused.value.faults}


def test_a_form_with_definitions_patterns_and_awkward_names_is_accepted() -> None:
    request_form.check(GOOD)


def test_every_violation_of_the_dialect_is_named() -> None:
    form = {"type": "object", "properties": {"a": {"type": "strin"}, "b~/": {"minimum": "x"}}, "required": "a"}
    found = faults(form)
    assert set(found) == {
        "/request_form/properties/a/type",
        "/request_form/properties/b~0~1/minimum",
        "/request_form/required",
    }
    assert "JSON type" in found["/request_form/properties/a/type"]


def test_another_dialect_is_refused() -> None:
    found = faults({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
    assert list(found) == ["/request_form/$schema"]


@pytest.mark.parametrize("form", [{}, {"type": "array"}, {"type": ["object", "null"]}])
def test_a_form_describes_one_object(form: dict[str, Any]) -> None:
    assert list(faults(form)) == ["/request_form/type"]


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.org/s.json",
        "#",
        "#/properties/a",
        "#/$defs/missing",
        "other.json#/$defs/size",
        "#/$defs/a/items",
    ],
)
def test_references_stay_within_the_forms_own_definitions(reference: str) -> None:
    form = {**GOOD, "properties": {"a": {"$ref": reference}}}
    assert list(faults(form)) == ["/request_form/properties/a/$ref"]


@pytest.mark.parametrize("keyword", ["$dynamicRef", "$anchor", "definitions"])
def test_keywords_that_move_references_are_refused(keyword: str) -> None:
    value: Any = {} if keyword == "definitions" else "#a" if keyword == "$dynamicRef" else "a"
    form = {"type": "object", "properties": {"a": {keyword: value}}}
    assert f"/request_form/properties/a/{keyword}" in faults(form)


def test_a_nested_base_uri_is_refused() -> None:
    form = {"type": "object", "properties": {"a": {"$id": "https://example.org/a"}}}
    assert list(faults(form)) == ["/request_form/properties/a/$id"]


def test_a_reference_cycle_names_its_path() -> None:
    form = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"items": {"$ref": "#/$defs/leaf"}}, "leaf": {"not": {"$ref": "#/$defs/node"}}},
    }
    found = faults(form)
    assert "node -> leaf -> node" in next(iter(found.values()))


def test_a_bomb_of_references_is_refused() -> None:
    definitions: dict[str, Any] = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
        for level in range(30)
    }
    definitions["d30"] = {"type": "string"}
    found = faults({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions})
    assert "expands to" in found["/request_form"]


def test_a_long_chain_of_definitions_is_refused() -> None:
    definitions: dict[str, Any] = {f"d{level}": {"$ref": f"#/$defs/d{level + 1}"} for level in range(1_500)}
    definitions["d1500"] = {}
    assert "/request_form/$defs" in faults({"type": "object", "$defs": definitions})


@pytest.mark.parametrize("pattern", ["(?=x)y", r"(a)\1", "(", "((a{1000}){1000}){1000}"])
def test_patterns_run_in_linear_time_or_not_at_all(pattern: str) -> None:
    found = faults({"type": "object", "properties": {"a": {"pattern": pattern}}})
    assert list(found) == ["/request_form/properties/a/pattern"]
    found = faults({"type": "object", "patternProperties": {pattern: True}})
    assert "linear time" in next(iter(found.values()))


EXPLODING = [
    "(a+)+$",
    "(a*)*b",
    "(a|a)*",
    "(a|aa)+$",
    r"^(\w+\s?)*$",
    "(.*a){12}x",
    r"(\s*,\s*)*x",
    "(a?b?)+$",
    r"(\p{L}+)+",
]
EXPLODING += [r"(\d+|[0-9a-f]+)*z", "(?:a{1,20}){1,20}", "(?i)(x+x+)+y"]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_patterns_do_not_explode_in_a_browser(pattern: str) -> None:
    found = faults({"type": "object", "properties": {"a": {"pattern": pattern}}, "patternProperties": {pattern: True}})
    assert list(found) == ["/request_form/patternProperties", "/request_form/properties/a/pattern"]
    assert "exponentially many ways" in found["/request_form/properties/a/pattern"]


FINE = ["^[a-z0-9]+(-[a-z0-9]+)*$", r"^([0-9]{1,3}\.){3}[0-9]{1,3}$", r"^(\p{L}+ )+$", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"]
FINE += ["^(foo|bar|baz)+$", "a.*b.*c", r"^[\w.]+(,[\w.]+)*$", "(ab?)*c", "[]a]+x", r"\[(x)+\]", "(?i)^(a|b)+$"]


@pytest.mark.parametrize("pattern", FINE)
def test_patterns_with_repetitions_are_taken_where_they_are_unambiguous(pattern: str) -> None:
    request_form.check({"type": "object", "properties": {"a": {"pattern": pattern}}})


def test_judging_a_pattern_is_bounded() -> None:
    letters = [chr(0x4E00 + number) for number in range(240)]
    found = faults({"type": "object", "properties": {"a": {"pattern": "(" + "|".join(letters) + ")*"}}})
    assert "too complex" in found["/request_form/properties/a/pattern"]


def test_depth_size_and_not_a_number_are_bounded() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        deep = {"items": deep}
    assert "nested deeper" in faults({"type": "object", "properties": {"a": deep}})["/request_form"]
    assert "more than" in faults({"type": "object", "description": "x" * 70_000})["/request_form"]
    assert "not JSON" in faults({"type": "object", "default": float("nan")})["/request_form"]
    assert "surrogate" in faults({"type": "object", "properties": {"a\ud800": True}})["/request_form"]
    assert "NUL" in faults({"type": "object", "properties": {"a\0b": True}})["/request_form"]
    assert "NUL" in faults({"type": "object", "title": "a\0b"})["/request_form"]
    request_form.check({"type": "object", "title": r"C:\users\u0000 is only text"})


def test_numbers_beyond_64_bits_do_no_harm() -> None:
    request_form.check({"type": "object", "properties": {"a": {"maximum": 10**60, "multipleOf": 0.01}}})


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"properties": {"a": {"multipleOf": 1e-300}}}, "must be from 1e-15"),
        ({"properties": {"a": {"multipleOf": 1e300}}}, "must be from 1e-15"),
        ({"properties": {f"p{n}": {"pattern": rf"(a{{40}}){{40}}{n}"} for n in range(1_500)}}, "patterns, more than"),
        ({"patternProperties": {f"(a|b)*{n}c": True for n in range(1_500)}}, "patterns, more than"),
        ({"properties": {"a": {"pattern": "a" * 501}}}, "longer than 500"),
        (
            {
                "properties": {"a": {"items": {"anyOf": [{"$ref": "#/$defs/one"}] * 500}}},
                "$defs": {"one": {"enum": [f"choice {n}" for n in range(2_500)]}},
            },
            "expands to 1251503",
        ),
    ],
)
def test_forms_that_are_built_to_explode_are_refused_at_once(form: dict[str, Any], said: str) -> None:
    began = time.perf_counter()
    found = faults({"type": "object"} | form)
    assert any(said in message for message in found.values()), found
    assert time.perf_counter() - began < 2


EXPLODING: dict[str, tuple[dict[str, Any], Any]] = {
    "many faults": ({"items": {"allOf": [{"$ref": "#/$defs/x"}] * 2_000}}, ["word " * 10] * 1_000),
    "many words": ({"allOf": [{"$ref": "#/$defs/x"}] * 2_000}, "word " * 12_000),
    "many items": ({"allOf": [{"uniqueItems": True}] * 1_500}, [{"k": n, "z": {"y": n}} for n in range(4_000)]),
    "many searches": (
        {"allOf": [{"contains": {"const": -n}, "minContains": 0} for n in range(800)]},
        list(range(4_000)),
    ),
    "many names": (
        {"propertyNames": {"allOf": [{"$ref": "#/$defs/x"}] * 2_000}},
        {f"{'a' * 50}{n}": 1 for n in range(1_000)},
    ),
}


@pytest.mark.parametrize("name", EXPLODING)
@pytest.mark.parametrize("part", [1, 5, 50])
def test_answers_are_judged_in_bounded_time(name: str, part: int) -> None:
    """Whole they are refused unread, in parts they are judged; neither takes long, nor much memory."""
    field, value = EXPLODING[name]
    form = {"type": "object", "properties": {"a": field}, "$defs": {"x": {"pattern": r"^(\w+\s)*z"}}}
    request_form.check(form)
    some = value[: max(1, len(value) // part)] if isinstance(value, list | str) else dict(list(value.items())[::part])
    began = time.perf_counter()
    with suppress(FormTooHeavy):
        assert len(misfits(form, {"a": some})) <= MAX_FAULTS
    assert time.perf_counter() - began < 5


def test_answers_name_each_fault_by_its_field() -> None:
    form = {
        "type": "object",
        "required": ["a"],
        "properties": {"b~/": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert {fault.pointer for fault in misfits(form, {"b~/": "x", "c": 1})} == {"/form/a", "/form/b~0~1", "/form/c"}
    assert misfits(form, {"a": 1}) != []
    assert misfits(GOOD, {"cost_centre": "CC-0042"}) == []
