"""Full-text search: this process's inverted index, brought up to the state that a session sees."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.search_words import MOST_WORDS, asked
from catalog_service.inverted_index import Document, Hits, InvertedIndex
from catalog_service.tables import (
    Capability,
    Offering,
    SearchDocument,
    SearchGeneration,
    Service,
    ServiceCapability,
    TaxonomyNode,
)
from services.errors import Fault, Invalid

_READ_AT_ONCE = 5_000
_WORTH_A_THREAD = 200  # documents: taking in as many as this takes longer than anybody else should wait
_DEEPEST = 100


class TooManyWords(Invalid): ...


class SearchIndex:
    """One per app. It has seen all changes up to a generation; `find` first reads what has changed since."""

    def __init__(self) -> None:
        self.words = InvertedIndex()
        self._generation = 0
        self._reading = asyncio.Lock()

    async def find(self, session: AsyncSession, text: str) -> Hits:
        """The offerings that hold all words of `text`, whoever may see them. Raises TooManyWords."""
        if len(asked(text)) > MOST_WORDS:
            raise TooManyWords(
                f"a search takes up to {MOST_WORDS} words", faults=[Fault("q", f"has more than {MOST_WORDS} words")]
            )
        # Before the lock: whoever holds it must not wait for a connection that one of those in the queue has.
        now = await session.scalar(select(SearchGeneration.generation)) or 0
        async with self._reading:
            await self._catch_up(session, now)
            return self.words.find(text)

    async def _catch_up(self, session: AsyncSession, now: int) -> None:
        if now <= self._generation:  # lower where another request has read a later state since this one began
            return
        around = await _Surroundings.read(session)
        last = 0
        while True:
            rows = await _changed(session, self._generation, last)
            if not rows:
                break
            documents = await around.documents(session, rows)
            if len(documents) < _WORTH_A_THREAD:
                self.words.put(documents)
            else:
                await asyncio.to_thread(self.words.put, documents)
            last = rows[-1].number
        self._generation = now


async def _changed(session: AsyncSession, generation: int, last: int) -> Sequence[Row[Any]]:
    query = (
        select(
            SearchDocument.number,
            Offering.id,
            Offering.name,
            Offering.description,
            Offering.tier,
            Offering.service_id,
            Offering.taxonomy_node_id,
            Service.name.label("service_name"),
            Service.taxonomy_node_id.label("service_node_id"),
        )
        .join(Offering, Offering.id == SearchDocument.offering_id)
        .join(Service, Service.id == Offering.service_id)
        .where(SearchDocument.generation > generation, SearchDocument.number > last)
        .order_by(SearchDocument.number)
        .limit(_READ_AT_ONCE)
    )
    return (await session.execute(query)).all()


class _Surroundings:
    """The names of nodes and capabilities, which stand around many offerings."""

    def __init__(self, nodes: dict[UUID, tuple[str, UUID | None]], capabilities: dict[UUID, str]) -> None:
        self._nodes = nodes
        self._capabilities = capabilities

    @classmethod
    async def read(cls, session: AsyncSession) -> "_Surroundings":
        nodes = await session.execute(select(TaxonomyNode.id, TaxonomyNode.name, TaxonomyNode.parent_id))
        capabilities = await session.execute(select(Capability.id, Capability.name))
        return cls({id_: (name, parent) for id_, name, parent in nodes}, {id_: name for id_, name in capabilities})

    async def documents(self, session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Document]:
        provided: dict[UUID, list[str]] = defaultdict(list)
        service_ids = sorted({row.service_id for row in rows})
        for start in range(0, len(service_ids), 1_000):
            query = select(ServiceCapability.service_id, ServiceCapability.capability_id)
            of_these = ServiceCapability.service_id.in_(service_ids[start : start + 1_000])
            for service_id, capability_id in await session.execute(query.where(of_these)):
                provided[service_id].append(self._capabilities.get(capability_id, ""))
        return [
            Document(
                row.number,
                row.id,
                row.name,
                row.description,
                "\n".join(
                    [
                        row.service_name,
                        *provided[row.service_id],
                        *self._path(row.taxonomy_node_id or row.service_node_id),
                        (row.tier or {}).get("name", ""),
                    ]
                ),
            )
            for row in rows
        ]

    def _path(self, node_id: UUID | None) -> list[str]:
        names: list[str] = []
        while node_id in self._nodes and len(names) < _DEEPEST:
            name, node_id = self._nodes[node_id]
            names.append(name)
        return names
