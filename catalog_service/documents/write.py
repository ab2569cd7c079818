"""Catalogue documents are written entry by entry, in YAML or JSON; memory holds no more than one entry.

In YAML any text that is not plain words is quoted, so that readers of YAML 1.1 and of 1.2 see the same: `no`, `1e3`,
`12:30` and `2026-11-01` stay text for both. Longer texts are blocks where a block keeps every character of them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import yaml

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_WIDE = 1 << 30  # no line is folded
# A word, then whatever no reader takes for anything but text. Words that mean something in either YAML are quoted.
_PLAIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ](?:[A-Za-zÀ-ÖØ-öø-ÿ0-9 ,.()/_%+-]*[A-Za-zÀ-ÖØ-öø-ÿ0-9.)%])?")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# Lines of printable text that neither begin nor end with a space; the first and the last are not empty.
_BLOCK = re.compile(r"[!-~À-ÿ](?:[ -~À-ÿ]*[!-~À-ÿ])?(?:\n+[!-~À-ÿ](?:[ -~À-ÿ]*[!-~À-ÿ])?)+\n?")


class _Dumper(_DUMPER):  # type: ignore[misc, valid-type]  # one of PyYAML's two, which have no types in common
    def ignore_aliases(self, data: Any) -> bool:
        """An equal part is written out again: files that are read here hold no aliases."""
        return True


def _text(dumper: Any, value: str) -> Any:
    style: str | None = '"'
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        style = None
    elif "\n" in value and _BLOCK.fullmatch(value):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


class Writer(Protocol):
    """Pieces of text that make a document when they are put together in this order."""

    media_type: str

    def begin(self, head: Mapping[str, Any]) -> str: ...
    def begin_section(self, name: str) -> str: ...
    def entry(self, fields: Mapping[str, Any]) -> str: ...
    def begin_inner(self, name: str) -> str: ...
    def inner(self, fields: Mapping[str, Any]) -> str: ...
    def end_inner(self) -> str: ...
    def end_entry(self) -> str: ...
    def end_section(self) -> str: ...
    def end(self) -> str: ...


class YamlWriter:
    media_type = "application/yaml"

    def __init__(self) -> None:
        self._name = ""
        self._empty = True

    def begin(self, head: Mapping[str, Any]) -> str:
        return self._dumped(head)

    def begin_section(self, name: str) -> str:
        self._name, self._empty = name, True
        return ""

    def entry(self, fields: Mapping[str, Any]) -> str:
        text = self._dumped([fields])
        if self._empty:
            self._empty = False
            return f"{self._name}:\n{text}"
        return text

    def begin_inner(self, name: str) -> str:
        return f"  {name}:\n"

    def inner(self, fields: Mapping[str, Any]) -> str:
        return "".join(
            f"  {line}" if line != "\n" else line for line in self._dumped([fields]).splitlines(keepends=True)
        )

    def end_inner(self) -> str:
        return ""

    def end_entry(self) -> str:
        return ""

    def end_section(self) -> str:
        return f"{self._name}: []\n" if self._empty else ""

    def end(self) -> str:
        return ""

    def _dumped(self, value: Any) -> str:
        text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDE)
        return text


class JsonWriter:
    media_type = "application/json"

    def __init__(self) -> None:
        self._between: list[str] = []

    def begin(self, head: Mapping[str, Any]) -> str:
        return json.dumps(head, ensure_ascii=False)[:-1]

    def begin_section(self, name: str) -> str:
        self._between.append("\n")
        return f",\n{json.dumps(name)}: ["

    def entry(self, fields: Mapping[str, Any]) -> str:
        return self._separator() + json.dumps(fields, ensure_ascii=False)[:-1]

    def begin_inner(self, name: str) -> str:
        self._between.append("\n  ")
        return f", {json.dumps(name)}: ["

    def inner(self, fields: Mapping[str, Any]) -> str:
        return self._separator() + json.dumps(fields, ensure_ascii=False)

    def end_inner(self) -> str:
        self._between.pop()
        return "]"

    def end_entry(self) -> str:
        return "}"

    def end_section(self) -> str:
        self._between.pop()
        return "]"

    def end(self) -> str:
        return "}\n"

    def _separator(self) -> str:
        between = self._between[-1]
        if not between.startswith(","):
            self._between[-1] = f",{between}"
        return between


def written(writer: Writer, document: Mapping[str, Any], inner: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A whole document that is in memory; a section's lists that `inner` names are written one by one."""
    yield writer.begin({name: part for name, part in document.items() if not isinstance(part, list)})
    for section, entries in document.items():
        if not isinstance(entries, list):
            continue
        yield writer.begin_section(section)
        for fields in entries:
            lists = [name for name in inner.get(section, ()) if fields.get(name)]
            yield writer.entry({name: value for name, value in fields.items() if name not in lists})
            for name in lists:
                yield writer.begin_inner(name)
                for each in fields[name]:
                    yield writer.inner(each)
                yield writer.end_inner()
            yield writer.end_entry()
        yield writer.end_section()
    yield writer.end()
