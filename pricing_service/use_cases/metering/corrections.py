"""Applying voids and replacements: whatever of a chain comes when, the same events count in the end.

Two transactions that each bring one half of a pair (an original and its correction) must not miss each other. So
whoever brings corrections has the usage of the whole database to himself for as long as it takes: an advisory lock,
which all others share. On SQLite there is one writer anyway.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.corrections import Correction, counting, in_force
from pricing_service.domain.usage import Kind, Ref
from pricing_service.tables import UsageCorrection, UsageEvent
from pricing_service.use_cases.late_usage import note_late

_LOCK = 0x75736167_65  # "usage", for whoever looks at pg_locks
_REFS_A_QUERY = 400
_FEW = 1_000
_EVENT = tuple_(UsageEvent.source, UsageEvent.event_id)
_CORRECTION = tuple_(UsageCorrection.source, UsageCorrection.event_id)
_ORIGINAL = tuple_(UsageCorrection.original_source, UsageCorrection.original_id)


class Applied(NamedTuple):
    """Of the chains that were touched: what is in force, what waits for its original, and what is corrected."""

    in_force: set[Ref]
    waiting: set[Ref]
    corrected: set[Ref]


async def lock(session: AsyncSession, *, alone: bool) -> None:
    """Before anything of the batch is looked at, since a statement sees what was committed when it began."""
    if session.get_bind().dialect.name == "postgresql":
        function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        await session.execute(text(f"SELECT {function}({_LOCK})"))


async def apply(session: AsyncSession, new: set[Ref], corrections: Collection[Ref], arrival: Any) -> Applied:
    """Bring `counts` up to date after the events `new` have come, of which these are corrections."""
    awaited = await _awaited(session, new)
    if not corrections and not awaited:
        return Applied(set(), set(), set())
    present, found = await _chains(session, {*corrections, *awaited})
    counts = counting(present, found)
    await _set(session, present, counts, arrival)
    arrived = {each.ref for each in found if each.original in present}
    for some in _parts(sorted(arrived)):
        waits = update(UsageCorrection).where(_CORRECTION.in_(some), UsageCorrection.waits).values(waits=False)
        await session.execute(waits.execution_options(synchronize_session=False))
    return Applied(in_force(present, found), {each.ref for each in found} - arrived, {each.original for each in found})


async def are_awaited(session: AsyncSession, refs: Iterable[tuple[str, str]]) -> bool:
    """Whether a correction may wait for one of these events, which are not kept yet."""
    rows = {
        tuple(row) for row in await session.execute(select(*_ORIGINAL.clauses).where(UsageCorrection.waits).limit(_FEW))
    }
    return len(rows) == _FEW or (bool(rows) and not rows.isdisjoint(refs))


async def _awaited(session: AsyncSession, new: set[Ref]) -> set[Ref]:
    """Which of the new events a correction has waited for."""
    waiting = select(*_ORIGINAL.clauses).where(UsageCorrection.waits)
    rows = list(await session.execute(waiting.limit(_FEW)))
    if len(rows) == _FEW:
        rows = await _of(session, waiting, _ORIGINAL, new)
    return {Ref(*row) for row in rows} & new


async def _chains(session: AsyncSession, refs: set[Ref]) -> tuple[set[Ref], list[Correction]]:
    """All events and corrections that hang together with these."""
    present: set[Ref] = set()
    corrections: dict[Ref, Correction] = {}
    seen: set[Ref] = set()
    todo = set(refs)
    while todo:
        seen |= todo
        names: list[Any] = [UsageEvent.source, UsageEvent.event_id]
        events: Select[Any] = select(*names).where(UsageEvent.position == 0)
        present |= {Ref(*row) for row in await _of(session, events, _EVENT, todo)}
        columns: list[Any] = [*_CORRECTION.clauses, UsageCorrection.kind, *_ORIGINAL.clauses]
        query: Select[Any] = select(*columns)
        rows = [
            *await _of(session, query, _CORRECTION, todo),
            *await _of(session, query, _ORIGINAL, todo),
        ]
        for source, id_, kind, original_source, original_id in rows:
            found = Correction(Ref(source, id_), Kind(kind), Ref(original_source, original_id))
            corrections[found.ref] = found
        named = {each.ref for each in corrections.values()} | {each.original for each in corrections.values()}
        todo = named - seen
    return present, list(corrections.values())


async def _set(session: AsyncSession, present: set[Ref], counts: set[Ref], arrival: Any) -> None:
    """Whoever begins to count arrives now, and whoever ends is withdrawn now: so rating bills the difference."""
    moved: set[tuple[UUID, date]] = set()
    for wanted, refs in ((True, present & counts), (False, present - counts)):
        numbered = {"arrival": arrival} if wanted else {"withdrawn_arrival": arrival}
        for some in _parts(sorted(refs)):
            change = update(UsageEvent).where(_EVENT.in_(some), UsageEvent.counts.is_not(wanted))
            changed = change.values(counts=wanted, **numbered).returning(UsageEvent.subscription_id, UsageEvent.day)
            rows = await session.execute(changed.execution_options(synchronize_session=False))
            moved |= {(subscription_id, day) for subscription_id, day in rows}
    await note_late(session, moved, arrival)


async def _of(session: AsyncSession, query: Select[Any], key: Any, refs: Iterable[Ref]) -> list[Any]:
    return [row for some in _parts(sorted(refs)) for row in await session.execute(query.where(key.in_(some)))]


def _parts(refs: Sequence[Ref]) -> list[Sequence[Ref]]:
    return [refs[start : start + _REFS_A_QUERY] for start in range(0, len(refs), _REFS_A_QUERY)]
