"""Budgets: set, reserved by an accepted quote, released, spent by an issued statement.

A budget is written by everyone in its business unit at once, so a writer takes its row lock first and reads the
balance behind it: acceptances wait for each other rather than refuse each other. SQLite drops the lock, but there
a transaction is the only writer anyway; the version guards both.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import BudgetAnswer, BudgetExceeded
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.events import BudgetBalanceChanged, BudgetForQuote, BudgetRefused, BudgetReserved
from pricing_service.schemas.quotes import BudgetCreate
from pricing_service.tables import Budget, Quote, Reservation, Statement, StatementLine
from services.errors import Conflict, Fault
from services.events import record
from services.money import EXACT, Money, exact_total

ZERO = Decimal(0)


class BudgetExists(Conflict): ...


async def create_budget(session: AsyncSession, body: BudgetCreate) -> Budget:
    """Raises BudgetExists where the business unit has one for the year and currency."""
    if await _budget(session, body.business_unit_id, body.fiscal_year, body.amount.currency) is not None:
        raise BudgetExists(
            f"the business unit has a budget in {body.amount.currency} for {body.fiscal_year}",
            faults=[Fault("/fiscal_year", "has a budget already")],
        )
    budget = Budget(
        business_unit_id=body.business_unit_id,
        fiscal_year=body.fiscal_year,
        currency=body.amount.currency,
        amount=body.amount.amount,
        reserved=ZERO,
        actual=ZERO,
        hard=body.hard,
    )
    session.add(budget)
    record(session, budget, BudgetBalanceChanged)
    return budget


def needed(calendar: FiscalCalendar, total: Decimal, one_off: Decimal, *, now: datetime) -> Decimal:
    """What a quote asks of the present fiscal year's budget: the periods that are left of it, and what is due once."""
    periods = calendar.periods_left(now, fiscal_year=calendar.of(now).fiscal_year)
    return EXACT.add(EXACT.multiply(total, Decimal(periods)), one_off)


async def budget_answer(
    session: AsyncSession, business_unit_id: UUID, total: Money, one_off: Money, *, now: datetime
) -> tuple[BudgetAnswer, Money | None]:
    """Whether the unit's budget would cover a quote, and what is available of it."""
    calendar = await queries.fiscal_calendar(session)
    budget = await _budget(session, business_unit_id, calendar.of(now).fiscal_year, total.currency)
    if budget is None:
        return BudgetAnswer.NONE, None
    balance = budget.balance
    amount = needed(calendar, total.amount, one_off.amount, now=now)
    return balance.answer(amount), Money(balance.available, budget.currency)


async def reserve(session: AsyncSession, quote: Quote, *, now: datetime) -> BudgetExceeded | None:
    """Hold the money for an accepted quote; nothing where the unit has no budget.

    A hard budget that does not cover it is answered, not raised: the transaction has to keep budget.refused.
    """
    calendar = await queries.fiscal_calendar(session)
    year = calendar.of(now).fiscal_year
    budget = await _budget(session, quote.business_unit_id, year, quote.currency, lock=True)
    if budget is None:
        return None
    amount = needed(calendar, quote.total_amount, quote.one_off_amount, now=now)
    try:
        balance = budget.balance.reserve(amount)
    except BudgetExceeded as refusal:
        record(session, budget, _for_quote(BudgetRefused, budget, quote, amount), thread=quote.correlation_id)
        return refusal
    budget.reserved = balance.reserved
    session.add(
        Reservation(quote_id=quote.id, demand_id=quote.demand_id, budget_id=budget.id, amount=amount, left=amount)
    )
    record(session, budget, _for_quote(BudgetReserved, budget, quote, amount), thread=quote.correlation_id)
    return None


async def release(session: AsyncSession, quote: Quote) -> None:
    """Give back what is left of a quote's reservation, if it has one."""
    reservation = await session.get(Reservation, quote.id)
    if reservation is None or not reservation.left:
        return
    budget = await session.get_one(Budget, reservation.budget_id, with_for_update=True, populate_existing=True)
    budget.reserved = budget.balance.release(reservation.left).reserved
    reservation.left = ZERO
    record(session, budget, BudgetBalanceChanged, thread=quote.correlation_id)


async def spend(session: AsyncSession, statement: Statement, lines: Sequence[StatementLine]) -> None:
    """Turn an issued statement into actual: from the reservations of its own demands first."""
    year = (await queries.fiscal_calendar(session)).parse(statement.period).fiscal_year
    budget = await _budget(session, statement.business_unit_id, year, statement.currency, lock=True)
    if budget is None:
        return
    by_demand: dict[UUID | None, list[Decimal]] = {}
    for line in lines:
        by_demand.setdefault(line.demand_id, []).append(line.amount)
    balance = budget.balance
    for demand_id, amounts in by_demand.items():
        amount = exact_total(amounts)
        from_reservation = await _use_reservation(session, budget.id, demand_id, amount)
        balance = balance.spend(amount, from_reservation=from_reservation)
    budget.reserved, budget.actual = balance.reserved, balance.actual
    record(session, budget, BudgetBalanceChanged, thread=statement.correlation_id)


async def _use_reservation(session: AsyncSession, budget_id: UUID, demand_id: UUID | None, amount: Decimal) -> Decimal:
    if demand_id is None or amount <= 0:
        return ZERO
    reservation: Reservation | None = await session.scalar(
        # The newest: an older one is that of a quote which was superseded after its acceptance.
        select(Reservation)
        .where(Reservation.demand_id == demand_id, Reservation.budget_id == budget_id)
        .order_by(Reservation.quote_id.desc())
        .limit(1)
    )
    if reservation is None:
        return ZERO
    used = min(amount, reservation.left)
    reservation.left = EXACT.subtract(reservation.left, used)
    return used


async def _budget(
    session: AsyncSession, business_unit_id: UUID, fiscal_year: int, currency: str, *, lock: bool = False
) -> Budget | None:
    query = select(Budget).where(
        Budget.business_unit_id == business_unit_id, Budget.fiscal_year == fiscal_year, Budget.currency == currency
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: Budget | None = await session.scalar(query)
    return found


def _for_quote(event: type[BudgetForQuote], budget: Budget, quote: Quote, amount: Decimal) -> BudgetForQuote:
    return event(
        id=budget.id,
        business_unit_id=budget.business_unit_id,
        fiscal_year=budget.fiscal_year,
        amount=budget.amount,
        reserved=budget.reserved,
        actual=budget.actual,
        available=budget.available,
        currency=budget.currency,
        hard=budget.hard,
        quote_id=quote.id,
        demand_id=quote.demand_id,
        needed=amount,
    )
