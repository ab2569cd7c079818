"""Search index: notes, in the transaction of every change, which offerings read differently from now on.

The session does it by itself, as it writes audit records: whoever adds an offering, or renames one, its service, a
capability that this provides, or a node above it, need not think of the search. What goes past the ORM calls
`index_offerings`. The note is a row's generation; processes read their way from one generation to the next
(`queries.search`), so that a search sees every change that was committed before it (ADR-0022).
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Connection, event, insert, inspect, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, UOWTransaction

from catalog_service.tables import (
    Capability,
    Offering,
    SearchDocument,
    SearchGeneration,
    Service,
    ServiceCapability,
    TaxonomyNode,
)
from catalog_service.work import jobs
from services.db.chassis_tables import Job
from services.work import JobRun

_NOTED = "catalog_search_noted"
_AT_ONCE = 1_000
_REBUILT_AT_ONCE = 5_000
# The columns whose words are searched for.
_WORDS: dict[type[Any], tuple[str, ...]] = {
    Offering: ("name", "description", "tier", "taxonomy_node_id", "service_id"),
    Service: ("name", "taxonomy_node_id"),
    Capability: ("name",),
    TaxonomyNode: ("name", "parent_id"),
}


async def index_offering(session: AsyncSession, offering: Offering) -> None:
    """Note that `offering` reads differently. Needed only where its rows change past the ORM."""
    await index_offerings(session, [offering.id])


async def index_offerings(session: AsyncSession, offering_ids: Iterable[UUID]) -> None:
    """Note many at once, new ones and changed ones: two statements a thousand."""
    listed = sorted(set(offering_ids))
    await session.flush()
    connection = await session.connection()
    for start in range(0, len(listed), _AT_ONCE):
        await connection.run_sync(_note, Offering.id.in_(listed[start : start + _AT_ONCE]))
    session.sync_session.info[_NOTED] = True


async def start_rebuild(session: AsyncSession) -> Job:
    """Every process reads every offering anew: for rows that something else than this app has written."""
    return await jobs.start(session, "search-index", payload={})


@jobs.handler("search-index")
async def rebuild(run: JobRun) -> dict[str, Any]:
    begun = UUID(run.checkpoint["after"]) if run.checkpoint else UUID(int=0)
    done = int(run.checkpoint["done"]) if run.checkpoint else 0
    while True:
        async with run.chunk() as session:
            page = select(Offering.id).where(Offering.id > begun).order_by(Offering.id).limit(_REBUILT_AT_ONCE)
            offering_ids = list(await session.scalars(page))
            if offering_ids:
                await index_offerings(session, offering_ids)
                begun, done = offering_ids[-1], done + len(offering_ids)
                run.advance(done=done, checkpoint={"after": str(begun), "done": done})
        if not offering_ids:
            return {"offerings": done}


@event.listens_for(Session, "after_flush")
def note_changes(session: Session, flush: UOWTransaction) -> None:
    """What has been flushed, by its meaning for the index; the lists of the session still say what that was."""
    affected: list[ColumnElement[bool]] = []
    if added := [one.id for one in session.new if isinstance(one, Offering)]:
        affected.append(Offering.id.in_(added))
    changed = {kind: [one.id for one in session.dirty if _reads_differently(one, kind)] for kind in _WORDS}
    links = [one for one in (*session.new, *session.deleted) if isinstance(one, ServiceCapability)]
    if offering_ids := changed[Offering]:
        affected.append(Offering.id.in_(offering_ids))
    if service_ids := {*changed[Service], *(link.service_id for link in links)}:
        affected.append(Offering.service_id.in_(service_ids))
    if capability_ids := changed[Capability]:
        providing = select(ServiceCapability.service_id).where(ServiceCapability.capability_id.in_(capability_ids))
        affected.append(Offering.service_id.in_(providing))
    if node_ids := changed[TaxonomyNode]:
        below = select(_below(node_ids).c.id)
        of_services = select(Service.id).where(Service.taxonomy_node_id.in_(below))
        affected.append(or_(Offering.taxonomy_node_id.in_(below), Offering.service_id.in_(of_services)))
    if affected:
        connection = session.connection()
        for condition in affected:
            _note(connection, condition)
        session.info[_NOTED] = True


@event.listens_for(Session, "before_commit")
def stamp(session: Session) -> None:
    """Give what was noted its generation. Last of all: until the commit, nobody else can have the next one."""
    if any(isinstance(one, (*_WORDS, ServiceCapability)) for one in (*session.new, *session.dirty, *session.deleted)):
        session.flush()
    if not session.info.pop(_NOTED, False):
        return
    connection = session.connection()
    generation = connection.scalar(
        update(SearchGeneration)
        .values(generation=SearchGeneration.generation + 1)
        .returning(SearchGeneration.generation)
    )
    connection.execute(update(SearchDocument).where(SearchDocument.generation.is_(None)).values(generation=generation))


def _reads_differently(one: object, kind: type[Any]) -> bool:
    return isinstance(one, kind) and any(inspect(one).attrs[name].history.has_changes() for name in _WORDS[kind])


def _note(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Whoever notes a row first is waited for: its generation is then the lower one."""
    known = select(SearchDocument.offering_id).where(SearchDocument.offering_id == Offering.id)
    wanted = select(Offering.id).where(condition)
    connection.execute(update(SearchDocument).where(SearchDocument.offering_id.in_(wanted)).values(generation=None))
    new = wanted.where(~known.exists()).order_by(Offering.id)
    connection.execute(insert(SearchDocument).from_select(["offering_id"], new))


def _below(node_ids: Iterable[UUID]) -> CTE:
    below = select(TaxonomyNode.id).where(TaxonomyNode.id.in_(list(node_ids))).cte("below", recursive=True)
    return below.union(select(TaxonomyNode.id).join(below, TaxonomyNode.parent_id == below.c.id))
