"""Catalogue documents as text: what is written is read again, and what cannot be read is refused with its line."""

import io
import json
import tempfile
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog_service.documents import (
    Entry,
    FaultList,
    JsonWriter,
    NotReadable,
    YamlWriter,
    json_marks,
    line_of,
    read_catalogue,
    read_entities,
    written,
    yaml_marks,
)
from catalog_service.documents.yaml_marks import plain_value

SECTIONS = {"taxonomy": (), "services": ("offerings",)}
INNER = {"services": ("offerings",)}


def read(text: str | bytes, *, as_json: bool = False) -> tuple[list[Entry], list[str]]:
    data = text.encode() if isinstance(text, str) else text
    faults = FaultList()
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        marks = json_marks(file) if as_json else yaml_marks(file)
        entries = list(read_catalogue(marks, faults, SECTIONS, 1))
    return entries, [f"{fault.pointer} {fault.message}" for fault in faults.shown()]


def together(entries: list[Entry]) -> dict[str, Any]:
    """The document that `entries` came from."""
    tops = {entry.number: dict(entry.value) for entry in entries if entry.within is None}
    for entry in entries:
        if entry.within is not None:
            tops[entry.within].setdefault(entry.section, []).append(entry.value)
    document: dict[str, Any] = {"itaas_catalogue": 1, "taxonomy": [], "services": []}
    for entry in sorted(entries, key=lambda entry: entry.number):
        if entry.within is None:
            document[entry.section].append(tops[entry.number])
    return document


SPECIAL = [
    *(
        "no",
        "No",
        "on",
        "~",
        "null",
        "",
        " ",
        "0x1F",
        "0o17",
        "017",
        "1e3",
        "12:30",
        "2026-11-01",
        "1_000",
        ".inf",
        "=",
        "<<",
    ),
    *(
        "- a",
        "a: b",
        "a #b",
        "# a",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'a",
        '"a',
        "?",
        "|",
        ">",
        "{",
        "[",
        "a\tb",
        "\ta",
    ),
    *(
        "two\nlines",
        "two\n",
        "\ntwo",
        "a\n\n\nb\n",
        "a \nb",
        " a\nb",
        "a\n  b",
        "a\r\nb",
        "a\u0085b",
        "a\u2028b",
        "\ufeff",
        "\x7f",
    ),
    *(
        "😀",
        "a😀\nb",
        "\U0010ffff",
        "\x1b[1m",
        "---",
        "...",
        "a\n---\nb",
        "naïve café",
        "ünï:",
        "tab\there",
        "trailing ",
    ),
]
TEXT = st.one_of(st.sampled_from(SPECIAL), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), TEXT
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=8,
)
FIELDS = st.dictionaries(TEXT.filter(lambda name: name != "offerings"), JSON, min_size=1, max_size=5)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    services = draw(st.lists(FIELDS, max_size=3))
    for service in services:
        if offerings := draw(st.lists(FIELDS, max_size=2)):
            service["offerings"] = offerings
    return {"itaas_catalogue": 1, "taxonomy": draw(st.lists(FIELDS, max_size=3)), "services": services}


@settings(max_examples=150, deadline=None)
@given(documents())
@example({"itaas_catalogue": 1, "taxonomy": [{text: text} for text in SPECIAL], "services": []})
@example({"itaas_catalogue": 1, "taxonomy": [{"a": [[1, [2, {}]], [], [None, -0.0, 1e300]]}], "services": []})
def test_what_is_written_is_what_is_read(document: dict[str, Any]) -> None:
    for as_json, writer in ((False, YamlWriter()), (True, JsonWriter())):
        text = "".join(written(writer, document, INNER))
        entries, faults = read(text, as_json=as_json)
        assert faults == []
        assert together(entries) == document


@pytest.mark.parametrize("text", [text for text in SPECIAL if text])
def test_a_reader_of_yaml_1_1_sees_the_same_text(text: str) -> None:
    document = {"itaas_catalogue": 1, "taxonomy": [{"text": text, "more": [text]}], "services": []}
    assert yaml.safe_load("".join(written(YamlWriter(), document, INNER))) == document


def test_json_that_escapes_everything_is_read() -> None:
    document = {"itaas_catalogue": 1, "taxonomy": [{"a": "😀 \\/ \b\f\u2028"}], "services": []}
    entries, faults = read(json.dumps(document, indent=1), as_json=True)
    assert (together(entries), faults) == (document, [])
    assert entries[0].lines == [4, 5]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        *[("true", True), ("TRUE", True), ("False", False), ("7", 7), ("+7", 7), ("-7", -7), ("007", 7)],
        *[("0o17", 15), ("0x1F", 31), ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-1.5E-2", -0.015)],
        *[(text, text) for text in ("yes", "no", "on", "off", "y", "12:30", "190:20:30", "2026-11-01", "1_000")],
        *[(text, text) for text in ("0b11", "1,5", "nULL", "tRUE", "-", "+", ".", "-.", "1e", "0o8", "0xg", "=", "<<")],
    ],
)
def test_plain_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    found = plain_value(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("itaas_catalogue: 1\ntaxonomy:\n- a: &x 1\n  b: *x\n", "/taxonomy/0/b line 4: *x: aliases"),
        ("itaas_catalogue: 1\ntaxonomy:\n- a: !!python/object:os.system x\n", "/taxonomy/0/a line 3: the tag"),
        ("itaas_catalogue: 1\ntaxonomy:\n- a: !!str 1\n", "/taxonomy/0/a line 3: the tag"),
        ("itaas_catalogue: 1\ntaxonomy:\n- a: 1\n  b: 2\n  a: 3\n", "/taxonomy/0/a line 5: is given twice"),
        ("itaas_catalogue: 1\ntaxonomy:\n- {b: {x: 1, x: 2}}\n", "/taxonomy/0/b/x line 3: is given twice"),
        ("itaas_catalogue: 1\ntaxonomy:\n- 1: 2\n", "/taxonomy/0 line 3: a name must be text"),
        ("itaas_catalogue: 1\ntaxonomy:\n- [a]: 2\n", "/taxonomy/0 line 3: a name must be text"),
        ("itaas_catalogue: 1\ntaxonomy:\n- a: .nan\n", "/taxonomy/0/a line 3: .nan is no number"),
        ("itaas_catalogue: 1\ntaxonomy:\n- a: 1e999\n", "/taxonomy/0/a line 3: is no number"),
        ('itaas_catalogue: 1\ntaxonomy:\n- a: "\\0"\n', "/taxonomy/0/a line 3: holds NUL"),
        ("itaas_catalogue: 1\ntaxonomy:\n- just text\n", "/taxonomy/0 line 3: must be a mapping"),
        ("itaas_catalogue: 1\ntaxonomy: text\n", "/taxonomy line 2: must be a list"),
        ("itaas_catalogue: 1\ntaxonomy: []\ntaxonomy: []\n", "/taxonomy line 3: is given twice"),
        ("itaas_catalogue: 1\nprices: []\n", "/prices line 2: is no section"),
        ("itaas_catalogue: 2\n", "/itaas_catalogue line 1: must be 1"),
        ("itaas_catalogue: true\n", "/itaas_catalogue line 1: must be 1"),
        ("taxonomy: []\n", "/itaas_catalogue line 1: is missing"),
        (
            "itaas_catalogue: 1\nservices:\n- a: 1\n  offerings:\n  - x: 1\n  - y\n",
            "/services/0/offerings/1 line 6: must be",
        ),
        (
            "itaas_catalogue: 1\nservices:\n- a: 1\n  offerings: {b: 1}\n",
            "/services/0/offerings line 4: must be a list",
        ),
    ],
)
def test_faults_that_can_be_passed_over_are_all_told(text: str, fault: str) -> None:
    _, faults = read(text)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("# nothing\n", 1),
        ("- a\n", 1),
        ("a: b\n c: d\n", 2),
        ("a: [1, 2\n", 2),
        ("a: 1\n---\nb: 1\n", 2),
        ("\t\n", 1),
        ("a: 1\nb: " + "[" * 100, 2),
        ("a: {}}\n", 1),
        ("a: '\n\n", 3),
        ('a: "\\x"', 1),
    ],
)
def test_a_text_that_is_no_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(NotReadable) as refused:
        read(text)
    assert refused.value.line == line


@pytest.mark.parametrize("data", [b"\xff\xfe\xfa", b"a: \xff\n", b"\x80", b"a: \x00"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(NotReadable):
        read(data)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1,]",
        "{,}",
        '{"a" 1}',
        '{"a":}',
        '{"a":1,}',
        "{1: 2}",
        "01",
        "1 2",
        "{'a': 1}",
        "NaN",
        '"\\x"',
        '"\t"',
        "[1}",
        "[" * 100,
        "-",
        "1.",
        "tru",
        '{"a": "',
        "9" * 400,
        '"\\ud800',
        ",",
        "]",
        ":",
    ],
)
def test_a_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NotReadable) as refused:
        read(text, as_json=True)
    assert refused.value.line == 1


def test_half_a_character_in_json_is_a_fault() -> None:
    _, faults = read('{"itaas_catalogue": 1,\n "taxonomy": [{"a": "\\ud800"}]}', as_json=True)
    assert faults == ["/taxonomy/0/a line 2: holds NUL or half a character"]


def test_exploding_files_are_refused_at_once() -> None:
    laughs = "a: &a [lol]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    begun = time.perf_counter()
    _, faults = read(laughs)
    assert any("aliases are not read" in fault for fault in faults)
    for deep in ("[" * 1_000_000, "- " * 1_000_000, "{a: " * 500_000, "? " * 500_000):
        with pytest.raises(NotReadable):
            read(
                f"itaas_catalogue: 1\ntaxonomy: {deep}" if deep[0] in "[{" else f"itaas_catalogue: 1\ntaxonomy:\n{deep}"
            )
    with pytest.raises(NotReadable, match="more than 40000 parts"):
        read("itaas_catalogue: 1\ntaxonomy:\n- a: [" + "1," * 100_000 + "]")
    with pytest.raises(NotReadable, match="more than 64 levels"):
        read('{"a":' * 1_000_000, as_json=True)
    assert time.perf_counter() - begun < 5


def test_of_many_faults_the_first_thousand_are_told_and_all_counted() -> None:
    text = "itaas_catalogue: 1\ntaxonomy:\n" + "- text\n" * 1_500
    _, faults = read(text)
    assert len(faults) == 1_001
    assert faults[0] == "/taxonomy/0 line 3: must be a mapping"
    assert faults[-1] == " and 500 more"


def test_every_part_of_an_entry_has_its_line() -> None:
    text = """\
itaas_catalogue: 1
services:
- name: A
  tier:
    attributes:
      - key: ram
        value: 1
      - {key: cpu,
         value: 2}
  offerings:
  - name: X
    tier: null
  after: 1
"""
    offering, service = read(text)[0]
    lines = [
        line_of(service, path)
        for path in (["name"], ["tier", "attributes", 1], ["tier", "attributes", 1, "value"], ["after"], ["none"], [])
    ]
    assert lines == [3, 8, 9, 13, 3, 3]
    assert line_of(service, ["tier", "none"]) == 4
    assert line_of(offering, ["tier"]) == 12
    assert offering.within == service.number


def test_entities_are_documents_or_items_of_a_list() -> None:
    faults = FaultList()
    text = b"---\n---\nkind: A\n---\n- kind: B\n- 7\n---\ntext\n"
    entries = list(read_entities(yaml_marks(io.BytesIO(text)), faults))
    assert [(entry.pointer, entry.value["kind"], entry.lines[0]) for entry in entries] == [
        ("/0", "A", 3),
        ("/1", "B", 5),
    ]
    assert [fault.message for fault in faults.shown()] == [
        "line 6: an entity is a mapping",
        "line 8: an entity is a mapping",
    ]
