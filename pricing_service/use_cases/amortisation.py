"""Amortisation schedules: all shares are booked at once, in the open period and those to come.

So a closed period is never touched, a reopened one needs nothing done again, and a view of next year shows what is
already certain. A share of a period that is closed when the schedule is made is refused, or on demand caught up in
the earliest open one. Early retirement writes off what lies ahead: those shares count no longer, and their sum does
in the period of the retirement. What is in force always adds up to the amount.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import amortisation as domain
from pricing_service.schemas import cost_entries as bodies
from pricing_service.tables import AmortisationSchedule, CostRow, CostSnapshot
from pricing_service.use_cases.cost_entries import (
    DIMENSIONS,
    Booking,
    Category,
    Origin,
    book,
    known,
    outside,
    unbook,
)
from pricing_service.use_cases.periods import PeriodClosed, bookable
from services.db import exact_sum
from services.errors import Conflict, Fault, Invalid, NotFound
from services.http import check_version
from services.ids import uuid7

ACTIVE, RETIRED = "active", "retired"


class ScheduleUnknown(NotFound): ...


class ScheduleRetired(Conflict): ...


class AmountNotPositive(Invalid): ...


class RetirementTooEarly(Invalid): ...


class NothingToWriteOff(Conflict): ...


async def create_schedule(session: AsyncSession, body: bodies.ScheduleCreate, *, now: datetime) -> AmortisationSchedule:
    """Raises AmountNotPositive, a ScheduleUnclear, ExternalIdTaken, PeriodClosed."""
    calendar = await queries.fiscal_calendar(session)
    columns = outside(body, body.external_id)
    if (before := await known(session, AmortisationSchedule, columns)) is not None:
        return before
    if body.amount <= 0:
        raise AmountNotPositive("nothing to spread", faults=[Fault("/amount", "must be above zero")])
    first = bookable(calendar, body.first_period, pointer="/first_period")
    over = domain.term(
        calendar, first, by=body.by, count=body.periods, end_date=body.end_date, start_date=body.start_date
    )
    earliest = await queries.earliest_open(session, calendar, first)
    if earliest != first and not body.catch_up:
        raise PeriodClosed(
            f"{first} is closed",
            faults=[Fault("/first_period", f"is closed: begin in {earliest}, or let catch_up book there what is past")],
        )
    dimensions = body.model_dump(include=set(DIMENSIONS))
    shares = domain.shares(body.amount, body.currency, over, by=body.by)
    schedule = AmortisationSchedule(
        version=1,
        state=ACTIVE,
        amount=body.amount,
        currency=body.currency,
        method=body.method,
        by=body.by,
        first_period=first.name,
        last_period=over.periods[-1].name,
        first_day=over.first_day,
        last_day=over.last_day,
        description=body.description,
        dimensions=dimensions,
        retired_in=None,
        write_off_id=None,
        written_off=None,
        retirement_reason=None,
        **columns,
    )
    session.add(schedule)
    rows = [
        Booking(
            max(period, earliest),
            share,
            dimensions,
            f"{body.description}, {number} of {len(shares)}" + (f", for {period}" if period < earliest else ""),
        )
        for number, (period, share) in enumerate(shares.items(), 1)
    ]
    await book(
        session,
        rows,
        entry_id=schedule.id,
        source=f"amortisation:{schedule.id}",
        origin=Origin.AMORTISATION,
        currency=body.currency,
        category=Category.PURCHASE,
        pointer="/first_period",
        now=now,
    )
    return schedule


async def retire_schedule(
    session: AsyncSession,
    schedule_id: UUID,
    body: bodies.ScheduleRetire,
    *,
    if_match: frozenset[int] | None,
    now: datetime,
) -> AmortisationSchedule:
    """Write off what lies after a period, in that period.

    Raises ScheduleRetired, RetirementTooEarly, NothingToWriteOff, PeriodClosed.
    """
    schedule = await found_schedule(session, schedule_id)
    check_version(schedule, if_match)
    if schedule.state == RETIRED:
        raise ScheduleRetired(
            f"schedule {schedule_id} was retired in {schedule.retired_in}", faults=[Fault("/id", "is retired")]
        )
    calendar = await queries.fiscal_calendar(session)
    if body.period is None:
        period = await queries.earliest_open(session, calendar, calendar.of(now))
    else:
        period = bookable(calendar, body.period)
    if period.name < schedule.first_period:
        raise RetirementTooEarly(
            f"the schedule begins in {schedule.first_period}",
            faults=[Fault("/period", f"must not lie before {schedule.first_period}")],
        )
    ahead = select(exact_sum(CostSnapshot.cost)).where(
        CostSnapshot.import_id == schedule.id,
        CostSnapshot.period > period.name,
        CostSnapshot.superseded_by.is_(None),
    )
    left = await session.scalar(ahead)
    if not left:
        raise NothingToWriteOff(
            f"nothing lies after {period}", faults=[Fault("/period", f"must lie before {schedule.last_period}")]
        )
    write_off = uuid7()
    await book(
        session,
        [Booking(period, left, schedule.dimensions, f"{schedule.description}, written off: {body.reason}")],
        entry_id=write_off,
        source=f"amortisation:{schedule.id}",
        origin=Origin.AMORTISATION,
        currency=schedule.currency,
        category=Category.ADJUSTMENT,
        now=now,
    )
    await unbook(session, schedule.id, after=period, by=write_off)
    schedule.state, schedule.retired_in, schedule.retirement_reason = RETIRED, period.name, body.reason
    schedule.write_off_id, schedule.written_off = write_off, left
    return schedule


async def found_schedule(session: AsyncSession, schedule_id: UUID) -> AmortisationSchedule:
    schedule = await session.get(AmortisationSchedule, schedule_id)
    if schedule is None:
        raise ScheduleUnknown(f"no amortisation schedule {schedule_id}")
    return schedule


async def shares_of(session: AsyncSession, schedule: AmortisationSchedule) -> list[bodies.ShareRead]:
    """Its rows, the write-off last, whether they are in force or were replaced by it."""
    through = await queries.closed_through(session) or ""
    ids = [schedule.id] if schedule.write_off_id is None else [schedule.id, schedule.write_off_id]
    query = (
        select(CostRow.period, CostRow.cost, CostRow.charge_description, CostSnapshot.superseded_by)
        .join(CostSnapshot, (CostSnapshot.import_id == CostRow.import_id) & (CostSnapshot.period == CostRow.period))
        .where(CostRow.import_id.in_(ids))
        .order_by(CostRow.import_id, CostRow.line)
    )
    return [
        bodies.ShareRead(
            period=period,
            amount=amount,
            description=description or "",
            in_force=superseded_by is None,
            closed=period <= through,
        )
        for period, amount, description, superseded_by in await session.execute(query)
    ]
