"""Reservations: the money of budgets that is held for accepted quotes, period by period.

A quote asks the most specific budget of its business unit, in this fiscal year for the periods that are left, and in
every later one that has a budget. What it reserved is charged where it was reserved, also if a more specific budget
was set since: money follows its reservation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import NUMBERS, BudgetAnswer, BudgetExceeded, Figure
from pricing_service.domain.budget_phases import most_specific
from pricing_service.domain.periods import Period
from pricing_service.domain.quote import QuoteState
from pricing_service.events import BudgetForQuote, BudgetRefused, BudgetReserved, BudgetState
from pricing_service.tables import Budget, BudgetEntry, KnownOffering, Quote, Reservation
from pricing_service.use_cases.budget_ledger import Cause, ChargeKind, Movement, locked, named, of_unit, post
from services.db import exact_sum
from services.events import current_thread, record
from services.money import EXACT, Money, exact_total

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Need:
    """What a quote asks of one budget, by period number."""

    budget: Budget
    recurring: Mapping[int, Decimal]
    one_off: Mapping[int, Decimal]

    @property
    def by_number(self) -> dict[int, Decimal]:
        numbers = sorted({*self.recurring, *self.one_off})
        return {n: EXACT.add(self.recurring.get(n, ZERO), self.one_off.get(n, ZERO)) for n in numbers}

    @property
    def total(self) -> Decimal:
        return exact_total(list(self.by_number.values()))


def needs_of(
    budgets: Iterable[Budget], service_id: UUID | None, monthly: Decimal, one_off: Decimal, *, since: Period
) -> list[Need]:
    """A quote's needs from period `since` on: of that fiscal year's budget and of those of the years after it.

    The whole period counts, also the one that has begun. What is due once is due in `since`.
    """
    by_year: dict[int, list[Budget]] = {}
    for budget in budgets:
        if budget.fiscal_year >= since.fiscal_year:
            by_year.setdefault(budget.fiscal_year, []).append(budget)
    needs: list[Need] = []
    for year, candidates in sorted(by_year.items()):
        chosen = most_specific(candidates, service_id)
        if chosen is not None:
            first = since.number if year == since.fiscal_year else 1
            once = {since.number: one_off} if year == since.fiscal_year and one_off else {}
            recurring = {number: monthly for number in NUMBERS if number >= first and monthly}
            needs.append(Need(chosen, recurring, once))
    return needs


async def budget_answer(
    session: AsyncSession,
    business_unit_id: UUID,
    service_id: UUID | None,
    total: Money,
    one_off: Money,
    *,
    now: datetime,
) -> tuple[BudgetAnswer, Money | None]:
    """Whether the unit's budgets would cover a quote, and what is available in the earliest of them."""
    period = (await queries.fiscal_calendar(session)).of(now)
    conditions = [*of_unit(business_unit_id, total.currency), Budget.fiscal_year >= period.fiscal_year]
    budgets = await session.scalars(select(Budget).where(*conditions).order_by(Budget.id))
    needs = needs_of(budgets, service_id, total.amount, one_off.amount, since=period)
    if not needs:
        return BudgetAnswer.NONE, None
    answers = {need.budget.balance.answer(need.by_number) for need in needs}
    available = Money(needs[0].budget.available, total.currency)
    return BudgetAnswer.SHORT if BudgetAnswer.SHORT in answers else BudgetAnswer.ENOUGH, available


async def reserve(session: AsyncSession, quote: Quote, *, now: datetime) -> BudgetExceeded | None:
    """Hold the money for an accepted quote in every period it will be charged in; nothing where there is no budget.

    All of it or none. A hard budget that does not cover it is answered, not raised: the transaction has to keep
    budget.refused.
    """
    calendar = await queries.fiscal_calendar(session)
    period = calendar.of(now)
    conditions = [*of_unit(quote.business_unit_id, quote.currency), Budget.fiscal_year >= period.fiscal_year]
    needs = needs_of(
        await locked(session, *conditions),
        await service_of(session, quote),
        quote.total_amount,
        quote.one_off_amount,
        since=period,
    )
    for need in needs:
        try:
            named(need.budget, calendar).cover(need.by_number)
        except BudgetExceeded as refusal:
            event = _for_quote(need.budget, kind=BudgetRefused, quote=quote, needed=need.total)
            record(session, need.budget, event, thread=quote.correlation_id)
            return refusal
    for need in needs:
        hold(session, quote, need, cause=Cause.RESERVED)
    return None


def hold(session: AsyncSession, quote: Quote, need: Need, *, cause: Cause) -> None:
    """Reserve what was found to be covered."""
    movements: list[Movement] = []
    for charge, by_number in ((ChargeKind.RECURRING, need.recurring), (ChargeKind.ONE_OFF, need.one_off)):
        for number, amount in by_number.items():
            session.add(
                Reservation(
                    quote_id=quote.id,
                    budget_id=need.budget.id,
                    number=number,
                    charge=charge,
                    demand_id=quote.demand_id,
                    offering_id=quote.offering_id,
                    amount=amount,
                    left=amount,
                )
            )
            movements.append(Movement(number, Figure.RESERVED, amount, cause, charge, quote.demand_id, quote.id))
    tell = partial(_for_quote, kind=BudgetReserved, quote=quote, needed=need.total)
    post(session, need.budget, movements, tell=tell, thread=quote.correlation_id)


async def take_on(session: AsyncSession, budget: Budget, *, now: datetime) -> None:
    """Hold in a new budget what accepted quotes will be charged in its year and nothing is held for yet.

    Raises BudgetExceeded where the budget is hard and too small.
    """
    calendar = await queries.fiscal_calendar(session)
    period = calendar.of(now)
    if budget.fiscal_year < period.fiscal_year:
        return
    of_year = [*of_unit(budget.business_unit_id, budget.currency), Budget.fiscal_year == budget.fiscal_year]
    siblings = list(await session.scalars(select(Budget).where(*of_year)))
    held = select(Reservation.quote_id).where(Reservation.budget_id.in_([sibling.id for sibling in siblings]))
    running = select(Quote).where(
        Quote.business_unit_id == budget.business_unit_id,
        Quote.currency == budget.currency,
        Quote.state == QuoteState.ACCEPTED,
        Quote.ended_at.is_(None),
        Quote.id.not_in(held),
    )
    for quote in list(await session.scalars(running.order_by(Quote.id))):
        # What is due once is charged with the delivery: of what is delivered already it was, by now.
        undelivered = quote.demand_id is None or not await queries.is_subscribed(session, quote.demand_id)
        one_off = quote.one_off_amount if undelivered and budget.fiscal_year == period.fiscal_year else ZERO
        service_id = await service_of(session, quote)
        for need in needs_of(siblings, service_id, quote.total_amount, one_off, since=period):
            if need.budget is budget and need.by_number:
                named(budget, calendar).cover(need.by_number)
                hold(session, quote, need, cause=Cause.RESERVED)


async def release(session: AsyncSession, quote: Quote) -> None:
    """Give back what is left of a quote's reservation, in every budget that holds any."""
    mine = Reservation.quote_id == quote.id
    for budget in await locked(session, Budget.id.in_(select(Reservation.budget_id).where(mine))):
        held = await held_of(session, mine, Reservation.budget_id == budget.id)
        movements = [give_back(reservation, reservation.left, Cause.RELEASED) for reservation in held]
        if movements:
            post(session, budget, movements, thread=quote.correlation_id)


async def held_of(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[Reservation]:
    """Reservations of which something is left, read anew: call it behind the lock of their budgets."""
    query = select(Reservation).where(*conditions)
    order = query.order_by(Reservation.quote_id, Reservation.number, Reservation.charge)
    found = await session.scalars(order.execution_options(populate_existing=True))
    return [reservation for reservation in found if reservation.left]


def give_back(reservation: Reservation, amount: Decimal, cause: Cause, source_id: UUID | None = None) -> Movement:
    """Take `amount` out of a reservation; the movement that says so."""
    reservation.left = EXACT.subtract(reservation.left, amount)
    return Movement(
        reservation.number,
        Figure.RESERVED,
        amount.copy_negate(),
        cause,
        ChargeKind(reservation.charge),
        reservation.demand_id,
        reservation.quote_id,
        source_id,
    )


async def close_period(session: AsyncSession, period: Period) -> None:
    """The period is closed, and those before it: what was reserved in them and not charged is released.

    What is due once was not delivered yet, so it moves to the next period; from the year's last one it moves with the
    carry-over.
    """
    closed = Reservation.number <= period.number
    with_some = select(Reservation.budget_id).where(closed, Reservation.left != ZERO)
    for budget in await locked(session, Budget.fiscal_year == period.fiscal_year, Budget.id.in_(with_some)):
        movements: list[Movement] = []
        for reservation in await held_of(session, closed, Reservation.budget_id == budget.id):
            if reservation.charge == ChargeKind.RECURRING:
                movements.append(give_back(reservation, reservation.left, Cause.RELEASED))
            elif period.number < NUMBERS[-1]:
                movements += await move_on(session, reservation, budget, period.number + 1)
        if movements:
            post(session, budget, movements, thread=current_thread(), reason=_was_closed(period))


def _was_closed(period: Period) -> str:
    return f"{period} was closed"


def _was_reopened(period: Period) -> str:
    return f"{period} was reopened"


@dataclass(frozen=True, slots=True)
class NotHeld:
    """What a quote held before a period was closed, and its budget no longer has."""

    budget_id: UUID
    quote_id: UUID
    number: str
    amount: Decimal
    reason: str


async def reopen_period(session: AsyncSession, period: Period) -> list[NotHeld]:
    """The period may be charged again: what its close released is held again, for quotes that still run.

    Answered is what hard budgets do not have any more; quotes ask in the order in which they were made.
    """
    calendar = await queries.fiscal_calendar(session)
    why = BudgetEntry.reason.in_([_was_closed(period), _was_reopened(period)])
    moved = [
        BudgetEntry.number == period.number,
        BudgetEntry.figure == Figure.RESERVED,
        BudgetEntry.charge == ChargeKind.RECURRING,
        why,
    ]
    touched = Budget.id.in_(select(BudgetEntry.budget_id).where(*moved))
    missed: list[NotHeld] = []
    for budget in await locked(session, Budget.fiscal_year == period.fiscal_year, touched):
        released = (
            select(BudgetEntry.quote_id, exact_sum(BudgetEntry.delta))
            .where(*moved, BudgetEntry.budget_id == budget.id)
            .group_by(BudgetEntry.quote_id)
            .order_by(BudgetEntry.quote_id)
        )
        for quote_id, delta in list(await session.execute(released)):
            quote = await session.get_one(Quote, quote_id)
            amount = delta.copy_negate()
            if amount <= 0 or quote.state != QuoteState.ACCEPTED or quote.ended_at is not None:
                continue
            try:
                named(budget, calendar).cover({period.number: amount})
            except BudgetExceeded as refusal:
                missed.append(NotHeld(budget.id, quote.id, quote.number, amount, refusal.detail))
                continue
            key = {"quote_id": quote.id, "budget_id": budget.id, "number": period.number}
            reservation = await session.get_one(Reservation, key | {"charge": ChargeKind.RECURRING})
            movement = give_back(reservation, amount.copy_negate(), Cause.RESERVED)
            post(session, budget, [movement], thread=quote.correlation_id, reason=_was_reopened(period))
    return missed


async def move_on(session: AsyncSession, reservation: Reservation, to: Budget, number: int) -> list[Movement]:
    """Move what is left of a reservation to a period of `to`; the two movements, of which the second is `to`'s."""
    amount = reservation.left
    key = {"quote_id": reservation.quote_id, "budget_id": to.id, "number": number, "charge": reservation.charge}
    target = await session.get(Reservation, key)
    if target is None:
        kept = {"demand_id": reservation.demand_id, "offering_id": reservation.offering_id}
        target = Reservation(**key, **kept, amount=ZERO, left=ZERO)
        session.add(target)
    out = give_back(reservation, amount, Cause.MOVED, to.id)
    target.amount = EXACT.add(target.amount, amount)
    return [out, give_back(target, amount.copy_negate(), Cause.MOVED, reservation.budget_id)]


async def service_of(session: AsyncSession, quote: Quote) -> UUID | None:
    if quote.service_id is not None:
        return quote.service_id
    offering = await session.get(KnownOffering, quote.offering_id)
    return None if offering is None else offering.service_id


def _for_quote(budget: Budget, *, kind: type[BudgetForQuote], quote: Quote, needed: Decimal) -> BudgetForQuote:
    state = BudgetState.of(budget).model_dump()
    return kind(**state, quote_id=quote.id, demand_id=quote.demand_id, needed=needed)
