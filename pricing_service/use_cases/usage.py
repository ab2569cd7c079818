"""Usage events: checked one by one, kept for good under the id that their producer gave them."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.usage import Outcome, Reading, UsageRejected, reading
from pricing_service.schemas.statements import UsageOutcome
from pricing_service.tables import KnownSubscription, PricePlan, UsageEvent
from pricing_service.use_cases.late_usage import note_late
from services.db.upsert import upsert
from services.errors import Fault, Invalid
from services.events import NotYet

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_EVENTS = 10_000
_ROWS_A_STATEMENT = 500  # × 9 columns stays below the parameters that SQLite and PostgreSQL take


class ContentTypeNotUsage(Invalid): ...


class UsageNotReadable(Invalid): ...


def parsed_events(content_type: str, body: bytes) -> list[object]:
    """The events of a structured-mode request, numbers with all their digits. Raises one of the two refusals above."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (SINGLE, BATCH):
        raise ContentTypeNotUsage(
            f"{kind[:60]!r} is not a structured CloudEvent", faults=[Fault("Content-Type", f"{SINGLE} or {BATCH}")]
        )
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UsageNotReadable(f"the body is not JSON: {error}", faults=[Fault("", "must be JSON")]) from error
    if kind == SINGLE:
        return [document]
    if not isinstance(document, list):
        raise UsageNotReadable("a batch is a JSON array of events", faults=[Fault("", "must be an array")])
    if len(document) > MAX_EVENTS:
        raise UsageNotReadable(
            f"a batch holds at most {MAX_EVENTS} events", faults=[Fault("", f"{len(document)} events")]
        )
    return document


async def ingest_usage(session: AsyncSession, events: Sequence[object], *, now: datetime) -> list[UsageOutcome]:
    """Keep what is right and new; the outcomes stand in the order of the events."""
    outcomes: list[UsageOutcome | None] = [None] * len(events)
    readings: dict[int, Reading] = {}
    for index, event in enumerate(events):
        try:
            readings[index] = reading(event)
        except UsageRejected as refusal:
            outcomes[index] = _rejected(event, refusal.detail)
    meters = await _meters_by_subscription(session, {found.subscription_id for found in readings.values()})
    first: dict[tuple[str, str], int] = {}
    for index, found in readings.items():
        known = meters.get(found.subscription_id)
        if known is None:
            outcomes[index] = _rejected(events[index], f"subscription {found.subscription_id} is not known")
        elif found.meter not in known:
            outcomes[index] = _rejected(events[index], f"meter {found.meter!r} has no price in the offering's plan")
        else:
            first.setdefault((found.source, found.id), index)
    new = await _insert(session, [readings[index] for index in first.values()], now)
    for index, found in readings.items():
        if outcomes[index] is None:
            key = (found.source, found.id)
            fresh = key in new and first[key] == index
            outcome = Outcome.ACCEPTED if fresh else Outcome.DUPLICATE
            outcomes[index] = UsageOutcome(id=found.id, source=found.source, outcome=outcome)
    return [outcome for outcome in outcomes if outcome is not None]


async def ingest_from_topic(session: AsyncSession, event: dict[str, Any], *, now: datetime) -> None:
    """One event of the usage topic. Raises NotYet for a subscription that may still arrive, else UsageRejected."""
    found = reading(event)
    if await session.get(KnownSubscription, found.subscription_id) is None:
        raise NotYet(f"subscription {found.subscription_id} is not known")
    (outcome,) = await ingest_usage(session, [event], now=now)
    if outcome.outcome is Outcome.REJECTED:
        raise UsageRejected(outcome.reason or "")


def _rejected(event: object, reason: str) -> UsageOutcome:
    named: dict[str, str | None] = {"id": None, "source": None}
    if isinstance(event, dict):
        named = {name: value if isinstance(value := event.get(name), str) else None for name in named}
    return UsageOutcome(**named, outcome=Outcome.REJECTED, reason=reason)


async def _meters_by_subscription(session: AsyncSession, ids: set[UUID]) -> dict[UUID, frozenset[str]]:
    """Of the subscriptions that exist, the meters that any version of their offering's plan prices."""
    offerings: dict[UUID, UUID] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), _ROWS_A_STATEMENT):
        query = select(KnownSubscription.id, KnownSubscription.offering_id).where(
            KnownSubscription.id.in_(ordered[start : start + _ROWS_A_STATEMENT])
        )
        for id_, offering in await session.execute(query):
            offerings[id_] = offering
    meters: dict[UUID, set[str]] = {}
    wanted = sorted(set(offerings.values()))
    for start in range(0, len(wanted), _ROWS_A_STATEMENT):
        plans = select(PricePlan.offering_id, PricePlan.charges).where(
            PricePlan.offering_id.in_(wanted[start : start + _ROWS_A_STATEMENT])
        )
        for offering, charges in await session.execute(plans):
            priced = {charge["meter"] for charge in charges if charge.get("meter")}
            meters.setdefault(offering, set()).update(priced)
    return {id_: frozenset(meters.get(offering, ())) for id_, offering in offerings.items()}


async def _insert(session: AsyncSession, readings: Sequence[Reading], now: datetime) -> set[tuple[str, str]]:
    """Insert what is not there yet, and say which those were."""
    new: set[tuple[str, str]] = set()
    arrival = await queries.next_arrival(session)
    zone = (await queries.fiscal_calendar(session)).zone
    for start in range(0, len(readings), _ROWS_A_STATEMENT):
        rows = [
            {
                "source": found.source,
                "event_id": found.id,
                "time": found.time,
                "day": found.time.astimezone(zone).date(),
                "subscription_id": found.subscription_id,
                "meter": found.meter,
                "quantity": found.quantity,
                "received_at": now,
                "arrival": arrival,
            }
            for found in readings[start : start + _ROWS_A_STATEMENT]
        ]
        insert = upsert(session, UsageEvent).values(rows).on_conflict_do_nothing()
        inserted = await session.execute(insert.returning(UsageEvent.source, UsageEvent.event_id))
        new.update((source, event_id) for source, event_id in inserted)
    kept = [found for found in readings if (found.source, found.id) in new]
    await note_late(session, [(found.subscription_id, found.time.astimezone(zone).date()) for found in kept], arrival)
    return new
