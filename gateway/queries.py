"""Reads of the archive, each within what the caller may see."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.tables import ArchivedEvent


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose events a caller sees: all (`business_units` is None) or those units', and those that belong to none."""

    business_units: frozenset[UUID] | None
    without_unit: bool

    def within(self, query: Select[ArchivedEvent]) -> Select[ArchivedEvent]:
        if self.business_units is None:
            return query
        theirs = ArchivedEvent.business_unit_id.in_(self.business_units)
        return query.where(or_(theirs, ArchivedEvent.business_unit_id.is_(None)) if self.without_unit else theirs)


def matching(
    sight: Sight,
    *,
    type_pattern: str | None = None,
    subject: UUID | None = None,
    correlation_id: str | None = None,
    business_unit_id: UUID | None = None,
) -> Select[ArchivedEvent]:
    """Events that pass every filter given. In `type_pattern` a `*` stands for anything; it holds no `%` or `_`."""
    query = sight.within(select(ArchivedEvent))
    if type_pattern is not None:
        literal = "*" not in type_pattern
        query = query.where(
            ArchivedEvent.type == type_pattern if literal else ArchivedEvent.type.like(type_pattern.replace("*", "%"))
        )
    if subject is not None:
        query = query.where(ArchivedEvent.subject == subject)
    if correlation_id is not None:
        query = query.where(ArchivedEvent.correlation_id == correlation_id)
    if business_unit_id is not None:
        query = query.where(ArchivedEvent.business_unit_id == business_unit_id)
    return query


async def thread(
    session: AsyncSession, correlation_id: str, sight: Sight, *, limit: int
) -> tuple[list[ArchivedEvent], bool]:
    """The first `limit` events of a thread by their place in the archive, and whether there are more."""
    query = matching(sight, correlation_id=correlation_id).order_by(ArchivedEvent.stream_id).limit(limit + 1)
    events = list(await session.scalars(query))
    return events[:limit], len(events) > limit
