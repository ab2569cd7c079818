"""Budgets amended, and money moved between them. A closed period keeps what it has."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import Balance, Control, Figure
from pricing_service.domain.budget_phases import PhasesWrong, YearEnd, given_phases, spread
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.periods import Period
from pricing_service.schemas.budgets import BudgetAmend, BudgetTransferCreate
from pricing_service.tables import Budget, BudgetTransfer
from pricing_service.use_cases.budget_ledger import Cause, Movement, locked, named, post
from pricing_service.use_cases.budgets import budget_in_sight, check_cap, check_currency
from pricing_service.use_cases.periods import require_open
from services.errors import Conflict, Fault, Invalid, NotFound
from services.events import current_thread
from services.http import check_version
from services.identity import Units
from services.money import EXACT, exact_total

ZERO = Decimal(0)


class NothingAmended(Invalid): ...


class BudgetYearOver(Conflict): ...


class TransferToItself(Invalid): ...


class TransferAcrossYears(Invalid): ...


class TransferOfNothing(Invalid): ...


class TransferExceedsBudget(Conflict): ...


async def amend_budget(
    session: AsyncSession,
    budget_id: UUID,
    body: BudgetAmend,
    *,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Budget:
    """Change a budget's amount, its phases or its rules.

    Raises NothingAmended, PhasesWrong, BudgetCurrencyDiffers, CapWithoutCarryOver, PeriodClosed, BudgetYearOver, and
    BudgetExceeded where it is hard and would be left with less than is reserved and spent.
    """
    if not body.model_fields_set - {"reason"}:
        raise NothingAmended("an amendment changes something", faults=[Fault("", "name what changes")])
    calendar = await queries.fiscal_calendar(session)
    year = (await budget_in_sight(session, budget_id, units)).fiscal_year
    periods = calendar.periods_of_year(year)
    given = given_phases(periods, [(phase.period, phase.amount) for phase in body.phases])
    for index, phase in enumerate(body.phases):
        await require_open(session, calendar.parse(phase.period), f"/phases/{index}/period")
    open_periods = await _still_to_end(session, periods, now=now) if body.amount is not None and not given else []
    budget = await budget_in_sight(session, budget_id, units, lock=True)  # after the lock of the books
    check_version(budget, if_match)
    deltas = _deltas(budget, body, given, open_periods)
    balance = named(budget, calendar)
    balance.cover({number: delta.copy_negate() for number, delta in deltas.items()})
    _change_rules(budget, body)
    if budget.hard and (budget.hard, budget.control) != (balance.hard, balance.control):
        after = balance.moved(Figure.AMOUNT, deltas)
        Balance(after.phases, True, Control(budget.control), after.names).refuse_overdrawn()
    budget.change_reason = body.reason
    movements = [Movement(number, Figure.AMOUNT, delta, Cause.AMENDED) for number, delta in deltas.items() if delta]
    post(session, budget, movements, thread=current_thread(), reason=body.reason)
    return budget


def _deltas(
    budget: Budget, body: BudgetAmend, given: dict[int, Decimal], open_periods: Sequence[Period]
) -> dict[int, Decimal]:
    phases = budget.balance.phases
    if given:
        deltas = {number: EXACT.subtract(amount, phases[number - 1].amount) for number, amount in given.items()}
        total = exact_total([budget.amount, *deltas.values()])
        if body.amount is not None:
            check_currency(body.amount, budget.currency, pointer="/amount/currency")
            if body.amount.amount != total:
                raise PhasesWrong(
                    f"with these phases the year has {total:f}, but the amount is {body.amount.amount:f}",
                    faults=[Fault("/amount", f"must be {total:f}, or be left out")],
                )
        return deltas
    if body.amount is None:
        return {}
    check_currency(body.amount, budget.currency, pointer="/amount/currency")
    difference = EXACT.subtract(body.amount.amount, budget.amount)
    return spread(difference, {period.number: 1 for period in open_periods}, budget.currency)


def _change_rules(budget: Budget, body: BudgetAmend) -> None:
    if body.hard is not None:
        budget.hard = body.hard
    if body.control is not None:
        budget.control = body.control
    if body.thresholds is not None:
        budget.thresholds = body.thresholds
    if body.year_end is not None:
        budget.year_end = body.year_end
        if body.year_end is YearEnd.LAPSE:
            budget.carry_over_cap = None
    if "carry_over_cap" in body.model_fields_set:
        check_cap(body.carry_over_cap, YearEnd(budget.year_end), budget.currency)
        budget.carry_over_cap = None if body.carry_over_cap is None else body.carry_over_cap.amount


async def _still_to_end(
    session: AsyncSession, periods: Sequence[Period], *, now: datetime, pointer: str = "/amount"
) -> list[Period]:
    """The periods that are neither over nor closed, kept open until this transaction ends. Raises BudgetYearOver."""
    closed_through = await queries.closed_through(session)
    chosen = [
        period for period in periods if period.end > now and (closed_through is None or period.name > closed_through)
    ]
    if not chosen:
        raise BudgetYearOver(
            f"fiscal year {periods[0].fiscal_year} is over",
            faults=[Fault(pointer, "no period of the year is still to end: name the periods that it goes into")],
        )
    await require_open(session, chosen[0], pointer)  # periods close in order, so the others are open as well
    return chosen


async def transfer(session: AsyncSession, body: BudgetTransferCreate, *, units: Units, now: datetime) -> BudgetTransfer:
    """Move money from one budget to another.

    Raises TransferOfNothing, TransferToItself, TransferAcrossYears, BudgetCurrencyDiffers, PhasesWrong, PeriodClosed,
    BudgetYearOver, TransferExceedsBudget, and BudgetExceeded where the giving budget is hard and has not as much left.
    """
    if body.amount.amount <= 0:
        raise TransferOfNothing("a transfer moves something", faults=[Fault("/amount", "must be more than 0")])
    if body.from_budget_id == body.to_budget_id:
        raise TransferToItself("both are the same budget", faults=[Fault("/to_budget_id", "is from_budget_id too")])
    calendar = await queries.fiscal_calendar(session)
    giving = await budget_in_sight(session, body.from_budget_id, units)
    check_currency(body.amount, giving.currency, pointer="/amount/currency")
    chosen = await _chosen(session, body, calendar, giving.fiscal_year, now=now)
    both = {each.id: each for each in await locked(session, Budget.id.in_([body.from_budget_id, body.to_budget_id]))}
    giving, receiving = both[body.from_budget_id], both.get(body.to_budget_id)
    if receiving is None:
        raise NotFound(f"no budget {body.to_budget_id}")
    units.require(receiving.business_unit_id, pointer="/to_budget_id")
    _refuse_unlike(giving, receiving, body)
    amount = body.amount.amount
    if amount > giving.amount:
        raise TransferExceedsBudget(
            f"the budget has {giving.amount:f} in all", faults=[Fault("/amount", f"is more than {giving.amount:f}")]
        )
    parts = spread(amount, {period.number: 1 for period in chosen}, giving.currency)
    named(giving, calendar).cover(parts)
    moved = BudgetTransfer(
        version=1,
        from_budget_id=giving.id,
        to_budget_id=receiving.id,
        currency=giving.currency,
        amount=amount,
        parts=[{"period": period.name, "amount": format(parts[period.number], "f")} for period in chosen],
        reason=body.reason,
    )
    session.add(moved)
    for budget, sign in ((giving, -1), (receiving, 1)):
        budget.change_reason = body.reason
        movements = [
            Movement(
                number, Figure.AMOUNT, part if sign > 0 else part.copy_negate(), Cause.TRANSFERRED, source_id=moved.id
            )
            for number, part in parts.items()
        ]
        post(session, budget, movements, thread=current_thread(), reason=body.reason)
    return moved


async def _chosen(
    session: AsyncSession, body: BudgetTransferCreate, calendar: FiscalCalendar, year: int, *, now: datetime
) -> list[Period]:
    periods = calendar.periods_of_year(year)
    if not body.periods:
        return await _still_to_end(session, periods, now=now, pointer="/periods")
    chosen = [
        periods[number - 1]
        for number in given_phases(periods, [(name, ZERO) for name in body.periods], pointer="/periods/{}")
    ]
    for index, period in enumerate(chosen):
        await require_open(session, period, f"/periods/{index}")
    return chosen


def _refuse_unlike(giving: Budget, receiving: Budget, body: BudgetTransferCreate) -> None:
    check_currency(body.amount, receiving.currency, pointer="/to_budget_id")
    if giving.fiscal_year != receiving.fiscal_year:
        raise TransferAcrossYears(
            f"one budget is of {giving.fiscal_year}, the other of {receiving.fiscal_year}",
            faults=[Fault("/to_budget_id", f"must be of fiscal year {giving.fiscal_year}: the year end carries over")],
        )
