"""The first pass of an import: from the file to entries on disk, and to what each of them is known as.

Memory holds the names and places of all entries, but the content of none. Runs on a thread.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

from catalog_service.documents import Entry, FaultList, json_marks, read_catalogue, read_entities, yaml_marks
from catalog_service.domain import backstage
from catalog_service.domain.interchange import KEY_SYSTEM
from catalog_service.schemas.interchange import ALL, SECTIONS, VERSION

BATCH = 200


class Spool:
    """Records of one section on disk, in their order."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # closed by whoever has made it
        self.count = 0

    def add(self, record: Any) -> None:
        self._file.write(json.dumps(record) + "\n")
        self.count += 1

    def batches(self, size: int = BATCH) -> Iterator[list[Any]]:
        self._file.seek(0)
        while batch := [json.loads(line) for line in islice(self._file, size)]:
            yield batch

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True)
class Place:
    """Which thing an entry is: its id, and whether the catalogue has it already."""

    line: int
    pointer: str
    id: UUID | None = None
    known: bool = False


@dataclass(slots=True)
class Reading:
    """What a file holds."""

    faults: FaultList = field(default_factory=FaultList)
    spools: dict[str, Spool] = field(default_factory=lambda: {name: Spool() for name in ALL})
    places: dict[str, dict[int, Place]] = field(default_factory=lambda: {name: {} for name in ALL})
    # Of each section: id or `system:id` -> the number of the entry that it names.
    names: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in ALL})
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(spool.count for spool in self.spools.values())

    def close(self) -> None:
        for spool in self.spools.values():
            spool.close()

    def add(self, entry: Entry) -> None:
        place = Place(entry.lines[0], entry.pointer)
        self.places[entry.section][entry.number] = place
        if entry.section != "revisions":
            self._note_names(entry, place)
        record = (entry.section, entry.number, entry.within, entry.pointer, entry.value, entry.lines, entry.origin)
        self.spools[entry.section].add(record)

    def _note_names(self, entry: Entry, place: Place) -> None:
        names = list(_names(entry.value))
        if not names:
            what = "an id, a key or an external id: without one it could not be recognised when it comes again"
            self.faults.add(place.line, entry.pointer, f"needs {what}")
        taken = self.names[entry.section]
        for name in names:
            other = taken.setdefault(name, entry.number)
            if other != entry.number:
                line = self.places[entry.section][other].line
                self.faults.add(
                    place.line, entry.pointer, f"{name} is already the {_one(entry.section)} of line {line}"
                )


def _one(section: str) -> str:
    return ALL[section].singular


def _names(value: dict[str, Any]) -> Iterator[str]:
    """What an entry says it is known as; what is not well formed is told later, by its body."""
    if isinstance(said := value.get("id"), str):
        with suppress(ValueError):
            yield str(UUID(said))
    if isinstance(key := value.get("key"), str) and key:
        yield f"{KEY_SYSTEM}:{key}"
    given = value.get("external_ids")
    for each in given if isinstance(given, list) else ():
        if isinstance(each, dict) and isinstance(each.get("system"), str) and isinstance(each.get("id"), str):
            yield f"{each['system']}:{each['id']}"


def entry_of(record: Any) -> Entry:
    return Entry(*record)


def read(file: BinaryIO, reading: Reading, *, is_json: bool, entities: bool | None) -> Iterator[int]:
    """Read `file` into `reading`; yields how many entries it has read. Raises NotReadable.

    `entities`: whether it holds Backstage's entities; None: if its first document says so.
    """
    file.seek(0)
    if entities is None:
        entities = _holds_entities(file, is_json=is_json)
        file.seek(0)
    marks = json_marks(file) if is_json else yaml_marks(file)
    if entities:
        found = read_entities(marks, reading.faults)
        entries = cast(Iterator[Entry], backstage.converted(found, reading.faults.add, reading.skipped))
    else:
        entries = read_catalogue(marks, reading.faults, SECTIONS, VERSION)
    for done, entry in enumerate(entries, 1):
        reading.add(entry)
        yield done


def _holds_entities(file: BinaryIO, *, is_json: bool) -> bool:
    """Whether the first mapping of the file has a member `apiVersion` or `kind`, and not one of a catalogue."""
    from catalog_service.documents.marks import LIST, LIST_END, MAP, MAP_END, SCALAR

    depth, is_name = 0, False
    for mark in json_marks(file) if is_json else yaml_marks(file):
        if mark.kind in (MAP, LIST):
            depth += mark.kind == MAP or depth > 0
            is_name = mark.kind == MAP and depth == 1
        elif mark.kind in (MAP_END, LIST_END):
            depth -= 1
            if depth <= 0:
                return False
            is_name = depth == 1
        elif mark.kind == SCALAR and depth == 1:
            if is_name and mark.value in ("apiVersion", "kind"):
                return True
            if is_name and mark.value in ("itaas_catalogue", *SECTIONS):
                return False
            is_name = not is_name
    return False
