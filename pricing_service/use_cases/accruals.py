"""Accruals: the cost of a missing invoice counts in its period, and is taken back in a later one.

Both sides are booked at once, so that nobody can forget the second: by default it lies in the next period, where the
invoice then stands against it. If the invoice comes sooner, the accrual is taken back early, in an open period, and
the side that lay ahead counts no longer. The two sides in force always sum to zero.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.schemas import cost_entries as bodies
from pricing_service.tables import Accrual
from pricing_service.use_cases.cost_entries import (
    DIMENSIONS,
    Booking,
    Category,
    NothingToBook,
    Origin,
    book,
    known,
    outside,
    reversal_period,
    unbook,
)
from pricing_service.use_cases.periods import bookable
from services.errors import Conflict, Fault, Invalid, NotFound
from services.http import check_version
from services.ids import uuid7
from services.money import EXACT


class AccrualUnknown(NotFound): ...


class AccrualReversed(Conflict): ...


class ReversalNotLater(Invalid): ...


async def create_accrual(session: AsyncSession, body: bodies.AccrualCreate, *, now: datetime) -> Accrual:
    """Raises NothingToBook, ReversalNotLater, ExternalIdTaken, PeriodClosed."""
    calendar = await queries.fiscal_calendar(session)
    period = bookable(calendar, body.period)
    columns = outside(body, body.external_id)
    if (before := await known(session, Accrual, columns)) is not None:
        return before
    later = (
        calendar.next(period)
        if body.reverses_in is None
        else bookable(calendar, body.reverses_in, pointer="/reverses_in")
    )
    if not body.amount:
        raise NothingToBook("an accrual of nothing", faults=[Fault("/amount", "is zero")])
    if later <= period:
        raise ReversalNotLater(
            f"{later} is not later than {period}", faults=[Fault("/reverses_in", f"must lie after {period}")]
        )
    accrual = Accrual(
        version=1,
        period=period.name,
        reverses_in=later.name,
        reversal_id=uuid7(),
        expected_from=body.expected_from,
        amount=body.amount,
        currency=body.currency,
        dimensions=body.model_dump(include=set(DIMENSIONS)),
        reason=body.reason,
        reversed_early_at=None,
        reversal_reason=None,
        **columns,
    )
    session.add(accrual)
    await _book(session, accrual, accrual.id, period, accrual.amount, body.reason, now=now)
    await _book_reversal(session, accrual, later, now=now)
    return accrual


async def reverse_accrual(
    session: AsyncSession,
    accrual_id: UUID,
    body: bodies.AccrualReverse,
    *,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Accrual:
    """Take an accrual back earlier than was planned. Raises AccrualReversed, ReversalTooEarly, PeriodClosed."""
    accrual = await session.get(Accrual, accrual_id)
    if accrual is None:
        raise AccrualUnknown(f"no accrual {accrual_id}")
    check_version(accrual, if_match)
    calendar = await queries.fiscal_calendar(session)
    planned = calendar.parse(accrual.reverses_in)
    if accrual.reversed_early_at is not None or await queries.is_closed(session, planned):
        raise AccrualReversed(
            f"accrual {accrual_id} was taken back in {planned}", faults=[Fault("/id", f"was taken back in {planned}")]
        )
    period = await reversal_period(session, accrual.period, body.period)
    if period >= planned:
        raise AccrualReversed(
            f"accrual {accrual_id} is taken back in {planned} as it stands",
            faults=[Fault("/period", f"must lie before {planned}; accrue again if the invoice is later still")],
        )
    before = accrual.reversal_id
    accrual.reversal_id, accrual.reverses_in = uuid7(), period.name
    accrual.reversed_early_at, accrual.reversal_reason = now, body.reason
    await _book_reversal(session, accrual, period, now=now)
    await unbook(session, before, by=accrual.reversal_id)
    return accrual


async def _book_reversal(session: AsyncSession, accrual: Accrual, period: Period, *, now: datetime) -> None:
    description = f"Reversal: {accrual.reversal_reason or accrual.reason}"
    await _book(session, accrual, accrual.reversal_id, period, EXACT.minus(accrual.amount), description, now=now)


async def _book(
    session: AsyncSession,
    accrual: Accrual,
    entry_id: UUID,
    period: Period,
    amount: Decimal,
    description: str,
    *,
    now: datetime,
) -> None:
    await book(
        session,
        [Booking(period, amount, accrual.dimensions, description)],
        entry_id=entry_id,
        source=f"accrual:{accrual.id}",
        origin=Origin.ACCRUAL,
        currency=accrual.currency,
        category=Category.ADJUSTMENT,
        now=now,
    )
