"""From marks to entries: one thing of the catalogue at a time, so that memory holds no more than the largest.

An entry keeps the line of each of its parts, in the order in which they stand, so that whoever finds a fault in one
later can still say where it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog_service.documents.faults import FaultList
from catalog_service.documents.marks import DOCUMENT, LIST, LIST_END, MAP, MAP_END, SCALAR, Mark, NotReadable

Path = Sequence[str | int]
MOST_PARTS = 40_000  # of an entry, as of a request's body
MOST_CHARACTERS = 2 << 20


@dataclass(slots=True)
class Entry:
    """A thing as the file tells of it: `section` names its kind, `within` the number of the entry that it is in."""

    section: str
    number: int
    within: int | None
    pointer: str
    value: dict[str, Any]
    lines: list[int]
    origin: str = ""  # where it is converted from, if it is not an entry of a catalogue itself


def line_of(entry: Entry, path: Path) -> int:
    """The line of the part at `path`; of what is missing, that of what it is missing from."""
    if entry.origin:
        return entry.lines[0]
    place, line, node = 0, entry.lines[0], entry.value
    for part in path:
        place += 1
        members: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for name, value in members:
            if name == part:
                node, line = value, entry.lines[place]
                break
            place += _parts(value)
        else:
            break
    return line


def _parts(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_parts, value.values()))
    return 1 + sum(map(_parts, value)) if isinstance(value, list) else 1


class _Reader:
    """Reads values from marks and notes what is wrong with them on the way."""

    def __init__(self, marks: Iterator[Mark], faults: FaultList) -> None:
        self.marks = marks
        self.faults = faults
        self.parts = self.characters = 0

    def begin(self) -> None:
        self.parts = self.characters = 0

    def next(self) -> Mark:
        return next(self.marks)

    def value(self, mark: Mark, pointer: str, lines: list[int] | None, line: int | None = None) -> Any:
        """The value that begins with `mark`; `line` is that of its name."""
        if lines is not None:
            lines.append(line or mark.line)
            self.parts += 1
            if self.parts > MOST_PARTS:
                raise NotReadable(mark.line, f"one entry has more than {MOST_PARTS} parts")
        if mark.fault is not None:
            self.faults.add(mark.line, pointer, mark.fault)
        if mark.kind == SCALAR:
            if isinstance(mark.value, str):
                self.characters += len(mark.value)
                if self.characters > MOST_CHARACTERS:
                    raise NotReadable(mark.line, f"one entry has more than {MOST_CHARACTERS} characters")
            return mark.value
        if mark.kind == LIST:
            return [self.value(item, f"{pointer}/{number}", lines) for number, item in enumerate(self.until(LIST_END))]
        members: dict[str, Any] = {}
        for name, at in self.members(pointer):
            value = self.value(self.next(), f"{pointer}/{escaped(name)}", lines if name not in members else None, at)
            if name in members:
                self.faults.add(at, f"{pointer}/{escaped(name)}", "is given twice")
            else:
                members[name] = value
        return members

    def until(self, end: str) -> Iterator[Mark]:
        while (mark := self.next()).kind != end:
            yield mark

    def members(self, pointer: str) -> Iterator[tuple[str, int]]:
        """The names in a mapping with their lines; the caller takes each one's value before it asks on."""
        while (mark := self.next()).kind != MAP_END:
            if mark.kind == SCALAR and isinstance(mark.value, str):
                self.characters += len(mark.value)
                yield mark.value, mark.line
                continue
            what = mark.fault or "a name must be text; quote it"
            self.value(mark, pointer, None)
            if mark.fault is None:
                self.faults.add(mark.line, pointer, what)
            self.value(self.next(), pointer, None)


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def read_catalogue(
    marks: Iterator[Mark], faults: FaultList, sections: Mapping[str, Sequence[str]], version: int
) -> Iterator[Entry]:
    """The entries of a catalogue document. `sections` names its sections, and of each the lists of things within.

    Those within come before the one that they are in: its other fields may stand after them. Raises NotReadable.
    """
    reader = _Reader(marks, faults)
    numbers = iter(range(1 << 62))
    _document(reader)
    root = reader.next()
    if root.kind != MAP:
        raise NotReadable(root.line, "a catalogue is a mapping with itaas_catalogue: 1 in it")
    seen: set[str] = set()
    for name, line in reader.members(""):
        first = reader.next()
        reader.begin()
        if name in seen:
            faults.add(line, f"/{escaped(name)}", "is given twice")
        seen.add(name)
        if name == "itaas_catalogue":
            said = reader.value(first, "/itaas_catalogue", None)
            if said != version or isinstance(said, bool):
                faults.add(line, "/itaas_catalogue", f"must be {version}, the version of the format")
        elif name not in sections:
            reader.value(first, f"/{escaped(name)}", None)
            faults.add(line, f"/{escaped(name)}", f"is no section; there are {', '.join(sections)}")
        elif first.kind == LIST:
            yield from _entries(reader, name, f"/{name}", None, sections[name], numbers)
        elif reader.value(first, f"/{name}", None) is not None:
            faults.add(line, f"/{name}", "must be a list")
    if "itaas_catalogue" not in seen:
        faults.add(root.line, "/itaas_catalogue", f"is missing; it must be {version}")
    for mark in marks:
        if mark.kind == DOCUMENT:
            raise NotReadable(mark.line, "a catalogue is one document; only Backstage's entities may be several")


def _entries(
    reader: _Reader, section: str, pointer: str, within: int | None, inner: Sequence[str], numbers: Iterator[int]
) -> Iterator[Entry]:
    for index, mark in enumerate(reader.until(LIST_END)):
        here = f"{pointer}/{index}"
        reader.begin()
        if mark.kind != MAP:
            reader.value(mark, here, None)
            reader.faults.add(mark.line, here, "must be a mapping")
            continue
        entry = Entry(section, next(numbers), within, here, {}, [mark.line])
        if mark.fault is not None:
            reader.faults.add(mark.line, here, mark.fault)
        seen: set[str] = set()
        for name, line in reader.members(here):
            first, below = reader.next(), f"{here}/{escaped(name)}"
            if name in seen:
                reader.value(first, below, None)
                reader.faults.add(line, below, "is given twice")
            elif name in inner and first.kind == LIST:
                parts, characters = reader.parts, reader.characters
                yield from _entries(reader, name, below, entry.number, (), numbers)
                reader.parts, reader.characters = parts, characters
            elif name not in inner:
                entry.value[name] = reader.value(first, below, entry.lines, line)
            elif reader.value(first, below, None) is not None:
                reader.faults.add(line, below, "must be a list")
            seen.add(name)
        yield entry


def read_entities(marks: Iterator[Mark], faults: FaultList) -> Iterator[Entry]:
    """Backstage's entities: one a document, or as many as a list holds. Raises NotReadable."""
    reader = _Reader(marks, faults)
    number = 0
    for mark in marks:
        if mark.kind != DOCUMENT:
            continue
        first = reader.next()
        found = reader.until(LIST_END) if first.kind == LIST else iter([first])
        for root in found:
            reader.begin()
            lines: list[int] = []
            value = reader.value(root, f"/{number}", lines)
            if value is None:
                continue  # a document with nothing in it, as a leading --- leaves behind
            if not isinstance(value, dict):
                faults.add(root.line, f"/{number}", "an entity is a mapping")
            else:
                yield Entry("entities", number, None, f"/{number}", value, lines)
            number += 1


def _document(reader: _Reader) -> None:
    mark = next(reader.marks, None)
    if mark is None or mark.kind != DOCUMENT:
        raise NotReadable(1, "there is nothing in it")
