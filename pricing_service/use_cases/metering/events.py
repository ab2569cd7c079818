"""Reading usage events: page by page, and one with all that corrects it and that it corrects."""

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.corrections import Correction
from pricing_service.domain.usage import Kind, Ref
from pricing_service.schemas.usage import EventRef, UsageEventChain, UsageEventRead, UsageReading
from pricing_service.tables import KnownSubscription, UsageEvent
from services.errors import Fault, NotFound
from services.http.paging import CursorNotReadable
from services.identity import Units

MOST_OF_A_CHAIN = 1_000


async def page(
    session: AsyncSession, conditions: Sequence[ColumnElement[bool]], *, limit: int, cursor: str | None
) -> tuple[list[UsageEventRead], str | None]:
    """A page of events in the order of source and id, and the cursor of the next one."""
    firsts = await queries.usage_events(session, conditions, None if cursor is None else _position(cursor), limit)
    more = len(firsts) > limit
    refs = [Ref(row.source, row.event_id) for row in firsts[:limit]]
    corrections = await _corrections(session, refs)
    return await _read(session, refs, corrections), _cursor(refs[-1]) if more else None


async def with_chain(session: AsyncSession, source: str, event_id: str, *, units: Units) -> UsageEventChain:
    """The event and its chain, the originals first."""
    ref = Ref(source, event_id)
    chain: dict[Ref, Correction] = {}
    seen: set[Ref] = set()
    todo = {ref}
    while todo and len(seen) < MOST_OF_A_CHAIN:
        seen |= todo
        chain |= await _corrections(session, sorted(todo))
        todo = {named for each in chain.values() for named in (each.ref, each.original)} - seen
    events = {Ref(each.source, each.id): each for each in await _read(session, sorted(seen), chain)}
    if ref not in events:
        raise NotFound("no usage event of this source and id")
    units.require(await _unit_of(session, events[ref].subscription_id), pointer="id")
    placed = sorted(events, key=lambda one: (_depth(one, chain), one))
    shown = [events[one] for one in placed if units.includes(await _unit_of(session, events[one].subscription_id))]
    return UsageEventChain(**events[ref].model_dump(), chain=shown)


def _depth(ref: Ref, chain: dict[Ref, Correction]) -> int:
    """How many corrections lie between an event and the first original."""
    depth, passed = 0, {ref}
    while (correction := chain.get(ref)) is not None and correction.original not in passed:
        ref, depth = correction.original, depth + 1
        passed.add(ref)
    return depth


async def _unit_of(session: AsyncSession, subscription_id: UUID) -> UUID | None:
    query = select(KnownSubscription.business_unit_id).where(KnownSubscription.id == subscription_id)
    unit: UUID | None = await session.scalar(query)
    return unit


async def _corrections(session: AsyncSession, refs: Sequence[Ref]) -> dict[Ref, Correction]:
    if not refs:
        return {}
    return {
        Ref(row.source, row.event_id): Correction(
            Ref(row.source, row.event_id), Kind(row.kind), Ref(row.original_source, row.original_id)
        )
        for row in await queries.corrections_around(session, refs)
    }


async def _read(session: AsyncSession, refs: Sequence[Ref], corrections: dict[Ref, Correction]) -> list[UsageEventRead]:
    rows: dict[Ref, list[UsageEvent]] = {}
    for row in await queries.readings_of(session, refs) if refs else []:
        rows.setdefault(Ref(row.source, row.event_id), []).append(row)
    return [_event(rows[ref], corrections.get(ref)) for ref in refs if ref in rows]


def _event(rows: Sequence[UsageEvent], correction: Correction | None) -> UsageEventRead:
    first = rows[0]
    kind = Kind.READING if correction is None else correction.kind
    return UsageEventRead(
        source=first.source,
        id=first.event_id,
        kind=kind,
        time=first.time,
        subscription_id=first.subscription_id,
        readings=[] if kind is Kind.VOIDED else [UsageReading.model_validate(row) for row in rows],
        counts=first.counts,
        original=None if correction is None else EventRef(source=correction.original.source, id=correction.original.id),
        received_at=first.received_at,
    )


def _cursor(ref: Ref) -> str:
    return base64.urlsafe_b64encode("\0".join(ref).encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[str, str]:
    try:
        source, id_ = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\0")
    except (ValueError, binascii.Error) as error:
        raise CursorNotReadable(
            "the cursor is none that we gave out", faults=[Fault("cursor", "pass next_cursor unchanged")]
        ) from error
    return source, id_
