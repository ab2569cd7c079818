"""Browsing: which offerings there are for a caller, narrowed by what they hang from, are, and promise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, defer, load_only, raiseload

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.inverted_index import Hits
from catalog_service.queries.entitlement import Sight, could_see, entitled
from catalog_service.queries.external_ids import split_external_id
from catalog_service.tables import (
    Capability,
    Offering,
    OfferingAudience,
    OfferingExternalId,
    SearchDocument,
    Service,
    ServiceCapability,
    TaxonomyNode,
)

# How many hits are shown to the database at once: it picks those that the caller may see.
_MOST_AT_ONCE = 10_000
# Filters that leave no more than this are asked first, and then the hits are looked for among what they leave.
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class Filters:
    """What an offering must be, beside being for the caller. None: anything."""

    service_id: UUID | None = None
    taxonomy_node_id: UUID | None = None
    capability_id: UUID | None = None
    tier: str | None = None
    state: OfferingState | None = None
    commitment: CommitmentKind | None = None
    audience: str | None = None
    external_id: str | None = None

    @property
    def from_an_index(self) -> bool:
        """Whether the offerings that they leave are found without reading the others."""
        hangs_from = (self.service_id, self.taxonomy_node_id, self.capability_id, self.audience, self.external_id)
        return any(each is not None for each in hangs_from)

    @property
    def any(self) -> bool:
        return any(getattr(self, name) is not None for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: ids and positions (cost, number) in order; whether more follow."""

    offering_ids: list[UUID]
    positions: list[tuple[int, int]]
    more: bool


def visible(sight: Sight, filters: Filters, dialect: str) -> list[ColumnElement[bool]]:
    """The conditions on `Offering`: what `sight` shows of what `filters` leave."""
    conditions = [entitled(sight)]
    if filters.service_id is not None:
        conditions.append(Offering.service_id == filters.service_id)
    if filters.state is not None:
        conditions.append(Offering.state == filters.state)
    if filters.tier is not None:
        conditions.append(tier_name() == filters.tier)
    if filters.commitment is not None:
        conditions.append(promises(filters.commitment, dialect))
    if filters.taxonomy_node_id is not None:
        below = select(_with_below(TaxonomyNode, filters.taxonomy_node_id).c.id)
        of_services = select(Service.id).where(Service.taxonomy_node_id.in_(below))
        conditions.append(
            Offering.taxonomy_node_id.in_(below)
            | (Offering.taxonomy_node_id.is_(None) & Offering.service_id.in_(of_services))
        )
    if filters.capability_id is not None:
        below = select(_with_below(Capability, filters.capability_id).c.id)
        providing = select(ServiceCapability.service_id).where(ServiceCapability.capability_id.in_(below))
        conditions.append(Offering.service_id.in_(providing))
    if filters.audience is not None:
        conditions.append(_for_audience(filters.audience))
    if filters.external_id is not None:
        system, identifier = split_external_id(filters.external_id)
        known_as = (OfferingExternalId.system == system) & (OfferingExternalId.id == identifier)
        conditions.append(Offering.id.in_(select(OfferingExternalId.offering_id).where(known_as)))
    return conditions


def tier_name() -> ColumnElement[str]:
    name: ColumnElement[str] = Offering.tier["name"].as_string()
    return name


def promises(kind: CommitmentKind, dialect: str) -> ColumnElement[bool]:
    """Whether an offering has a commitment of `kind`; JSON is asked in other words by each of the databases."""
    if dialect == "postgresql":
        return cast(Offering.commitments, JSONB).contains([{"kind": kind.value}])
    each = func.json_each(Offering.commitments).table_valued("value", name=f"promised_{kind.value}")
    found = select(literal(1)).select_from(each).where(func.json_extract(each.c.value, "$.kind") == kind.value)
    return found.correlate(Offering).exists()


def _for_audience(text: str) -> ColumnElement[bool]:
    """`everyone`, `business_unit:<id>` or `role:<name>`, as the facet spells them."""
    kind, _, value = text.partition(":")
    if not value:
        return Offering.everyone.is_(kind == "everyone")
    line = select(OfferingAudience.offering_id).where(OfferingAudience.kind == kind, OfferingAudience.value == value)
    return Offering.id.in_(line)


def _with_below(table: Any, root: UUID) -> Any:
    below = select(table.id).where(table.id == root).cte(recursive=True)
    return below.union(select(table.id).join(below, table.parent_id == below.c.id))


def among(column: Any, values: Sequence[Any], dialect: str) -> ColumnElement[bool]:
    """`column IN values` for any number of integers or UUIDs, as one parameter: one statement, prepared once."""
    kind = column.type
    if dialect == "postgresql":
        return column == any_(bindparam(None, list(values), type_=ARRAY(kind), unique=True))  # type: ignore[no-any-return]
    listed = [value.hex if isinstance(kind, Uuid) else value for value in values]
    quoted = '","'.join(listed) if isinstance(kind, Uuid) else ",".join(map(str, listed))
    text = f'["{quoted}"]' if isinstance(kind, Uuid) and listed else f"[{quoted}]"
    each = func.json_each(bindparam(None, text, type_=String(), unique=True)).table_valued("value")
    value = each.c.value if isinstance(kind, Uuid) else each.c.value.cast(Integer)
    return column.in_(select(value))  # type: ignore[no-any-return]


async def page_of_hits(
    session: AsyncSession,
    hits: Hits,
    offering_ids: dict[int, UUID],
    sight: Sight,
    filters: Filters,
    *,
    after: tuple[int, int] | None,
    limit: int,
) -> Found:
    """The next `limit` hits that the caller may see, in order.

    The hits are shown to the database in their order, first a few and then more of them, and it says which are for
    the caller. Where few were, those that could be are asked for once, so that even who sees little waits little.
    """
    dialect = session.get_bind().dialect.name
    conditions = visible(sight, filters, dialect)
    chosen: list[tuple[int, int]] = []
    if filters.from_an_index:
        hits = await _within(session, hits, conditions, _could_be(filters)) or hits
    at_once = limit + 1 if sight.drafts and not filters.any else 4 * (limit + 1)
    narrowed = False
    while True:
        shown = hits.after(after, at_once)
        if shown:
            by_id = {offering_ids[number]: (cost, number) for cost, number in shown}
            for_caller = select(Offering.id).where(among(Offering.id, list(by_id), dialect), *conditions)
            seen = sorted(by_id[id_] for id_ in await session.scalars(for_caller))
            chosen += seen
        if len(chosen) > limit or len(shown) < at_once:
            break
        after = shown[-1]
        if not narrowed and len(seen) * 20 < len(shown):
            narrowed = True
            hits = await _within(session, hits, conditions, could_see(sight)) or hits
        at_once = min(4 * at_once, _MOST_AT_ONCE)
    page = chosen[:limit]
    return Found([offering_ids[number] for _, number in page], page, len(chosen) > limit)


def _could_be(filters: Filters) -> CompoundSelect[UUID] | None:
    """Ids of what hangs from a node or serves a capability, by indexes alone: SQLite finds no way to them in an OR."""
    here = select(Offering.id)
    if filters.taxonomy_node_id is not None:
        below = select(_with_below(TaxonomyNode, filters.taxonomy_node_id).c.id)
        of_services = select(Service.id).where(Service.taxonomy_node_id.in_(below))
        return union(here.where(Offering.taxonomy_node_id.in_(below)), here.where(Offering.service_id.in_(of_services)))
    if filters.capability_id is not None:
        below = select(_with_below(Capability, filters.capability_id).c.id)
        providing = select(ServiceCapability.service_id).where(ServiceCapability.capability_id.in_(below))
        return union(here.where(Offering.service_id.in_(providing)))
    return None


async def _within(
    session: AsyncSession, hits: Hits, conditions: Iterable[ColumnElement[bool]], possible: CompoundSelect[UUID] | None
) -> Hits | None:
    """The hits among what the conditions leave, if that is little; `possible` are ids that all of it is among."""
    left = select(SearchDocument.number).join(Offering, Offering.id == SearchDocument.offering_id)
    if possible is not None:
        some = possible.limit(_FEW + 1).subquery()
        if (await session.scalar(select(func.count()).select_from(some)) or 0) > _FEW:
            return None
        left = left.join(some, some.c[0] == Offering.id)
    left = left.where(*conditions).limit(_FEW + 1)
    numbers = list(await session.scalars(left))
    return hits.only(numbers) if len(numbers) <= _FEW else None


def offered_to(sight: Sight, filters: Filters, dialect: str) -> Select[Offering]:
    """All that is for the caller."""
    return as_items(select(Offering).where(*visible(sight, filters, dialect)))


def as_items(query: Select[Offering]) -> Select[Offering]:
    """Without what an item of a list does not show: it costs as much as all the rest."""
    return query.join(Offering.service).options(
        defer(Offering.request_form, raiseload=True),
        defer(Offering.fulfilment, raiseload=True),
        defer(Offering.options, raiseload=True),
        raiseload(Offering.relations),
        contains_eager(Offering.service).options(
            load_only(Service.name, raiseload=True), raiseload(Service.external_ids), raiseload(Service.capabilities)
        ),
    )


async def items_by_id(session: AsyncSession, offering_ids: Sequence[UUID]) -> dict[UUID, Offering]:
    """Those that there are; whether the caller may see them has been asked before."""
    found = await session.scalars(as_items(select(Offering).where(Offering.id.in_(offering_ids))))
    return {offering.id: offering for offering in found.unique()}
