"""Closing a billing period, and opening the newest closed one again.

CHECKS and WARNINGS are lists of functions `async (session, period) -> findings`. A blocker keeps the period from
closing and is answered with what to do about it; a warning is shown and blocks nothing. Another room adds its own
function here: it is part of the close from then on, and of its preview.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.exchange import RateType
from pricing_service.domain.periods import Period, PeriodStatus
from pricing_service.domain.statement import StatementState
from pricing_service.events import BillingPeriodClosed, BillingPeriodReopened
from pricing_service.events.periods import PeriodStateData
from pricing_service.schemas.periods import ClosingRead, FindingRead, PeriodRead
from pricing_service.tables import Accrual, AllocationRun, CostRow, CostSnapshot, PeriodState, Statement, UsageEvent
from pricing_service.use_cases import reservations, strategies
from pricing_service.use_cases.clearing import clearing_of
from pricing_service.use_cases.drafts import drop_adjusting
from pricing_service.use_cases.late_usage import (
    closes_with,
    count_never_rated,
    count_unrated,
    note_unbilled,
    note_unrated,
)
from pricing_service.use_cases.periods import PeriodClosed, books, period_read
from services.db.chassis_tables import Job
from services.errors import Conflict, Fault
from services.events import record
from services.http import check_version, plain
from services.work.jobs import QUEUED, RUNNING


class PeriodNotClosable(Conflict): ...


class PeriodNotClosed(Conflict): ...


class LaterPeriodClosed(Conflict): ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: its name, the fact, and what to do about it."""

    check: str
    message: str
    remedy: str


class Blocker(Finding): ...


class Warned(Finding): ...


async def close_period(
    session: AsyncSession, period: Period, *, if_match: frozenset[int] | None, now: datetime
) -> PeriodState:
    """From here on the period, and each before it, refuses rows. Raises PeriodClosed or PeriodNotClosable."""
    await books(session)
    state = await state_of(session, period)
    check_version(state, if_match)
    if await queries.is_closed(session, period):
        raise PeriodClosed(f"{period} is closed already", faults=[Fault("/period", "is closed")])
    blockers = await _blockers(session, period, now)
    if blockers:
        raise PeriodNotClosable(
            f"{period} cannot be closed yet: {', '.join(dict.fromkeys(found.check for found in blockers))}",
            faults=[Fault(f"/checks/{found.check}", f"{found.message}; {found.remedy}") for found in blockers],
        )
    closing = await closes_with(session, period)
    session.add(state)
    state.state, state.closed_at = PeriodStatus.CLOSED, now
    record(session, state, _event(BillingPeriodClosed, state, period))
    await reservations.close_period(session, period)
    await note_unbilled(session, period)
    await note_unrated(session, closing)
    await strategies.tell_drifts(session, period)
    return state


async def reopen_period(
    session: AsyncSession, period: Period, *, reason: str, if_match: frozenset[int] | None, now: datetime
) -> tuple[PeriodState, list[reservations.NotHeld]]:
    """Only the newest closed period opens again: what came after it was closed upon it. Drafts that adjust it go.

    What its close released of reservations is held again; what no budget has any more is answered.

    Raises PeriodNotClosed or LaterPeriodClosed.
    """
    await books(session)
    newest = await queries.closed_through(session)
    if newest is None or newest < period.name:
        raise PeriodNotClosed(f"{period} is not closed", faults=[Fault("/period", "is open")])
    if newest != period.name:
        raise LaterPeriodClosed(
            f"{newest} is closed too, and is later than {period}", faults=[Fault("/period", f"reopen {newest} first")]
        )
    state = await state_of(session, period)
    check_version(state, if_match)
    await drop_adjusting(session, period)
    state.state, state.reopened_at, state.reason = PeriodStatus.OPEN, now, reason
    record(session, state, _event(BillingPeriodReopened, state, period))
    return state, await reservations.reopen_period(session, period)


async def closing(session: AsyncSession, period: Period, *, now: datetime) -> ClosingRead:
    """What a close would meet; a closed period meets nothing any more."""
    shown = await read_period(session, period)
    closed = shown.state == PeriodStatus.CLOSED
    blockers = [] if closed else await _blockers(session, period, now)
    warnings = [] if closed else [found for check in WARNINGS for found in await check(session, period)]
    return ClosingRead(
        period=shown,
        can_close=not closed and not blockers,
        blockers=[FindingRead.model_validate(found) for found in blockers],
        warnings=[FindingRead.model_validate(found) for found in warnings],
    )


async def read_period(session: AsyncSession, period: Period) -> PeriodRead:
    return period_read(period, await state_of(session, period), await queries.closed_through(session))


async def state_of(session: AsyncSession, period: Period) -> PeriodState:
    """Its row; where it was never closed, one at version 0 that is not stored."""
    found: PeriodState | None = await session.scalar(select(PeriodState).where(PeriodState.name == period.name))
    return found or PeriodState(
        name=period.name, state=PeriodStatus.OPEN, closed_at=None, reopened_at=None, reason=None
    )


def _event(kind: type[PeriodStateData], state: PeriodState, period: Period) -> PeriodStateData:
    return kind(
        id=state.id,
        period=period.name,
        fiscal_year=period.fiscal_year,
        number=period.number,
        first_day=period.first_day,
        end_day=period.end_day,
        state=state.state,
        closed_at=state.closed_at,
        reopened_at=state.reopened_at,
    )


async def _blockers(session: AsyncSession, period: Period, now: datetime) -> list[Blocker]:
    found = []
    if now < period.end:
        found.append(
            Blocker("period-not-over", f"{period} lasts until {period.end:%FT%TZ}", "close it when it is over")
        )
    return [*found, *[blocker for check in CHECKS for blocker in await check(session, period)]]


async def earlier_period_open(session: AsyncSession, period: Period) -> list[Blocker]:
    """Periods close in order: an earlier one that holds anything comes first."""
    through = await queries.closed_through(session) or ""
    held: set[str] = set()
    for column, condition in (
        (CostSnapshot.period, CostSnapshot.superseded_by.is_(None)),
        (Statement.period, true()),
        (AllocationRun.period, true()),
    ):
        held |= set(
            await session.scalars(select(column).where(column > through, column < period.name, condition).distinct())
        )
    calendar = await queries.fiscal_calendar(session)
    used = select(func.min(UsageEvent.day)).where(UsageEvent.day < period.first_day)
    if through:
        used = used.where(UsageEvent.day >= calendar.parse(through).end_day)
    if (day := await session.scalar(used)) is not None:
        held.add(calendar.of_day(day).name)
    return [
        Blocker("earlier-period-open", f"{name} is open and holds costs, usage or statements", f"close {name} first")
        for name in sorted(held)
    ]


async def work_in_progress(session: AsyncSession, period: Period) -> list[Blocker]:
    """An import may hold rows of any period; other jobs name theirs."""
    at_work = select(Job.id, Job.kind, Job.payload).where(Job.state.in_([QUEUED, RUNNING])).order_by(Job.id)
    return [
        Blocker(f"{kind}-running", f"job {id_} is at work", "wait until it has ended, or cancel it")
        for id_, kind, payload in await session.execute(at_work)
        if kind == "cost-import" or payload.get("period") == period.name
    ]


async def rates(session: AsyncSession, period: Period) -> tuple[list[Blocker], list[Warned]]:
    """Costs in another currency than the reporting one need the period's average rate."""
    reporting = await queries.reporting_currency(session)
    if reporting is None:
        return [], []
    missing, stale = [], []
    of_costs = queries.in_force(period.name, CostRow.currency).where(CostRow.currency != reporting).distinct()
    for currency in sorted(await session.scalars(of_costs)):
        pair = f"{currency}/{reporting}"
        found = await queries.exchange_rate(session, RateType.AVERAGE, currency, reporting, period.last_day)
        what_to_do = f"state the average rate of {pair} for a day of {period}"
        if found is None:
            missing.append(
                Blocker("rate-missing", f"costs are in {currency}, without a rate to {reporting}", what_to_do)
            )
        elif found.day < period.first_day:
            stale.append(Warned("rate-stale", f"the newest average rate of {pair} is of {found.day}", what_to_do))
    return missing, stale


async def residual_unexplained(session: AsyncSession, period: Period) -> list[Blocker]:
    """What the ledger and the sources that detail it say differently needs a reason before it is final."""
    return [
        Blocker(
            "residual-unexplained",
            f"account {line.account}: the ledger has {line.ledger:f} {line.currency}, the detail {line.detail:f}, "
            f"and {line.unexplained:f} is unexplained",
            f"explain it: POST /v1/periods/{period}/clearing/{line.account}/explanation",
        )
        for line in await clearing_of(session, period)
        if line.unexplained
    ]


async def rates_missing(session: AsyncSession, period: Period) -> list[Blocker]:
    return (await rates(session, period))[0]


async def rates_stale(session: AsyncSession, period: Period) -> list[Warned]:
    return (await rates(session, period))[1]


async def unallocated(session: AsyncSession, period: Period) -> list[Warned]:
    newest = select(AllocationRun).where(AllocationRun.period == period.name).order_by(AllocationRun.id.desc()).limit(1)
    run: AllocationRun | None = await session.scalar(newest)
    if run is not None:
        found = [
            Warned(
                "cost-unallocated",
                f"{left['amount']} {run.currency} of {left['pool'] or 'no pool'}: {left['reason']}",
                "give the pool a driver or a fallback, and run the allocation again",
            )
            for left in run.unallocated
        ]
        since = select(literal(1)).where(CostSnapshot.period == period.name, CostSnapshot.taken_at > run.created_at)
        if await session.scalar(since.limit(1)):
            found.append(Warned("allocation-stale", f"costs have come since run {run.id}", "run the allocation again"))
        return found
    if await session.scalar(queries.in_force(period.name, literal(1)).limit(1)):
        return [Warned("not-allocated", f"the costs of {period} were never allocated", "run an allocation")]
    return []


async def unissued_drafts(session: AsyncSession, period: Period) -> list[Warned]:
    drafts = select(func.count()).where(Statement.period == period.name, Statement.state == StatementState.DRAFT)
    count = await session.scalar(drafts)
    return [Warned("statements-unissued", f"{count} drafts", "issue them, or rate again")] if count else []


async def unrated_usage(session: AsyncSession, period: Period) -> list[Warned]:
    """Usage that no statement bills yet, and usage that was taken back after a statement had billed it."""
    count = await count_unrated(session, period)
    if not count:
        return []
    return [Warned("usage-unrated", f"{count} readings are not (or no longer rightly) billed", "start a rating run")]


async def never_rated(session: AsyncSession, period: Period) -> list[Warned]:
    """Subscriptions that nobody rated, also in the open periods that close with this one."""
    counts = [(each, await count_never_rated(session, each)) for each in await closes_with(session, period)]
    return [
        Warned(
            "subscriptions-unrated",
            f"{count} subscriptions have no line of {each} on any statement",
            f"start a rating run of {each}, or have what they owe billed as adjustments of it",
        )
        for each, count in counts
        if count
    ]


async def accrued_and_invoiced(session: AsyncSession, period: Period) -> list[Warned]:
    """An accrual whose invoice came after all: both count."""
    delivered = select(CostSnapshot.source).where(
        CostSnapshot.period == period.name, CostSnapshot.superseded_by.is_(None)
    )
    both = select(Accrual).where(
        Accrual.period == period.name, Accrual.reverses_in != period.name, Accrual.expected_from.in_(delivered)
    )
    return [
        Warned(
            "accrued-and-invoiced",
            f"accrual {accrual.id} of {plain(accrual.amount)} {accrual.currency} waits for {accrual.expected_from}, "
            "which has delivered",
            f"if that holds the invoice, reverse the accrual in {period}",
        )
        for accrual in await session.scalars(both.order_by(Accrual.id))
    ]


CHECKS: Sequence[Callable[[AsyncSession, Period], Awaitable[list[Blocker]]]] = [
    earlier_period_open,
    work_in_progress,
    rates_missing,
    residual_unexplained,
]
WARNINGS: Sequence[Callable[[AsyncSession, Period], Awaitable[list[Warned]]]] = [
    unallocated,
    unissued_drafts,
    unrated_usage,
    never_rated,
    rates_stale,
    accrued_and_invoiced,
]
