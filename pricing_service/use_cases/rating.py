"""The rating run of a period: one transaction per business unit, each of which replaces the unit's drafts.

A unit's new draft and the usage that it bills appear together, so a run that stops half way leaves whole
statements; resumed, it goes on with the next unit. Usage is stamped with the statement that bills it first,
before it is summed: what arrives meanwhile waits for the next run and is in neither figure. Usage that a statement
has billed and that no longer counts is stamped likewise with the one that takes it off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import rating as domain
from pricing_service.domain.meters import ADDITIVE
from pricing_service.domain.periods import Period
from pricing_service.domain.prices import Cell, Matrix
from pricing_service.domain.rating import RatedLine, Window
from pricing_service.domain.statement import Billed, LineKey, StatementState
from pricing_service.schemas.statements import RatingRunCreate
from pricing_service.tables import (
    KnownSubscription,
    Statement,
    StatementLine,
    UsageEvent,
)
from pricing_service.use_cases.charges import parts_document
from pricing_service.use_cases.holdings import Subject, subjects
from pricing_service.work import jobs
from services.db.chassis_tables import Job
from services.db.database import AlreadyThere
from services.errors import StaleWrite
from services.http import plain
from services.ids import uuid7
from services.money import exact_total
from services.work import JobRun

ZERO = Decimal(0)
KEPT_UNPRICED = 200
_ATTEMPTS = 3
_WindowKey = tuple[UUID, str, tuple[date, date]]  # subscription, meter, half-open days


async def start_rating(session: AsyncSession, body: RatingRunCreate) -> Job:
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    return await jobs.start(session, "rating-run", payload={"period": str(period)})


@dataclass(slots=True)
class _Rated:
    """What became of one business unit."""

    statements: int = 0
    lines: int = 0
    totals: dict[str, list[Decimal]] = field(default_factory=dict)
    unpriced: list[dict[str, str]] = field(default_factory=list)


@jobs.handler("rating-run")
async def run_rating(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring. The checkpoint is the last unit and the figures so far."""
    async with run.reading() as session:
        period = (await queries.fiscal_calendar(session)).parse(run.payload["period"])
    so_far: dict[str, Any] = run.checkpoint or {
        "unit": None,
        "units": 0,
        "statements": 0,
        "lines": 0,
        "totals": {},
        "unpriced": [],
        "unpriced_count": 0,
    }
    while True:
        async with run.reading() as session:
            after = None if so_far["unit"] is None else UUID(so_far["unit"])
            unit = await queries.next_chargeable_unit(session, period, after)
            total = await _units(session, period)
        if unit is None:
            break
        so_far = await _rate_unit_in_chunk(run, period, unit, so_far, total)
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


async def _units(session: AsyncSession, period: Period) -> int:
    units = func.count(KnownSubscription.business_unit_id.distinct())
    return await session.scalar(select(units).where(queries.chargeable(period))) or 0


async def _rate_unit_in_chunk(
    run: JobRun, period: Period, unit: UUID, so_far: dict[str, Any], total: int
) -> dict[str, Any]:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with run.chunk() as session:
                rated = await rate_unit(session, period, unit)
                progress = _added(so_far, unit, rated)
                run.advance(done=progress["units"], total=max(total, progress["units"]), checkpoint=progress)
            return progress
        except (StaleWrite, AlreadyThere):  # a draft was issued, or another run replaced it, under our hands
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the loop above returns or raises")


def _added(so_far: dict[str, Any], unit: UUID, rated: _Rated) -> dict[str, Any]:
    totals = dict(so_far["totals"])
    for currency, amounts in rated.totals.items():
        totals[currency] = plain(exact_total([Decimal(totals.get(currency, "0")), *amounts]))
    return {
        "unit": str(unit),
        "units": so_far["units"] + 1,
        "statements": so_far["statements"] + rated.statements,
        "lines": so_far["lines"] + rated.lines,
        "totals": totals,
        "unpriced": [*so_far["unpriced"], *rated.unpriced][:KEPT_UNPRICED],
        "unpriced_count": so_far["unpriced_count"] + len(rated.unpriced),
    }


async def rate_unit(session: AsyncSession, period: Period, unit: UUID) -> _Rated:
    """Replace the unit's drafts of the period by what is not yet billed of it, and of the next one in advance."""
    await _drop_drafts(session, period, unit)
    result = _Rated()
    by_currency: dict[str, list[Subject]] = {}
    found, unpriced = await subjects(session, period, await queries.chargeable_subscriptions(session, unit, period))
    result.unpriced += [_unpriced(each.subscription_id, each.reason) for each in unpriced]
    for subject in found:
        by_currency.setdefault(subject.currency, []).append(subject)
    following = (await queries.fiscal_calendar(session)).next(period)
    before = await queries.billed_before(session, unit, period, period)
    ahead = await queries.billed_before(session, unit, following, period)
    sequence = 1 + (await session.scalar(_last_sequence(period, unit)) or 0)
    for currency, of_currency in sorted(by_currency.items()):
        statement_id = uuid7()
        await _stamp(session, statement_id, unit, period, {s.subscription.offering_id for s in of_currency})
        metered = await queries.metered_by_day(session, unit, period)
        windowed = await _metered_in_windows(session, unit, period, of_currency)
        cells = await _cells(session, unit, period, of_currency)
        lines: list[StatementLine] = []
        for subject in of_currency:
            id_ = subject.subscription.id
            usage = _Usage(metered.get(id_, {}), windowed, cells)
            rated, left = await _rate(session, period, subject, usage, before.get(id_, {}))
            lines += [_line(statement_id, period, subject, line) for line in rated]
            windows = domain.windows(following, subject.holding, subject.plans)
            advance = domain.rate_in_advance(following, subject.holding, windows, ahead.get(id_, {}))
            lines += [_line(statement_id, following, subject, line) for line in advance]
            result.unpriced += left
            await _unstamp_days(session, statement_id, id_, left)
        if not lines:
            await _unstamp(session, statement_id)
            continue
        for position, line in enumerate(lines, 1):
            line.position = position
        total = exact_total([line.amount for line in lines])
        session.add_all(lines)
        session.add(
            Statement(
                id=statement_id,
                version=1,
                business_unit_id=unit,
                period=str(period),
                sequence=sequence,
                state=StatementState.DRAFT,
                currency=currency,
                total_amount=total,
            )
        )
        sequence += 1
        result.statements += 1
        result.lines += len(lines)
        result.totals.setdefault(currency, []).append(total)
    return result


async def _drop_drafts(session: AsyncSession, period: Period, unit: UUID) -> None:
    drafts = select(Statement).where(
        Statement.business_unit_id == unit, Statement.period == str(period), Statement.state == StatementState.DRAFT
    )
    for draft in await session.scalars(drafts):
        await _unstamp(session, draft.id)
        await session.execute(delete(StatementLine).where(StatementLine.statement_id == draft.id))
        await session.delete(draft)
    await session.flush()


def _last_sequence(period: Period, unit: UUID) -> Any:
    return select(func.max(Statement.sequence)).where(
        Statement.business_unit_id == unit, Statement.period == str(period)
    )


async def _metered_in_windows(
    session: AsyncSession, unit: UUID, period: Period, subjects: Sequence[Subject]
) -> dict[_WindowKey, Decimal]:
    """Quantities of meters whose days do not add up (maximum, latest, distinct values), by window."""
    aggregated = await queries.aggregations(session)
    whole = {key for key, aggregation in aggregated.items() if aggregation not in ADDITIVE}
    wanted: dict[tuple[date, date], set[str]] = {}
    for subject in subjects:
        for window in domain.windows(period, subject.holding, subject.plans):
            if meters := whole & {charge.meter for charge in window.plan.charges if charge.meter is not None}:
                wanted.setdefault((window.start, window.end), set()).update(meters)
    of_unit = select(KnownSubscription.id).where(KnownSubscription.business_unit_id == unit)
    of = and_(queries.on_statements(), UsageEvent.subscription_id.in_(of_unit))
    found = {
        (subject.subscription.id, meter, days): ZERO
        for subject in subjects
        for days, meters in wanted.items()
        for meter in meters
    }
    for days, meters in wanted.items():
        metered = await queries.metered_quantities(session, of, days, aggregated, meters=meters)
        found |= {(subscription, meter, days): each[()] for (subscription, meter), each in metered.items()}
    return found


@dataclass(frozen=True, slots=True)
class _Usage:
    """What was metered of one subscription by day, and of all in windows and by attributes where days do not do."""

    days: Mapping[tuple[str, date], Decimal]
    windowed: Mapping[_WindowKey, Decimal]
    cells: Mapping[_WindowKey, Sequence[Cell]]


async def _cells(
    session: AsyncSession, unit: UUID, period: Period, subjects: Sequence[Subject]
) -> dict[_WindowKey, list[Cell]]:
    """Quantities by attributes, for the charges that price by them, by window."""
    wanted: dict[tuple[date, date], set[str]] = {}
    for subject in subjects:
        for window in domain.windows(period, subject.holding, subject.plans):
            priced = (charge for charge in window.plan.charges if isinstance(charge.charge.model, Matrix))
            if meters := {charge.meter for charge in priced if charge.meter is not None}:
                wanted.setdefault((window.start, window.end), set()).update(meters)
    if not wanted:
        return {}
    aggregated = await queries.aggregations(session)
    of_unit = select(KnownSubscription.id).where(KnownSubscription.business_unit_id == unit)
    of = and_(queries.on_statements(), UsageEvent.subscription_id.in_(of_unit))
    found: dict[_WindowKey, list[Cell]] = {}
    for days, meters in wanted.items():
        metered = await queries.metered_quantities(session, of, days, aggregated, meters=meters, by_attributes=True)
        for (subscription, meter), by in metered.items():
            found[subscription, meter, days] = [Cell(quantity, dict(pairs)) for pairs, quantity in by.items()]
    return found


async def _rate(
    session: AsyncSession,
    period: Period,
    subject: Subject,
    usage: _Usage,
    before: Mapping[LineKey, Billed],
) -> tuple[list[RatedLine], list[dict[str, str]]]:
    subscription, holding = subject.subscription, subject.holding
    windows = domain.windows(period, holding, subject.plans)
    term = domain.ending_term(period, holding, windows)
    earlier = ZERO if term is None else await queries.billed_in_term(session, subscription.id, *term, but=period)

    def metered(window: Window, meter: str) -> Decimal:
        whole = usage.windowed.get((subscription.id, meter, (window.start, window.end)))
        if whole is not None:
            return whole
        return exact_total(
            [
                quantity
                for (name, day), quantity in usage.days.items()
                if name == meter and window.start <= day < window.end
            ]
        )

    def cells(window: Window, meter: str) -> Sequence[Cell]:
        return usage.cells.get((subscription.id, meter, (window.start, window.end)), ())

    rated = domain.rate(period, holding, windows, metered, before, cells=cells, earlier_in_term=earlier)
    unpriced = [
        _unpriced(subscription.id, f"meter {meter!r} has no price on {day}", meter=meter, day=str(day))
        for meter, day in sorted(usage.days)
        if not any(_prices(window, meter, day) for window in windows)
    ]
    unpriced += [_unpriced(subscription.id, each.reason) for each in rated.unpriced]
    if not windows and subscription.activated_at < period.end:
        unpriced.append(_unpriced(subscription.id, f"no price plan is in force in {period}"))
    return rated.lines, unpriced


def _prices(window: Window, meter: str, day: date) -> bool:
    return window.start <= day < window.end and any(charge.meter == meter for charge in window.plan.charges)


def _unpriced(subscription_id: UUID, reason: str, **more: str) -> dict[str, str]:
    return {"subscription_id": str(subscription_id), "reason": reason} | more


async def _stamp(
    session: AsyncSession, statement_id: UUID, unit: UUID, period: Period, offering_ids: set[UUID]
) -> None:
    """Claim for the statement the usage of the period that no statement has billed, and what it has to take off."""
    of_unit = select(KnownSubscription.id).where(
        KnownSubscription.business_unit_id == unit, KnownSubscription.offering_id.in_(offering_ids)
    )
    of_period = (UsageEvent.subscription_id.in_(of_unit), *queries.in_days(period.first_day, period.end_day))
    billed_by, withdrawn_by = UsageEvent.statement_id, UsageEvent.withdrawn_statement_id
    await session.execute(
        update(UsageEvent)
        .where(*of_period, billed_by.is_(None), UsageEvent.counts)
        .values(statement_id=statement_id)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(UsageEvent)
        .where(*of_period, billed_by.is_not(None), withdrawn_by.is_(None), ~UsageEvent.counts)
        .values(withdrawn_statement_id=statement_id)
        .execution_options(synchronize_session=False)
    )


async def _unstamp(session: AsyncSession, statement_id: UUID) -> None:
    for stamp in (UsageEvent.statement_id, UsageEvent.withdrawn_statement_id):
        unstamp = update(UsageEvent).where(stamp == statement_id).values({stamp: None})
        await session.execute(unstamp.execution_options(synchronize_session=False))


async def _unstamp_days(
    session: AsyncSession, statement_id: UUID, subscription_id: UUID, unpriced: Sequence[Mapping[str, str]]
) -> None:
    """Usage without a price is billed by nobody, so it must wait for one."""
    for left in unpriced:
        if "meter" in left:
            day = date.fromisoformat(left["day"])
            await session.execute(
                update(UsageEvent)
                .where(
                    UsageEvent.statement_id == statement_id,
                    UsageEvent.subscription_id == subscription_id,
                    UsageEvent.meter == left["meter"],
                    *queries.in_days(day, day + timedelta(days=1)),
                )
                .values(statement_id=None)
            )


def _line(statement_id: UUID, service_period: Period, subject: Subject, line: RatedLine) -> StatementLine:
    window, subscription = line.window, subject.subscription
    metered = window is not None and line.meter is not None
    offering_id = subscription.offering_id if window is None else window.stretch.offering_id
    cost = subject.costs.get(offering_id)
    return StatementLine(
        id=uuid7(),
        statement_id=statement_id,
        position=0,
        subscription_id=subscription.id,
        offering_id=offering_id,
        service_id=subject.services.get(offering_id, subscription.service_id),
        demand_id=subscription.demand_id,
        charge=line.key.charge_key,
        name=line.name,
        kind=line.key.kind,
        model=line.model,
        recurring=line.recurrence,
        meter=line.meter,
        quantity=line.quantity,
        unit_price=line.unit_price,
        formula=line.formula,
        amount=line.amount,
        currency=subject.currency,
        parts=parts_document(line.parts),
        service_period=str(service_period),
        split_start=line.key.split_start,
        split_end=window.split.end if window else None,
        usage_from=window.start if metered and window else None,
        usage_until=window.end if metered and window else None,
        price_plan_id=window.plan.id if window else None,
        plan_version=window.plan.version if window else None,
        allocation_run_id=cost.allocation_run_id if cost else None,
    )
