"""Budgets: set for a business unit, a fiscal year and what it is for; what else moves them has modules of its own.

reservations       an accepted quote reserves; the end of its demand and the close of a period release
budget_spending    an issued statement spends, a credit note restores
budget_changes     amendments and transfers
carry_over         what is left at year end
budget_ledger      the one place where figures move
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import BudgetExceeded, Figure
from pricing_service.domain.budget_phases import PhasesWrong, Phasing, Scope, ScopeKind, YearEnd, phase_amounts
from pricing_service.schemas.budgets import BudgetCreate, BudgetDetail, BudgetRead, PhaseRead
from pricing_service.tables import Budget
from pricing_service.use_cases.budget_ledger import Cause, Movement, locked, of_unit, post
from pricing_service.use_cases.budget_spending import credit, spend
from pricing_service.use_cases.reservations import budget_answer, close_period, release, reserve, take_on
from services.errors import Conflict, Fault, Invalid, NotFound
from services.events import current_thread
from services.http import MoneyModel
from services.identity import Units

__all__ = [
    "budget_answer",
    "budget_in_sight",
    "close_period",
    "create_budget",
    "credit",
    "read_budget",
    "release",
    "reserve",
    "spend",
]
ZERO = Decimal(0)


class BudgetExists(Conflict): ...


class BudgetOverlaps(Conflict): ...


class CommitmentsNotCovered(Conflict): ...


class BudgetCurrencyDiffers(Invalid): ...


class CapWithoutCarryOver(Invalid): ...


async def create_budget(session: AsyncSession, body: BudgetCreate, *, now: datetime) -> Budget:
    """Set a budget; it takes on what accepted quotes will need of it that nothing was reserved for.

    Raises BudgetExists, BudgetOverlaps, PhasesWrong, and CommitmentsNotCovered where it is hard and too small.
    """
    calendar = await queries.fiscal_calendar(session)
    scope, currency = body.scope.scope(), body.amount.currency
    if body.phases and body.phasing is not Phasing.GIVEN:
        fault = Fault("/phases", "stand with the phasing `given` alone")
        raise PhasesWrong(f"amounts per period and a phasing {body.phasing} contradict each other", faults=[fault])
    check_cap(body.carry_over_cap, body.year_end, currency)
    conditions = [*of_unit(body.business_unit_id, currency), Budget.fiscal_year == body.fiscal_year]
    _refuse_twice(await locked(session, *conditions), scope, body)
    periods = calendar.periods_of_year(body.fiscal_year)
    given = [(phase.period, phase.amount) for phase in body.phases]
    amounts = phase_amounts(body.amount.amount, body.phasing, periods, currency, given)
    budget = Budget(
        business_unit_id=body.business_unit_id,
        fiscal_year=body.fiscal_year,
        currency=currency,
        scope_key=scope.key,
        scope_kind=scope.kind,
        scope_name=scope.name,
        service_ids=sorted(map(str, scope.service_ids)),
        amount=ZERO,
        reserved=ZERO,
        actual=ZERO,
        memo=ZERO,
        figures=[dict.fromkeys(Figure, "0") for _ in periods],
        hard=body.hard,
        control=body.control,
        thresholds=body.thresholds,
        crossed=[],
        year_end=body.year_end,
        carry_over_cap=None if body.carry_over_cap is None else body.carry_over_cap.amount,
    )
    session.add(budget)
    movements = [Movement(number, Figure.AMOUNT, amount, Cause.SET) for number, amount in amounts.items()]
    post(session, budget, movements, thread=current_thread())
    budget.amount = body.amount.amount  # the same, with the digits that it was given with
    try:
        await take_on(session, budget, now=now)
    except BudgetExceeded as refusal:
        raise CommitmentsNotCovered(
            f"accepted quotes need more than it holds: {refusal.detail}",
            faults=[Fault("/amount", fault.message) for fault in refusal.faults],
        ) from refusal
    return budget


def check_cap(cap: MoneyModel | None, year_end: YearEnd, currency: str) -> None:
    """Raises CapWithoutCarryOver and BudgetCurrencyDiffers."""
    if cap is None:
        return
    if year_end is not YearEnd.CARRY_OVER:
        raise CapWithoutCarryOver(
            f"what is left will {year_end}, so there is nothing to cap",
            faults=[Fault("/carry_over_cap", "stands with the year_end `carry_over` alone")],
        )
    check_currency(cap, currency, pointer="/carry_over_cap/currency")


def check_currency(money: MoneyModel, currency: str, *, pointer: str) -> None:
    """Raises BudgetCurrencyDiffers."""
    if money.currency != currency:
        raise BudgetCurrencyDiffers(
            f"the budget is in {currency}, not in {money.currency}", faults=[Fault(pointer, f"must be {currency}")]
        )


def _refuse_twice(there: Sequence[Budget], scope: Scope, body: BudgetCreate) -> None:
    if any(budget.scope_key == scope.key for budget in there):
        raise BudgetExists(
            f"the business unit has a budget in {body.amount.currency} for {body.fiscal_year} and {scope.key}",
            faults=[Fault("/fiscal_year", "has a budget already")],
        )
    if scope.kind is not ScopeKind.NODE:
        return
    for budget in there:
        both = scope.service_ids & budget.scope.service_ids
        if budget.scope.kind is ScopeKind.NODE and both:
            raise BudgetOverlaps(
                f"service {min(both)} is in the budget of {budget.scope_name!r} already, and costs count once",
                faults=[Fault("/scope/service_ids", f"{min(both)} is in the budget of {budget.scope_name!r}")],
            )


async def budget_in_sight(session: AsyncSession, budget_id: UUID, units: Units, *, lock: bool = False) -> Budget:
    if lock:
        budget = next(iter(await locked(session, Budget.id == budget_id)), None)
    else:
        budget = await session.scalar(select(Budget).where(Budget.id == budget_id))
    if budget is None:
        raise NotFound(f"no budget {budget_id}")
    units.require(budget.business_unit_id)
    return budget


async def read_budget(session: AsyncSession, budget: Budget) -> BudgetDetail:
    calendar = await queries.fiscal_calendar(session)
    closed_through = await queries.closed_through(session)
    periods = calendar.periods_of_year(budget.fiscal_year)
    phases = [
        PhaseRead(
            period=period.name,
            closed=closed_through is not None and period.name <= closed_through,
            amount=phase.amount,
            reserved=phase.reserved,
            actual=phase.actual,
            available=phase.available,
            memo=phase.memo,
        )
        for period, phase in zip(periods, budget.phases, strict=True)
    ]
    return BudgetDetail(**BudgetRead.model_validate(budget).model_dump(), phases=phases)
