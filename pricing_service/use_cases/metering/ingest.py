"""Usage events: checked one by one, kept for good under the id that their producer gave them.

The same (source, id) again is a duplicate, whatever it says the second time; the answer tells where it says something
else. An event whose period is closed is kept like any other: rating bills it as an adjustment.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.usage import (
    Kind,
    Outcome,
    Ref,
    SubscriptionUnknown,
    Taken,
    UsageRejected,
    subject_of,
    take,
)
from pricing_service.use_cases.late_usage import note_late
from pricing_service.use_cases.metering import corrections, rules, store
from pricing_service.use_cases.metering.bodies import Unreadable
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


async def ingest(session: AsyncSession, events: Sequence[object], *, now: datetime) -> list[Answer]:
    """Keep what is right and new; the answers stand in the order of the events."""
    held = await _held(session, events, now)
    answers: list[Answer | None] = [None] * len(events)
    taken: dict[int, Taken] = {}
    for index, event in enumerate(events):
        if index % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        try:
            taken[index] = take(event, held.rules)
        except UsageRejected as refusal:
            answers[index] = rejected(event, refusal)
    first: dict[Ref, Taken] = {}
    again: list[int] = []
    for index, event in taken.items():
        if first.setdefault(event.ref, event) is not event:
            again.append(index)
    arrival = await queries.next_arrival(session)
    new = await store.keep(session, list(first.values()), arrival, now=now)
    kept_days = {(each.subscription_id, each.day) for ref, each in first.items() if ref in new}
    await note_late(session, kept_days, arrival)
    correcting = [ref for ref in new if first[ref].original is not None]
    applied = await corrections.apply(session, new, correcting, arrival)
    old = [ref for ref in first if ref not in new]
    kept = await store.contents(session, old) if old else {}
    repeated = set(again)
    for index, event in taken.items():
        ref = event.ref
        if ref in new and index not in repeated:
            answers[index] = _accepted(event, held, applied)
        else:
            same = event.content == (first[ref].content if ref in new else kept[ref])
            answers[index] = Answer(ref.id, ref.source, Outcome.DUPLICATE, None if same else CONTENT_DIFFERS)
    return [answer for answer in answers if answer is not None]


async def _held(session: AsyncSession, events: Sequence[object], now: datetime) -> rules.Held:
    named: set[tuple[str, str | None]] = set()
    correcting = False
    for event in events:
        subject = subject_of(event)
        if subject is None or not isinstance(event, dict):
            continue
        data = event.get("data")
        meter = data.get("meter") if isinstance(data, dict) else None
        if isinstance(data, dict) and "original" in data:
            correcting = True
            inner = data.get("data")
            meter = inner.get("meter") if meter is None and isinstance(inner, dict) else meter
        named.add((subject, meter if isinstance(meter, str) else None))
    await corrections.lock(session, alone=correcting)
    return await rules.load(session, named, now=now)


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
        named = {name: value[:256] if isinstance(value := event.get(name), str) else None for name in named}
    reason = str(event) if isinstance(event, Unreadable) else refusal.detail
    return Answer(
        **named, outcome=Outcome.REJECTED, reason=reason, refusal=refusal_name(type(refusal)), pointer=refusal.pointer
    )
