"""The usage events that a statement line bills, in the order of their time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.schemas.statements import UsageBehind
from pricing_service.tables import StatementLine, UsageEvent
from pricing_service.use_cases.cursors import decoded, encoded, not_ours
from pricing_service.use_cases.statement_lines import line_of, statement_in_sight
from services.http import Page
from services.identity import Units

_ORDER = (UsageEvent.time, UsageEvent.source, UsageEvent.event_id, UsageEvent.position)


async def list_usage(
    session: AsyncSession, statement_id: UUID, line_id: UUID, *, units: Units, limit: int, cursor: str | None
) -> Page[UsageBehind]:
    """A page of them. Raises NotFound, CursorNotReadable."""
    line = await line_of(session, await statement_in_sight(session, statement_id, units), line_id)
    after = () if cursor is None else (_behind(_place(cursor)),)
    events = await _events(session, line, *after, limit=limit + 1)
    more, events = len(events) > limit, events[:limit]
    return Page[UsageBehind](items=_told(line, events), next_cursor=_cursor(events[-1]) if more else None)


async def first_usage(session: AsyncSession, line: StatementLine, limit: int) -> tuple[int, list[UsageBehind]]:
    """How many they are, and the first of them."""
    billed = _billed(line)
    if billed is None:
        return 0, []
    count = await session.scalar(select(func.count()).select_from(UsageEvent).where(*billed)) or 0
    return count, _told(line, await _events(session, line, limit=limit))


async def _events(
    session: AsyncSession, line: StatementLine, *conditions: ColumnElement[bool], limit: int
) -> list[UsageEvent]:
    billed = _billed(line)
    if billed is None:
        return []
    query = select(UsageEvent).where(*billed, *conditions).order_by(*_ORDER).limit(limit)
    return list(await session.scalars(query))


def _billed(line: StatementLine) -> tuple[ColumnElement[bool], ...] | None:
    if line.usage_from is None or line.usage_until is None:
        return None
    after, upto = _after(line), line.usage_upto or 0
    came = and_(UsageEvent.arrival > after, queries.counted_at(upto))
    withdrawn = and_(UsageEvent.arrival <= after, queries.counted_at(after), ~queries.counted_at(upto))
    return (
        or_(came, withdrawn),
        UsageEvent.subscription_id == line.subscription_id,
        UsageEvent.meter == line.meter,
        *queries.in_days(line.usage_from, line.usage_until),
    )


def _after(line: StatementLine) -> int:
    return -1 if line.usage_after is None else line.usage_after


def _told(line: StatementLine, events: list[UsageEvent]) -> list[UsageBehind]:
    return [
        UsageBehind(
            id=event.event_id,
            source=event.source,
            time=event.time,
            meter=event.meter,
            quantity=event.quantity,
            withdrawn=event.arrival <= _after(line),
        )
        for event in events
    ]


def _cursor(last: UsageEvent) -> str:
    return encoded((last.time.isoformat(), last.source, last.event_id, str(last.position)))


def _place(cursor: str) -> tuple[Any, ...]:
    time, source, event_id, position = decoded(cursor, 4)
    try:
        at = datetime.fromisoformat(time or "")
        number = int(position or "")
    except ValueError:
        raise not_ours() from None
    if at.utcoffset() is None or source is None or event_id is None or not 0 <= number < 1 << 31:
        raise not_ours()
    return at, source, event_id, number


def _behind(place: tuple[Any, ...]) -> ColumnElement[bool]:
    """Later than the place, by the first column in which they differ."""
    steps = [
        and_(*(column == value for column, value in zip(_ORDER[:index], place, strict=False)), _ORDER[index] > value)
        for index, value in enumerate(place)
    ]
    return or_(*steps)
