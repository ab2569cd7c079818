"""Exporting the whole catalogue as a document that imports to the same catalogue again.

It is written while it is read, in the order of ids, from one view of the database: two exports of the same catalogue
are the same text. Things keep their ids; they refer to each other by an external id where one has any.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.documents import Writer
from catalog_service.domain.campaign import EDITABLE
from catalog_service.queries.whole import PORTION, all_rows, by_service, dependencies_of
from catalog_service.schemas.interchange import ALL, SECTIONS, VERSION, Section
from catalog_service.tables import Campaign, Offering, Revision
from catalog_service.use_cases.import_checks import places_of, replace
from catalog_service.use_cases.import_names import TABLES

# What has started cannot be begun elsewhere, and what came of it stays where it was measured.
_ONLY = {"campaigns": (Campaign.state.in_(EDITABLE),)}
_INNER: dict[str, tuple[Any, Any]] = {"revisions": (Revision, Revision.number), "offerings": (Offering, Offering.id)}


async def export(session: AsyncSession, writer: Writer) -> AsyncIterator[str]:
    """The document, piece by piece."""
    yield writer.begin({"itaas_catalogue": VERSION})
    for name in SECTIONS:
        yield writer.begin_section(name)
        async for rows in all_rows(session, TABLES[name][0], *_ONLY.get(name, ())):
            entries = await _entries(session, ALL[name], rows)
            # Things within are read along with those that they are in: both are in the order of the latter's ids.
            inner = {each: _Inner(session, ALL[each], rows[0].id, rows[-1].id) for each in SECTIONS[name]}
            for row, fields in zip(rows, entries, strict=True):
                yield writer.entry(fields)
                for each, within in inner.items():
                    begun = False
                    async for part in within.of(row.id):
                        if not begun:
                            yield writer.begin_inner(each)
                            begun = True
                        yield writer.inner(part)
                    if begun:
                        yield writer.end_inner()
                yield writer.end_entry()
        yield writer.end_section()
    yield writer.end()


class _Inner:
    """The things within a portion of services, handed out service by service."""

    def __init__(self, session: AsyncSession, section: Section, low: UUID, high: UUID) -> None:
        table, order = _INNER[section.name]
        self._session = session
        self._section = section
        self._portions = by_service(session, table, order, low, high)
        self._waiting: list[tuple[UUID, dict[str, Any]]] = []
        self._ended = False

    async def of(self, service_id: UUID) -> AsyncIterator[dict[str, Any]]:
        while True:
            while self._waiting and self._waiting[0][0] == service_id:
                yield self._waiting.pop(0)[1]
            if self._waiting or self._ended:
                return
            rows = await anext(self._portions, None)
            if rows is None:
                self._ended = True
                return
            entries = await _entries(self._session, self._section, rows)
            self._waiting = [(row.service_id, fields) for row, fields in zip(rows, entries, strict=True)]


async def _entries(session: AsyncSession, section: Section, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """`rows` as a document has them: with references in the place of ids."""
    if section.name == "services":
        needed = await dependencies_of(session, (row.id for row in rows))
        for row in rows:
            row.dependencies = needed[row.id]
    entries = [section.shown(row) for row in rows]
    for path, target in section.references.items():
        holders = [(entry, *place) for entry in entries for place in places_of(entry, path)]
        names = await _names(session, target, (holder[key] for _, holder, key, _ in holders if holder[key]))
        for entry, holder, key, where in holders:
            if holder[key]:
                replace(entry, where, names.get(holder[key], holder[key]))
    if section.name != "revisions":
        entries = [{"id": str(row.id)} | entry for row, entry in zip(rows, entries, strict=True)]
    return entries


async def _names(session: AsyncSession, section: str, ids: Iterable[str]) -> dict[str, str]:
    """Of each of `ids` the first external id, as a reference."""
    _, table, owner = TABLES[section]
    wanted = sorted({UUID(one) for one in ids})
    names: dict[str, str] = {}
    for start in range(0, len(wanted), PORTION):
        query = select(owner, table.system, table.id).where(owner.in_(wanted[start : start + PORTION]))
        for found, system, identifier in await session.execute(query.order_by(table.system, table.id)):
            names.setdefault(str(found), f"{system}:{identifier}")
    return names
