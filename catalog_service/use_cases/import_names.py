"""Which thing an entry or a reference means: by the file's names first, else by the catalogue's.

An entry is the thing that has its id or one of its external ids. An id that the catalogue does not have counts for
new things alone: what is known by an external id keeps the id that it has there.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.interchange import KEY_SYSTEM, reference
from catalog_service.schemas.interchange import ALL
from catalog_service.tables import (
    Campaign,
    CampaignExternalId,
    Capability,
    CapabilityExternalId,
    Offering,
    OfferingExternalId,
    Scorecard,
    Service,
    ServiceExternalId,
    TaxonomyNode,
    TaxonomyNodeExternalId,
)
from catalog_service.use_cases.import_reading import Reading
from services.ids import uuid7

_LOOK_UP = 400
TABLES: dict[str, tuple[Any, Any, Any]] = {
    "taxonomy": (TaxonomyNode, TaxonomyNodeExternalId, TaxonomyNodeExternalId.taxonomy_node_id),
    "capabilities": (Capability, CapabilityExternalId, CapabilityExternalId.capability_id),
    "services": (Service, ServiceExternalId, ServiceExternalId.service_id),
    "offerings": (Offering, OfferingExternalId, OfferingExternalId.offering_id),
    "campaigns": (Campaign, CampaignExternalId, CampaignExternalId.campaign_id),
    "scorecards": (Scorecard, None, None),  # known by their keys
}


class Names:
    """The names of one import: of its entries, and of what the catalogue has beside them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._elsewhere: dict[tuple[str, str], UUID | None] = {}

    async def place_entries(self, session: AsyncSession) -> None:
        """Give every entry the id of its thing; notes a fault where its names are those of two things."""
        for section in TABLES:
            known = await self._known(session, section)
            by_number: dict[int, list[str]] = defaultdict(list)
            for name, number in self._reading.names[section].items():
                by_number[number].append(name)
            things: dict[UUID, int] = {}
            for number, place in self._reading.places[section].items():
                names = by_number.get(number, [])
                found = sorted({known[name] for name in names if name in known})
                if len(found) > 1:
                    what = " and ".join(name for name in names if name in known)
                    self._reading.faults.add(place.line, place.pointer, f"{what} are not the same {_one(section)}")
                place.known = bool(found)
                place.id = found[0] if found else _given_id(names) or uuid7()
                other = things.setdefault(place.id, number)
                if other != number:
                    line = self._reading.places[section][other].line
                    self._reading.faults.add(
                        place.line, place.pointer, f"is the same {_one(section)} as that of line {line}"
                    )

    async def _known(self, session: AsyncSession, section: str) -> dict[str, UUID]:
        known: dict[str, UUID] = {}
        ids = (UUID(name) for name in self._reading.names[section] if ":" not in name)
        for batch in _batches(ids):
            table = TABLES[section][0]
            for found in await session.scalars(select(table.id).where(table.id.in_(batch))):
                known[str(found)] = found
        names = (name for name in self._reading.names[section] if ":" in name)
        for batch in _batches(names):
            known |= await self._known_externally(session, section, batch)
        return known

    async def _known_externally(self, session: AsyncSession, section: str, names: Sequence[str]) -> dict[str, UUID]:
        _, table, owner = TABLES[section]
        if table is None:
            keys = [name.split(":", 1)[1] for name in names]
            cards = await session.execute(select(Scorecard.key, Scorecard.id).where(Scorecard.key.in_(keys)))
            return {f"{KEY_SYSTEM}:{key}": found for key, found in cards}
        pairs = [tuple(name.split(":", 1)) for name in names]
        query = select(table.system, table.id, owner).where(tuple_(table.system, table.id).in_(pairs))
        return {f"{system}:{identifier}": found for system, identifier, found in await session.execute(query)}

    async def look_up(self, session: AsyncSession, wanted: Iterable[tuple[str, str]]) -> None:
        """Find references that are not to entries of the file, so that `resolve` knows them."""
        missing: dict[str, set[str]] = defaultdict(set)
        for section, text in wanted:
            name = str(reference(text))
            if name not in self._reading.names[section] and (section, name) not in self._elsewhere:
                missing[section].add(name)
        for section, names in missing.items():
            table = TABLES[section][0]
            for batch in _batches(sorted(names)):
                ids = [UUID(name) for name in batch if ":" not in name]
                known = await self._known_externally(session, section, [name for name in batch if ":" in name])
                known |= {
                    str(found): found for found in await session.scalars(select(table.id).where(table.id.in_(ids)))
                }
                self._elsewhere |= {(section, name): known.get(name) for name in batch}

    def resolve(self, section: str, text: str) -> UUID | None:
        """The id of the thing of `section` that `text` refers to; None if there is none."""
        meant = reference(text)
        number = self._reading.names[section].get(str(meant))
        if number is not None:
            return self._reading.places[section][number].id
        return self._elsewhere.get((section, str(meant)))

    @property
    def elsewhere(self) -> Iterator[tuple[str, UUID]]:
        """What the file refers to but does not hold."""
        return ((section, found) for (section, _), found in self._elsewhere.items() if found is not None)


def _one(section: str) -> str:
    return ALL[section].singular


def _given_id(names: Sequence[str]) -> UUID | None:
    return next((UUID(name) for name in names if ":" not in name), None)


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _LOOK_UP)):
        yield batch
