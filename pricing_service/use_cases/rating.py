"""The rating run of a period: a resumable job that replaces the drafts of the business units, some at a time.

Usage is read for many units at once, since that takes it out of the database in one pass. Each chunk of them is one
transaction, in which whole statements appear; resumed, the run goes on with the next units. It bills what had arrived
when it began: what arrives meanwhile is in no figure of it, and waits for the next run.
"""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.domain.statement import PeriodToCome
from pricing_service.schemas.statements import RatingRunCreate
from pricing_service.tables import KnownSubscription
from pricing_service.use_cases.drafts import Drafted, Owing, draft_statements, read_owing
from pricing_service.use_cases.periods import require_open
from pricing_service.work import jobs
from services.db.chassis_tables import Job
from services.db.database import AlreadyThere
from services.errors import Fault, StaleWrite
from services.http import plain
from services.money import exact_total
from services.work import JobRun

KEPT_UNPRICED = 200
SUBSCRIPTIONS_A_READ = 5_000
UNITS_A_CHUNK = 20
_ATTEMPTS = 3
_LOOK_AGAIN_SECONDS = 0.05


async def start_rating(session: AsyncSession, body: RatingRunCreate, *, now: datetime) -> Job:
    """Raises PeriodToCome and PeriodClosed."""
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    if now < period.start:
        raise PeriodToCome(
            f"{period} begins on {period.first_day}",
            faults=[Fault("/period", "has not begun, nothing is due of it yet")],
        )
    await require_open(session, period)
    return await jobs.start(session, "rating-run", payload={"period": str(period)})


@jobs.handler("rating-run")
async def run_rating(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring. The checkpoint is the cut, the last unit and the figures so far."""
    async with run.reading() as session:
        period = (await queries.fiscal_calendar(session)).parse(run.payload["period"])
    so_far: dict[str, Any] = run.checkpoint or await _begun(run)
    while True:
        async with run.reading() as session:
            units = await _next_units(session, period, so_far["unit"])
            total = await _units(session, period)
            if not units:
                break
            owing = await read_owing(session, period, units, so_far["cut"])
        for start in range(0, len(units), UNITS_A_CHUNK):
            chunk = units[start : start + UNITS_A_CHUNK]
            so_far = await _draft_in_chunk(run, period, chunk, owing, so_far, total)
    totals = [{"amount": amount, "currency": currency} for currency, amount in sorted(so_far["totals"].items())]
    return {
        "period": str(period),
        "statements": so_far["statements"],
        "lines": so_far["lines"],
        "total": totals[0] if len(totals) == 1 else None,
        "totals": totals,
        "unpriced": so_far["unpriced"],
        "unpriced_count": so_far["unpriced_count"],
    }


async def _begun(run: JobRun) -> dict[str, Any]:
    """Cut the arrivals in a transaction of its own: whoever reports usage waits for it, but not for the run."""
    async with run.chunk() as session:
        begun: dict[str, Any] = {
            "cut": await queries.cut_arrivals(session),
            "unit": None,
            "units": 0,
            "statements": 0,
            "lines": 0,
            "totals": {},
            "unpriced": [],
            "unpriced_count": 0,
        }
        run.advance(checkpoint=begun)
    return begun


async def _next_units(session: AsyncSession, period: Period, after: str | None) -> list[UUID]:
    """As many as are read at once: at least one, and else no more than have SUBSCRIPTIONS_A_READ together."""
    last = None if after is None else UUID(after)
    units: list[UUID] = []
    subscriptions = 0
    for unit, count in await queries.chargeable_units(session, period, after=last, limit=SUBSCRIPTIONS_A_READ):
        subscriptions += count
        if units and subscriptions > SUBSCRIPTIONS_A_READ:
            break
        units.append(unit)
    return units


async def _units(session: AsyncSession, period: Period) -> int:
    units = func.count(KnownSubscription.business_unit_id.distinct())
    return await session.scalar(select(units).where(queries.chargeable(period))) or 0


async def _draft_in_chunk(
    run: JobRun, period: Period, units: list[UUID], owing: Owing, so_far: dict[str, Any], total: int
) -> dict[str, Any]:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with run.chunk() as session:
                # Runs of neighbouring periods must see each other's drafts: what one bills in advance, the other holds.
                while not await run.claim(session, "rating-drafts"):
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                await require_open(session, period)
                drafted = await draft_statements(session, period, units, owing)
                progress = _added(so_far, units, drafted)
                run.advance(done=progress["units"], total=max(total, progress["units"]), checkpoint=progress)
            return progress
        except (StaleWrite, AlreadyThere):  # a draft was issued, or another run replaced it, under our hands
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the loop above returns or raises")


def _added(so_far: dict[str, Any], units: list[UUID], drafted: Drafted) -> dict[str, Any]:
    totals = dict(so_far["totals"])
    for currency, amounts in drafted.totals.items():
        totals[currency] = plain(exact_total([Decimal(totals.get(currency, "0")), *amounts]))
    return so_far | {
        "unit": str(units[-1]),
        "units": so_far["units"] + len(units),
        "statements": so_far["statements"] + drafted.statements,
        "lines": so_far["lines"] + drafted.lines,
        "totals": totals,
        "unpriced": [*so_far["unpriced"], *drafted.unpriced][:KEPT_UNPRICED],
        "unpriced_count": so_far["unpriced_count"] + len(drafted.unpriced),
    }
