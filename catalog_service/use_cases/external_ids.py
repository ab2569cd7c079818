"""Known by others' ids: whatever the catalogue holds can be found, and brought about, by an external id.

An external id (system, id) names one thing of a kind. An upsert by it makes the thing or changes it; what its
body leaves out stays as it is, since each system sends what it knows. External ids are added, never taken away:
the others are other systems'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.tables import (
    Capability,
    CapabilityExternalId,
    Offering,
    OfferingExternalId,
    Service,
    ServiceExternalId,
    TaxonomyNode,
    TaxonomyNodeExternalId,
)
from services.db import Aggregate
from services.errors import Conflict, Fault, PreconditionFailed
from services.http import ExternalId

A = TypeVar("A", bound=Aggregate)
Key = tuple[str, str]


class ExternalIdTaken(Conflict): ...


class NothingToMatch(PreconditionFailed): ...


@dataclass(frozen=True, slots=True)
class Named(Generic[A]):
    """A kind of thing that others have ids for: its table, that of its external ids, and the column between them."""

    table: type[A]
    ids: Any
    column: str
    word: str

    def row(self, key: Key) -> Any:
        return self.ids(system=key[0], id=key[1])


SERVICES = Named(Service, ServiceExternalId, "service_id", "service")
OFFERINGS = Named(Offering, OfferingExternalId, "offering_id", "offering")
TAXONOMY_NODES = Named(TaxonomyNode, TaxonomyNodeExternalId, "taxonomy_node_id", "taxonomy node")
CAPABILITIES = Named(Capability, CapabilityExternalId, "capability_id", "capability")


def keys_of(external_ids: Iterable[ExternalId], *, first: Key | None = None) -> list[Key]:
    """The keys in their order, each once; `first` is that of the address."""
    given = [(key.system, key.id) for key in external_ids]
    return list(dict.fromkeys([first, *given] if first else given))


async def known_as(session: AsyncSession, kind: Named[A], key: Key) -> A | None:
    """What is known by the external id `key`."""
    query = select(kind.table).join(kind.ids, getattr(kind.ids, kind.column) == kind.table.id)
    found: A | None = await session.scalar(query.where(kind.ids.system == key[0], kind.ids.id == key[1]))
    return found


async def require_free(session: AsyncSession, kind: Named[Any], keys: Iterable[Key], *, of: UUID | None = None) -> None:
    """Raises ExternalIdTaken, naming who holds it, if something other than `of` is known by one of `keys`."""
    for place, key in enumerate(keys):
        holder = await known_as(session, kind, key)
        if holder is not None and holder.id != of:
            raise ExternalIdTaken(
                f"another {kind.word} is known as {key[0]}:{key[1]}: {holder.name} ({holder.id})",
                faults=[Fault("/external_ids", f"{key[0]}:{key[1]} (no. {place + 1}) is held by {holder.id}")],
            )


async def add_keys(session: AsyncSession, kind: Named[Any], entity: Any, keys: Iterable[Key]) -> bool:
    """Let `entity` be known by `keys` as well; whether any was new. Raises ExternalIdTaken."""
    there = {(one.system, one.id) for one in entity.external_ids}
    new = [key for key in keys if key not in there]
    await require_free(session, kind, new, of=entity.id)
    entity.external_ids += [kind.row(key) for key in new]
    return bool(new)


def nothing_to_match(kind: Named[Any], key: Key, if_match: frozenset[int] | None) -> None:
    """Raises NothingToMatch where If-Match names a version of something that is not there (RFC 9110 §13.1.1)."""
    if if_match is not None:
        raise NothingToMatch(f"no {kind.word} is known as {key[0]}:{key[1]}, so that none has that version")
