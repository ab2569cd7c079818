"""Rating all services on a scorecard: a job on demand, after each change of the card, and every night.

A chunk rates some hundred services: it reads their facts, and writes under the card's row, which it holds. So two
runs on one card take turns, and a run of an older version of the card ends where it finds a newer one: the change
has started a run of its own. Results are rewritten in place; only where a level has changed is there an audit
record, a line of history and an event.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import scorecard as domain
from catalog_service.domain.facts import Facts
from catalog_service.domain.predicate import Outcome
from catalog_service.domain.scorecard import Standing
from catalog_service.events import ScorecardLevelChanged
from catalog_service.tables import Scorecard, ScorecardLevelChange, ScorecardResult, Service
from catalog_service.work import jobs, timers
from services import context
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.events import current_thread, record
from services.ids import uuid7
from services.work import JobRun

EVALUATION = "scorecard-evaluation"
NIGHTLY = "scorecard-nightly"
HOUR = 2  # UTC, when few are at work
AT_ONCE = 500


def next_night(now: datetime) -> datetime:
    """The next time that the clock shows HOUR (UTC), after `now`."""
    tonight = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return tonight if tonight > now else tonight + timedelta(days=1)


async def start_evaluation(session: AsyncSession, card: Scorecard) -> Job:
    return await jobs.start(session, EVALUATION, payload={"scorecard_id": str(card.id), "version": card.version})


@timers.handler(NIGHTLY)
async def evaluate_nightly(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    card = await session.get(Scorecard, UUID(payload["scorecard_id"]))
    if card is None:
        return
    await start_evaluation(session, card)
    timers.set(session, NIGHTLY, due_at=next_night(now), payload=payload)


@jobs.handler(EVALUATION)
async def evaluate(run: JobRun) -> dict[str, Any]:
    """Rate every service; the result counts `services`, and the `changed` whose level is another one now."""
    card_id, version = UUID(run.payload["scorecard_id"]), run.payload["version"]
    at = run.checkpoint or {"after": None, "done": 0, "changed": 0}
    async with run.reading() as session:
        total = await session.scalar(select(func.count()).select_from(Service)) or 0
        above = await queries.taxonomy_above(session)
        card = await session.get(Scorecard, card_id)
    while card is not None and card.version == version:
        now = utc_now()
        async with run.reading() as session:
            after = None if at["after"] is None else UUID(at["after"])
            services = await queries.services_after(session, after, most=AT_ONCE)
            facts = await queries.facts_of(session, services, above, now)
        if not services:
            return {"services": at["done"], "changed": at["changed"], "superseded": False}
        standings = await asyncio.to_thread(_standings, card, facts)
        async with run.chunk() as session:
            card = await session.get(Scorecard, card_id, with_for_update=True)
            if card is None or card.version != version:
                break
            names = {service.id: service.name for service in services}
            changed = await _save(session, card, standings, names, now)
            done = at["done"] + len(services)
            at = {"after": str(services[-1].id), "done": done, "changed": at["changed"] + changed}
            run.advance(done=done, total=max(total, done), checkpoint=at)
    return {"services": at["done"], "changed": at["changed"], "superseded": True}


def _standings(card: Scorecard, facts: dict[UUID, dict[str, Any]]) -> dict[UUID, Standing]:
    def stand(of_service: Facts) -> Standing:
        return domain.stand(card.levels, card.rules, card.applies_to, of_service)

    return {service_id: stand(of_service) for service_id, of_service in facts.items()}


async def _save(
    session: AsyncSession, card: Scorecard, standings: dict[UUID, Standing], names: dict[UUID, str], now: datetime
) -> int:
    """Write how the services stand; returns how many are on another level than before."""
    result = ScorecardResult
    known_rows = await session.execute(
        select(result.service_id, result.id, result.level).where(
            result.scorecard_id == card.id, result.service_id.in_(standings)
        )
    )
    before = {service_id: (row_id, level) for service_id, row_id, level in known_rows}
    fresh, rated, moved = [], [], {}
    for service_id, standing in standings.items():
        values = _columns(card, standing, now)
        row_id, level = before.get(service_id, (None, None))
        if row_id is None:
            row_id = uuid7()
            fresh.append(_first_columns(card, row_id, service_id, now) | values)
        else:
            rated.append(values | {"row_id": row_id})
        if level != standing.level:
            moved[row_id] = (level, standing.level)
    if fresh:
        await session.execute(insert(result.__table__), fresh)  # type: ignore[arg-type]
    if rated:
        table = result.__table__
        columns: dict[str, Any] = {name: bindparam(name) for name in rated[0] if name != "row_id"}
        rewrite = update(table).where(table.c.id == bindparam("row_id")).values(columns)  # type: ignore[arg-type]
        await session.execute(rewrite, rated)
    for row in await session.scalars(select(result).where(result.id.in_(moved))):
        from_level, to_level = moved[row.id]
        row.level = to_level
        session.add(
            ScorecardLevelChange(
                id=uuid7(),
                scorecard_id=card.id,
                service_id=row.service_id,
                from_level=from_level,
                to_level=to_level,
                at=now,
                scorecard_version=card.version,
            )
        )
        told = ScorecardLevelChanged(
            id=row.id,
            scorecard_id=card.id,
            scorecard_key=card.key,
            scorecard_name=card.name,
            scorecard_version=card.version,
            service_id=row.service_id,
            service_name=names[row.service_id],
            from_level=from_level,
            to_level=to_level,
            passed=row.passed,
            failed=row.failed,
            unknown=row.unknown,
            evaluated_at=now,
        )
        record(session, row, told, thread=current_thread())
    return len(moved)


def _columns(card: Scorecard, standing: Standing, now: datetime) -> dict[str, Any]:
    return {
        "applies": standing.applies,
        "passed": standing.count(Outcome.PASSED),
        "failed": standing.count(Outcome.FAILED),
        "unknown": standing.count(Outcome.UNKNOWN),
        "rules": [{"key": rule.key, "outcome": rule.outcome, "facts": rule.facts} for rule in standing.rules],
        "evaluated_at": now,
        "scorecard_version": card.version,
    }


def _first_columns(card: Scorecard, row_id: UUID, service_id: UUID, now: datetime) -> dict[str, Any]:
    """Of a service that is rated for the first time: on no level yet, from which the rating then moves it."""
    return {
        "id": row_id,
        "version": 0,
        "created_at": now,
        "updated_at": now,
        "correlation_id": context.current().correlation_id,
        "scorecard_id": card.id,
        "service_id": service_id,
        "level": None,
    }
