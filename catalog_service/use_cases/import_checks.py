"""The second pass of an import: every entry is checked by the rules of the API and compared with what is there.

Nothing is written to the database: what would change is kept on disk for the third pass, in the order in which it
can be written. Every fault is noted with its line; with a single one, there is no third pass.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.documents import Entry, Path, line_of
from catalog_service.domain import interchange
from catalog_service.domain.interchange import KEY_SYSTEM
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.readiness import Check, Finding
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.queries.whole import dependencies_of
from catalog_service.schemas.interchange import ALL, PAST, Section, in_order
from catalog_service.tables import Offering, Revision
from catalog_service.use_cases import import_campaigns, readiness
from catalog_service.use_cases.import_forms import NOTHING, form_of
from catalog_service.use_cases.import_graphs import TREES, Graphs
from catalog_service.use_cases.import_names import TABLES, Names
from catalog_service.use_cases.import_reading import Reading, Spool, entry_of
from catalog_service.use_cases.import_rules import Actor, changeable, faults_of, refuse_states, require_ownership
from catalog_service.use_cases.import_versions import OF_VERSIONS, Versions
from services.clock import utc_now
from services.errors import Refusal
from services.ids import uuid7

KEPT_CHANGES = 1_000
KEPT_DIFFERENCES = 100  # of one thing
_PRICING = frozenset({Check.PRICE_PLAN, Check.UNIT_COST})
_LISTS = ("dependencies", "relations", "bundle")  # of which faults name an item, by its place in the file
_OF_LIVES = frozenset({"number", "state"})
_ASKED = (("an owner", "owner_id"), ("a support contact", "support_contact"))
LIVE = frozenset({ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT, ServiceState.RETIRED})


@dataclass(slots=True)
class Plan:
    """What an import would do."""

    spools: dict[str, Spool] = field(default_factory=lambda: {name: Spool() for name in ALL})
    counts: dict[str, dict[str, int]] = field(
        default_factory=lambda: {name: {"created": 0, "updated": 0, "unchanged": 0} for name in ALL}
    )
    diff: list[dict[str, Any]] = field(default_factory=list)

    def close(self) -> None:
        for spool in self.spools.values():
            spool.close()

    def total(self, what: str) -> int:
        return sum(counts[what] for counts in self.counts.values())


@dataclass(slots=True)
class _Life:
    """A service of the file, at the end of the import: its state, and the states of its revisions by number."""

    line: int
    pointer: str
    state: ServiceState | None  # None: its form is wrong
    owner_id: str | None  # before the import
    lacks: tuple[str, ...]  # of what the readiness gate asks of a service
    revisions: dict[int, RevisionState] = field(default_factory=dict)


class Checks:
    """The second pass over one reading."""

    def __init__(self, reading: Reading, names: Names, actor: Actor) -> None:
        self.plan = Plan()
        self._reading = reading
        self._names = names
        self._actor = actor
        self._lives: dict[UUID, _Life] = {}
        self._graphs = Graphs()
        self._offered: dict[UUID, OfferingState] = {}
        # What pricing does not know yet of drafts that are to be published; of new things it cannot know anything.
        self._gaps: dict[UUID, list[Finding]] = {}
        self._now = utc_now()
        self._versions = Versions(now=self._now)
        # Of the entry at hand the fields whose form is wrong; nothing else is said about them.
        self._spoilt = NOTHING
        # Services of which nobody can tell what their revisions would be.
        self._dim: set[UUID] = set()
        self._revisions: dict[UUID, dict[int, RevisionState]] = {}

    async def run(self, session: AsyncSession) -> AsyncIterator[int]:
        """Check all entries; yields how many have been."""
        await self._graphs.load(session)
        done = 0
        for section in ALL.values():
            for records in self._reading.spools[section.name].batches():
                entries = [entry_of(record) for record in records]
                await self._names.look_up(session, _references(section, entries))
                rows = await self._rows(session, section, entries)
                await asyncio.to_thread(self._check, section, entries, rows)
                session.expunge_all()
                done += len(entries)
                yield done
        offerings = [place.id for place in self._reading.places["offerings"].values() if place.id is not None]
        if offerings:
            await self._versions.load(session, offerings, self._graphs.bundles)
        await asyncio.to_thread(self._check_together)

    def _check_together(self) -> None:
        self._check_lives()
        self._graphs.check(self._reading.places, self._reading.faults)
        self._versions.check(self._graphs.bundles, self._reading.faults)

    async def _rows(self, session: AsyncSession, section: Section, entries: Sequence[Entry]) -> dict[Any, Any]:
        """What the catalogue has of `entries` already, by their id; revisions by service and number."""
        if section.name == "revisions":
            services = {self._service_of(entry) for entry in entries}
            rows = await session.scalars(select(Revision).where(Revision.service_id.in_(services)))
            return {(row.service_id, row.number): row for row in rows}
        places = self._reading.places[section.name]
        ids = [places[entry.number].id for entry in entries if places[entry.number].known]
        table = TABLES[section.name][0]
        known = {row.id: row for row in await session.scalars(select(table).where(table.id.in_(ids)))}
        if section.name == "services":
            for service_id, needed in (await dependencies_of(session, known)).items():
                known[service_id].dependencies = needed
            states = select(Revision.service_id, Revision.number, Revision.state).where(Revision.service_id.in_(ids))
            for service_id, number, state in await session.execute(states):
                self._revisions.setdefault(service_id, {})[number] = state
        if section.name == "campaigns":
            wanted = {self._names.resolve("offerings", text) for _, text in _references(section, entries)}
            offered = select(Offering.id, Offering.state).where(Offering.id.in_(wanted - self._offered.keys()))
            self._offered |= {found: state for found, state in await session.execute(offered)}
        if section.name == "offerings":
            to_be_live = [each for each in entries if each.value.get("state") not in (None, OfferingState.DRAFT)]
            for each in to_be_live:
                row = known.get(places[each.number].id)
                if row is not None and row.state is OfferingState.DRAFT:
                    findings = await readiness.of_offering(session, row, self._now)
                    self._gaps[row.id] = [gap for gap in findings.missing if gap.check in _PRICING]
        return known

    def _service_of(self, entry: Entry) -> UUID:
        assert entry.within is not None
        service_id = self._reading.places["services"][entry.within].id
        assert service_id is not None
        return service_id

    def _check(self, section: Section, entries: Sequence[Entry], rows: dict[Any, Any]) -> None:
        for entry in entries:
            place = self._reading.places[section.name][entry.number]
            value = dict(entry.value)
            self._put_ids(section, entry, value)
            if section.parent is not None:
                value[section.parent] = str(self._service_of(entry))
            form = form_of(section, value)
            for path, message in form.faults:
                self._note(entry, path, message)
            if section.name == "revisions" and (form.body is None or form.spoilt & _OF_LIVES):
                self._dim.add(self._service_of(entry))
            if form.body is None:
                continue
            if section.name == "revisions":
                row = rows.get((self._service_of(entry), form.body.number))  # type: ignore[attr-defined]
            else:
                row = rows.get(place.id)
            self._spoilt = form.spoilt
            self._compare(section, entry, form.body, row)
            self._spoilt = NOTHING

    def _put_ids(self, section: Section, entry: Entry, value: dict[str, Any]) -> None:
        for path, target in section.references.items():
            for holder, key, where in reversed(list(places_of(value, path))):
                text = holder[key]
                if not isinstance(text, str):
                    continue
                found = self._names.resolve(target, text)
                if found is not None:
                    replace(value, where, str(found))
                elif entry.origin:
                    self._reading.skipped["unknown references"] = self._reading.skipped.get("unknown references", 0) + 1
                    if len(where) == 1:
                        replace(value, where, None)
                    else:  # an item of a list, of which those behind it have been looked at
                        value[where[0]] = [*value[where[0]][: where[1]], *value[where[0]][int(where[1]) + 1 :]]
                else:
                    _replace_unknown(value, where)
                    self._note(entry, where, f"there is no {ALL[target].singular} known as {text[:200]!r}")

    def _compare(self, section: Section, entry: Entry, body: BaseModel, row: Any) -> None:
        new = body.model_dump(mode="json", include=set(section.fields))
        as_listed = {name: new[name] for name in _LISTS if name in new}
        in_order(new)
        named = [{"system": KEY_SYSTEM, "id": body.key}] if getattr(body, "key", None) else []  # type: ignore[attr-defined]
        given = (body.model_fields_set & set(section.fields)) - self._spoilt
        if new.get("unit_of_measure", "") is None:
            given.discard("unit_of_measure")  # the service's own
        old = None if row is None else section.shown(row)
        if old is not None:
            if entry.origin:
                given.discard("state")
            new = old | {name: new[name] for name in given if name not in PAST}
        if "external_ids" in new:
            both = [*new["external_ids"], *named, *(old or {}).get("external_ids", ())]
            new["external_ids"] = list({(each["system"], each["id"]): each for each in both}.values())
            in_order(new)
        place = self._reading.places[section.name][entry.number]
        thing_id = place.id if section.name != "revisions" else row.id if row is not None else None
        changes = [] if old is None else interchange.differences(old, new)
        try:
            listed = new | {name: part for name, part in as_listed.items() if old is None or name in given}
            steps = self._judge(section, entry, body, row, listed, {change.pointer.split("/")[1] for change in changes})
        except Refusal as refusal:
            for fault in refusal.faults or ():
                self._note(entry, _path(fault.pointer), fault.message)
            if not refusal.faults:
                self._note(entry, [], refusal.detail)
            return
        what = "created" if old is None else "updated" if changes else "unchanged"
        self.plan.counts[section.name][what] += 1
        if what == "unchanged":
            return
        if len(self.plan.diff) < KEPT_CHANGES:
            self.plan.diff.append(_shown_change(section, entry, thing_id, what, new, changes))
        record = {
            "id": None if thing_id is None else str(thing_id),
            "version": None if row is None else row.version,
            "within": None if section.within is None else str(self._service_of(entry)),
            "fields": {name: new[name] for name in new if old is None or old[name] != new[name]},
            "steps": steps,
            "past": body.model_dump(mode="json", include=set(PAST & body.model_fields_set)),
        }
        self.plan.spools[section.name].add(record)

    def _judge(
        self, section: Section, entry: Entry, body: BaseModel, row: Any, new: dict[str, Any], changed: set[str]
    ) -> list[str]:
        """The states that it passes through. Raises refusals, as the API would."""
        service_id = self._service_of(entry) if section.within else None
        life = None if service_id is None else self._lives.get(service_id)
        if life is not None and (row is None or changed):
            require_ownership(life.owner_id, self._actor)
        if row is not None:
            changeable(section.name, row, changed, self._actor)
            if section.parent is not None and getattr(row, section.parent) != service_id:
                self._note(entry, [], "belongs to another service, and stays with it")
        told = faults_of(section.name, body, row, new, None if life is None else life.state, self._actor)
        for fault in told:
            self._note(entry, _path(fault.pointer), fault.message)
        told = []
        steps = refuse_states(section.name, row, new.get("state"), self._actor)
        if section.name == "services":
            thing_id = self._reading.places["services"][entry.number].id
            assert thing_id is not None
            told = self._graphs.put_service(thing_id, new)
            owner_id = new["owner_id"] if row is None else row.owner_id
            self._lives[thing_id] = _Life(
                line_of(entry, ["state"]),
                entry.pointer,
                None if "state" in self._spoilt else ServiceState(new["state"]),
                owner_id,
                tuple(what for what, name in _ASKED if new[name] is None),
                self._revisions.pop(thing_id, {}),
            )
        elif section.name == "revisions" and life is not None:
            life.revisions[new["number"]] = RevisionState(new["state"])
            if new["state"] == RevisionState.SCHEDULED and new["live_at"] is None:
                self._note(entry, ["live_at"], "is needed of a revision that is scheduled")
        elif section.name in TREES:
            thing_id = self._reading.places[section.name][entry.number].id
            assert thing_id is not None
            # What has no name, or nowhere to be, is no namesake of another one.
            own = {"name": str(thing_id)} if self._spoilt & {"name", "parent_id"} else {}
            self._graphs.put_node(section.name, thing_id, new | own)
        elif section.name == "campaigns":
            told = import_campaigns.faults_of(new, self._offered)
        elif section.name == "offerings":
            thing_id = self._reading.places["offerings"][entry.number].id
            assert thing_id is not None
            is_changed = row is None or bool(changed)
            told = self._graphs.put_offering(thing_id, new, changed=is_changed)
            if "state" not in self._spoilt:
                self._offered[thing_id] = OfferingState(new["state"])
            assert service_id is not None
            self._versions.put(
                entry,
                thing_id,
                service_id,
                new,
                body.published_at if row is None else row.published_at,  # type: ignore[attr-defined]
                changed=is_changed,
                understood=not self._spoilt & OF_VERSIONS,
            )
            if row is not None and steps and row.state is OfferingState.DRAFT:
                for gap in self._gaps.pop(row.id, ()):
                    self._note(entry, ["state"], f"to be {new['state']} it needs {gap.what}: {gap.how}")
                for what in () if life is None else life.lacks:
                    self._note(entry, ["state"], f"to be {new['state']} it needs {what} of its service")
        for fault in told:
            self._note(entry, _path(fault.pointer), fault.message)
        return steps

    def _check_lives(self) -> None:
        """Together the revisions of a service must make sense, and agree with its state."""
        for service_id, life in self._lives.items():
            if life.state is None or service_id in self._dim:
                continue
            active = [number for number, state in life.revisions.items() if state is RevisionState.ACTIVE]
            drafts = [number for number, state in life.revisions.items() if state is RevisionState.DRAFT]
            open_ = [number for number in drafts if number > max(active, default=0)]
            if len(active) > 1:
                self._reading.faults.add(life.line, life.pointer, f"revisions {active} would all be active")
            if len(open_) > 1:
                self._reading.faults.add(life.line, life.pointer, f"revisions {open_} would all be drafts")
            if life.state in LIVE and not active:
                self._reading.faults.add(life.line, f"{life.pointer}/state", f"{life.state} without an active revision")
            if life.state not in LIVE and active:
                message = f"{life.state} with an active revision: it would be published"
                self._reading.faults.add(life.line, f"{life.pointer}/state", message)

    def _note(self, entry: Entry, path: Path, message: str) -> None:
        if path and path[0] in self._spoilt:
            return
        if entry.origin:  # its parts are not those of the file
            self._reading.faults.add(
                entry.lines[0], entry.pointer, f"{'/'.join(map(str, path))}: {message}".lstrip(": ")
            )
            return
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
        self._reading.faults.add(line_of(entry, path), entry.pointer + pointer, message)


def _references(section: Section, entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    for path, target in section.references.items():
        for entry in entries:
            for holder, key, _ in places_of(entry.value, path):
                if isinstance(holder[key], str):
                    yield target, holder[key]


def places_of(value: Any, path: Sequence[str]) -> Iterator[tuple[Any, Any, list[str | int]]]:
    """Where `path` leads: the holder, the key in it, and the way there; `*` leads to all items of a list."""
    part, rest = path[0], path[1:]
    keys: list[Any] = []
    if part == "*" and isinstance(value, list):
        keys = list(range(len(value)))
    elif isinstance(value, dict) and part in value:
        keys = [part]
    for key in keys:
        if not rest:
            yield value, key, [key]
            continue
        for holder, last, where in places_of(value[key], rest):
            yield holder, last, [key, *where]


def replace(value: Any, where: Path, new: Any) -> None:
    """Put `new` at `where`, in copies of what leads there: the entry itself keeps what the file says."""
    for part in where[:-1]:
        value[part] = list(value[part]) if isinstance(value[part], list) else dict(value[part])
        value = value[part]
    value[where[-1]] = new


def _replace_unknown(value: Any, where: Path) -> None:
    """One fault is enough for a reference: its place is taken by an id of nothing, whose form is right."""
    replace(value, where, str(uuid7()))


def _path(pointer: str) -> list[str | int]:
    parts = pointer.split("/")[1:]
    return [int(part) if part.isdigit() else part.replace("~1", "/").replace("~0", "~") for part in parts]


def _shown_change(
    section: Section, entry: Entry, thing_id: UUID | None, what: str, new: dict[str, Any], changes: Sequence[Any]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "change": what,
        "kind": section.singular,
        "id": None if thing_id is None else str(thing_id),
        "name": new.get("name") or f"revision {new.get('number')}",
        "pointer": entry.pointer,
        "line": entry.lines[0],
        "differences": [change._asdict() for change in changes[:KEPT_DIFFERENCES]],
    }
    if len(changes) > KEPT_DIFFERENCES:
        shown["more_differences"] = len(changes) - KEPT_DIFFERENCES
    return shown
