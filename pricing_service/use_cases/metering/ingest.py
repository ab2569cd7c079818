"""Usage events: checked one by one, kept for good under the id that their producer gave them.

The same (source, id) again is a duplicate, whatever it says the second time; the answer tells where it says something
else. An event whose period is closed is kept like any other: rating bills it as an adjustment.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.usage import (
    MAX_KEY,
    Kind,
    Outcome,
    Ref,
    Rules,
    SubscriptionUnknown,
    Taken,
    UsageRejected,
    showable,
    subject_of,
    take,
)
from pricing_service.use_cases.late_usage import note_late
from pricing_service.use_cases.metering import corrections, rules, store
from pricing_service.use_cases.metering.bodies import Batch, Unreadable
from pricing_service.use_cases.metering.lane import Lane, days_of
from pricing_service.use_cases.metering.regular import RegularEvent
from pricing_service.use_cases.metering.rejections import refusal_name
from services.events import NotYet

_TURN = 500  # events that are looked at before others have their turn on the event loop
CONTENT_DIFFERS = "content differs from what was accepted under this id"
NO_LONGER_COUNTS = "does not count: it is voided or replaced already"
WAITS = "waits for its original"
OUTDONE = "has no effect: the original is void, or another correction of it has"


class Answer(NamedTuple):
    """What became of one event; `reason`, `refusal` and `pointer` of a rejected one alone."""

    id: str | None
    source: str | None
    outcome: Outcome
    note: str | None = None
    reason: str | None = None
    refusal: str | None = None
    pointer: str | None = None


class Accepted(NamedTuple):
    """A batch whose events were all regular and new; their texts hold nothing that JSON escapes."""

    ids: list[str]
    sources: list[str]


async def ingest_batch(session: AsyncSession, batch: Batch, *, now: datetime) -> Accepted | list[Answer]:
    """Keep what is right and new; the answers stand in the order of the events."""
    if batch.regular is not None and (accepted := await _ingest_regular(session, batch.regular, now)) is not None:
        return accepted
    return await ingest(session, batch.events, now=now)


async def _ingest_regular(session: AsyncSession, events: Sequence[RegularEvent], now: datetime) -> Accepted | None:
    """Keep events of the regular form; None, and nothing is kept, where one of them needs a closer look."""
    if not store.takes_lines(session, len(events)):
        return None
    of = [(event.subject, event.data.meter) for event in events]
    if any(len(subject) != 36 for subject in dict(of)):
        return None
    await corrections.lock(session, alone=False)
    held = await rules.load(session, set(of), now=now)
    regular = Lane(held.rules).lines(events, of)
    if regular is None or held.closed_period(regular[1]) is not None:
        return None
    lines, _ = regular
    accepted = Accepted([event.id for event in events], [event.source for event in events])
    if await corrections.are_awaited(session, zip(accepted.sources, accepted.ids, strict=True)):
        return None
    if not await store.keep_lines(session, lines, now=now):
        return None
    await note_late(session, days_of(lines), await queries.next_arrival(session))
    return accepted


async def ingest(session: AsyncSession, events: Sequence[object], *, now: datetime) -> list[Answer]:
    """Keep what is right and new; the answers stand in the order of the events."""
    held = await _held(session, events, now)
    found = await _look(session, events, held)
    arrival = await queries.next_arrival(session)
    new = await store.keep(session, list(found.taken.values()), found.lines, arrival, now=now)
    await note_late(session, _days_of(found, new, events, held.rules), arrival)
    correcting = [ref for ref, each in found.taken.items() if each.original is not None and ref in new]
    applied = await corrections.apply(session, new, correcting, arrival)
    old = [ref for ref in found.first if ref not in new]
    kept = await store.contents(session, old) if old else {}
    plain = not applied.corrected and held.known.closed_through is None
    for index, ref in found.refs.items():
        if ref in new and found.first[ref] == index:
            taken = found.taken.get(ref)
            if plain and (taken is None or taken.original is None):
                found.answers[index] = Answer(ref.id, ref.source, Outcome.ACCEPTED)
            else:
                found.answers[index] = _accepted(taken or take(events[index], held.rules), held, applied)
        else:
            said = take(events[index], held.rules).content
            same = said == (take(events[found.first[ref]], held.rules).content if ref in new else kept[ref])
            found.answers[index] = Answer(ref.id, ref.source, Outcome.DUPLICATE, None if same else CONTENT_DIFFERS)
    return [answer for answer in found.answers if answer is not None]


@dataclass(slots=True)
class _Found:
    """A batch that was looked at: what is rejected is answered, the rest is ready to be kept."""

    answers: list[Answer | None]
    refs: dict[int, Ref] = field(default_factory=dict)  # of all that may be kept, by their place in the batch
    first: dict[Ref, int] = field(default_factory=dict)  # where in the batch each stands first
    taken: dict[Ref, Taken] = field(default_factory=dict)
    lines: dict[Ref, str] = field(default_factory=dict)  # of regular events, in place of `taken`


async def _look(session: AsyncSession, events: Sequence[object], held: rules.Held) -> _Found:
    found = _Found([None] * len(events))
    lane = Lane(held.rules) if store.takes_lines(session, len(events)) else None
    for start in range(0, len(events), _TURN):
        await asyncio.sleep(0)
        for index, event in enumerate(events[start : start + _TURN], start):
            regular = lane.line(event) if lane is not None else None
            if regular is not None:
                ref, line = regular
                found.refs[index] = ref
                if found.first.setdefault(ref, index) == index:
                    found.lines[ref] = line
                continue
            try:
                taken = take(event, held.rules)
            except UsageRejected as refusal:
                found.answers[index] = rejected(event, refusal)
            else:
                found.refs[index] = taken.ref
                if found.first.setdefault(taken.ref, index) == index:
                    found.taken[taken.ref] = taken
    return found


async def _held(session: AsyncSession, events: Sequence[object], now: datetime) -> rules.Held:
    named: set[tuple[str, str | None]] = set()
    correcting = False
    for event in events:
        try:
            data = event["data"]  # type: ignore[index]  # whatever it is; what it should be is looked at later
            subject, meter = event["subject"], data.get("meter")  # type: ignore[index]
            if "original" in data:
                correcting = True
                inner = data.get("data")
                meter = inner.get("meter") if meter is None and isinstance(inner, dict) else meter
            named.add((subject, meter))
        except (KeyError, TypeError, AttributeError):
            if (subject := subject_of(event)) is not None:
                named.add((subject, None))
    named = {each for each in named if subject_of({"subject": each[0]}) is not None}
    await corrections.lock(session, alone=correcting)
    return await rules.load(session, named, now=now)


def _days_of(found: _Found, new: set[Ref], events: Sequence[object], rules_: Rules) -> Iterator[tuple[UUID, date]]:
    """Whose days have new usage; asked for only where a period is closed."""
    for ref, index in found.first.items():
        if ref in new:
            taken = found.taken.get(ref) or take(events[index], rules_)
            yield taken.subscription_id, taken.day


def _accepted(event: Taken, held: rules.Held, applied: corrections.Applied) -> Answer:
    note: str | None = None
    if event.original is not None and event.ref in applied.waiting:
        note = WAITS
    elif event.original is not None and event.ref not in applied.in_force:
        note = OUTDONE
    elif event.ref in applied.corrected:
        note = NO_LONGER_COUNTS
    elif event.kind is not Kind.VOIDED and (period := held.closed_period(event.day)) is not None:
        note = f"period {period} is closed: it will be billed as an adjustment"
    outcome = Outcome.ACCEPTED if event.original is None else Outcome.CORRECTED
    return Answer(event.ref.id, event.ref.source, outcome, note)


async def ingest_from_topic(session: AsyncSession, event: dict[str, Any], *, now: datetime) -> None:
    """One event of the usage topic. Raises NotYet for a subscription that may still arrive, else UsageRejected."""
    held = await _held(session, [event], now)
    try:
        take(event, held.rules)
    except SubscriptionUnknown as refusal:
        raise NotYet(refusal.detail, faults=refusal.faults) from refusal
    await ingest(session, [event], now=now)


def rejected(event: object, refusal: UsageRejected) -> Answer:
    named: dict[str, str | None] = {"id": None, "source": None}
    if isinstance(event, dict):
        said = {name: event.get(name) for name in named}
        named = {name: showable(value[:MAX_KEY]) if isinstance(value, str) else None for name, value in said.items()}
    reason = str(event) if isinstance(event, Unreadable) else showable(refusal.detail)
    return Answer(
        **named, outcome=Outcome.REJECTED, reason=reason, refusal=refusal_name(type(refusal)), pointer=refusal.pointer
    )
