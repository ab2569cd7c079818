"""The versions of an import's offerings, beside those that the catalogue has of the same series, and the bundles.

What the API would refuse of a version is a fault of the import: a number or a time that another version has, and a
bundle on offer of which a part is not. What the file leaves as it is is not judged: so it was, and an export imports.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.documents import Entry, FaultList, line_of
from catalog_service.domain import relation, validity
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.validity import Window

Bundles = Mapping[UUID, Sequence[UUID]]
# The fields that say where and when a version stands in its series.
OF_VERSIONS = frozenset({"state", "series_id", "number", "valid_from", "valid_until", "published_at"})
_TOLD = ("number", "series_id", "state", "valid_from", "valid_until")
_NOBODY_KNOWS = Window(0, datetime.min)


@dataclass(frozen=True, slots=True)
class _InFile:
    line: int
    pointer: str
    lines: Mapping[str, int]  # of its parts that faults are about
    members: Sequence[int]  # the lines of what it holds
    changed: bool


@dataclass(frozen=True, slots=True)
class _Version:
    """As it would be after the import. `state` is None where its entry does not say what can be understood."""

    series_id: UUID
    service_id: UUID
    state: OfferingState | None
    window: Window
    entry: _InFile | None = None  # None: the catalogue's

    @property
    def changed(self) -> bool:
        return self.entry is not None and self.entry.changed

    @property
    def called(self) -> str:
        where = "in the catalogue" if self.entry is None else f"line {self.entry.line}"
        return f"version {self.window.number} {self.window.name!r} ({where})"

    def tell(self, faults: FaultList, part: str, message: str) -> None:
        if self.entry is not None:
            line = self.entry.lines.get(part, self.entry.line)
            faults.add(line, f"{self.entry.pointer}/{part}", message)


class Versions:
    """The offerings of one import, and those that the catalogue has around them."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now
        self._found: dict[UUID, _Version] = {}

    def put(
        self,
        entry: Entry,
        offering_id: UUID,
        service_id: UUID,
        new: Mapping[str, Any],
        published_at: datetime | None,
        *,
        changed: bool,
        understood: bool,
    ) -> None:
        """Note an offering as it would be; `understood` unless something of its state, series or window is not."""
        begins = _instant(new["valid_from"]) or published_at or self._now
        self._found[offering_id] = _Version(
            UUID(new["series_id"]) if new["series_id"] else offering_id,
            service_id,
            OfferingState(new["state"]) if understood else None,
            Window(new["number"], begins, _instant(new["valid_until"]), new["name"]),
            _InFile(
                entry.lines[0],
                entry.pointer,
                {
                    part: line_of(entry, [part])
                    for part in ("number", "series_id", "state", "valid_from", "valid_until")
                },
                [line_of(entry, ["bundle", place, "offering_id"]) for place in range(len(new["bundle"]))],
                changed,
            ),
        )

    async def load(self, session: AsyncSession, in_file: Iterable[UUID], bundles: Bundles) -> None:
        """The other versions in the catalogue of what the file holds and of what `bundles` hold, and these bundles.

        What is `in_file` but was not put is there in a state that nobody knows.
        """
        hidden = set(in_file) - self._found.keys()
        ids = {each for bundle, members in bundles.items() if members for each in (bundle, *members)}
        series = {version.series_id for version in self._found.values()}
        series |= set((await queries.series_of(session, ids)).values())
        async for row in queries.versions_in(session, series):
            if row.id in self._found:
                continue
            begins = row.valid_from or row.published_at or self._now
            self._found[row.id] = _Version(
                row.series_id,
                row.service_id,
                None if row.id in hidden else row.state,
                Window(row.number, begins, row.valid_until, row.name),
            )

    def check(self, bundles: Bundles, faults: FaultList) -> None:
        series: dict[UUID, list[_Version]] = defaultdict(list)
        for version in self._found.values():
            series[version.series_id].append(version)
        for versions in series.values():
            if len(versions) > 1 and any(version.changed for version in versions):
                versions.sort(key=lambda each: (each.entry is not None, each.window.number))
                _check_series(versions, faults)
        for bundle_id, members in bundles.items():
            bundle = self._found.get(bundle_id)
            if members and bundle is not None and bundle.state in queries.ON_OFFER:
                self._check_bundle(bundle, members, series, faults)

    def _check_bundle(
        self, bundle: _Version, members: Sequence[UUID], series: Mapping[UUID, list[_Version]], faults: FaultList
    ) -> None:
        current: dict[UUID, Window] = {}
        around: list[list[_Version]] = []
        for member in members:
            known = self._found.get(member)
            around.append([] if known is None else series[known.series_id])
            for version in around[-1]:
                if version.state is OfferingState.PUBLISHED:
                    current[member] = version.window
            if not around[-1] or any(version.state is None for version in around[-1]):
                current.setdefault(member, _NOBODY_KNOWS)
        names = {member: self._found[member].window.name for member in members if member in self._found}
        for fault in relation.bundle_gaps(members, current, names, bundle.window.ends):
            place = int(fault.pointer.split("/")[2])
            if bundle.changed and bundle.entry is not None:
                line = bundle.entry.members[place] if place < len(bundle.entry.members) else bundle.entry.line
                faults.add(line, f"{bundle.entry.pointer}{fault.pointer}", fault.message)
                continue
            part = "valid_until" if members[place] in current else "state"
            for version in around[place]:
                if version.changed:
                    version.tell(faults, part, f"it is part of the bundle {bundle.window.name!r}: {fault.message}")
                    break


def _check_series(versions: Sequence[_Version], faults: FaultList) -> None:
    """`versions` of one series, those of the catalogue first."""
    first = versions[0]
    taken: dict[int, _Version] = {}
    for version in versions:
        if version.service_id != first.service_id:
            version.tell(faults, "series_id", f"is the series of another service: {first.called}")
        before = taken.setdefault(version.window.number, version)
        if before is not version:
            version.tell(faults, "number", f"this number of the series is that of {before.called}")
    on_offer = [version for version in versions if version.state in queries.ON_OFFER]
    meetings = validity.meetings([version.window for version in on_offer])
    told = set()
    for pair in meetings:
        teller, other = _teller(*(on_offer[place] for place in pair))
        told |= set(pair)
        if teller.changed:
            end = f"until {other.window.ends:%FT%TZ}" if other.window.ends else "on"
            message = f"meets the window of {other.called}, valid from {other.window.begins:%FT%TZ} {end}"
            teller.tell(faults, "valid_from", message)
    published = [
        version
        for place, version in enumerate(on_offer)
        if version.state is OfferingState.PUBLISHED and place not in told
    ]
    for one, next_one in pairwise(published):
        teller, other = _teller(one, next_one)
        if teller.changed:
            teller.tell(faults, "state", f"of a series one version at most is published, and so is {other.called}")


def _teller(one: _Version, other: _Version) -> tuple[_Version, _Version]:
    """Of two versions that cannot both be, the one that is told of, and the other one."""
    last = max(one, other, key=lambda each: (each.changed, each.window.number, each.entry.line if each.entry else 0))
    return last, one if last is other else other


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
