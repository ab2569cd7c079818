"""The one place where figures of a budget move: each movement is an entry, and the figures are their sums.

A budget is written by everyone in its business unit at once, so a writer takes its row lock first and reads the
balance behind it: acceptances wait for each other rather than refuse each other. Who needs several budgets locks
them in the order of their ids, so that two writers never wait for each other's. SQLite drops the lock, but there a
transaction is the only writer anyway; the version guards both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain import budget as domain
from pricing_service.domain.budget import Balance, Figure
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.plan import Recurrence
from pricing_service.events import BudgetBalanceChanged, BudgetState, BudgetThresholdCrossed
from pricing_service.tables import Budget, BudgetEntry
from services.clock import utc_now
from services.events import record
from services.ids import uuid7
from services.money import EXACT, exact_total

ZERO = Decimal(0)


class Cause(StrEnum):
    """Why a figure moved. `source_id` of an entry is what is named here."""

    SET = "set"
    AMENDED = "amended"
    TRANSFERRED = "transferred"  # the transfer
    CARRIED_OVER = "carried_over"  # the other fiscal year's budget
    LAPSED = "lapsed"
    RESERVED = "reserved"
    CHARGED = "charged"  # a reservation became actual: the statement
    RELEASED = "released"
    MOVED = "moved"  # a reservation went to another period, or to the next fiscal year's budget
    STATEMENT = "statement"
    CREDIT_NOTE = "credit_note"
    OPENING = "opening"  # what there was before budgets had entries


class ChargeKind(StrEnum):
    """What a reservation is for, or an actual of. Usage is never reserved: nobody knows it beforehand."""

    RECURRING = "recurring"
    ONE_OFF = "one_off"
    USAGE = "usage"

    @classmethod
    def of(cls, recurrence: str) -> "ChargeKind":
        match recurrence:
            case Recurrence.USAGE:
                return cls.USAGE
            case Recurrence.ONE_OFF:
                return cls.ONE_OFF
            case _:
                return cls.RECURRING


@dataclass(frozen=True, slots=True)
class Movement:
    number: int
    figure: Figure
    delta: Decimal
    cause: Cause
    charge: ChargeKind | None = None
    demand_id: UUID | None = None
    quote_id: UUID | None = None
    source_id: UUID | None = None


def post(
    session: AsyncSession,
    budget: Budget,
    movements: Sequence[Movement],
    *,
    thread: str | None = None,
    tell: Callable[[Budget], BudgetState] = BudgetBalanceChanged.of,
    reason: str | None = None,
) -> None:
    """Move figures, keep the entries, tell of the new balance and of the thresholds that it has reached.

    Checks no limit: whoever reserves or takes away asks `Balance.cover` first. `thread` as in services.events.record.
    """
    deltas: dict[Figure, dict[int, Decimal]] = {}
    for movement in movements:
        of_figure = deltas.setdefault(movement.figure, {})
        of_figure[movement.number] = EXACT.add(of_figure.get(movement.number, ZERO), movement.delta)
    balance = budget.balance
    for figure, by_number in deltas.items():
        balance = balance.moved(figure, by_number)
        # Added to rather than summed anew, so that an amount keeps the digits that it was given with.
        total = exact_total([getattr(budget, figure), *by_number.values()])
        setattr(budget, figure, total)
    budget.figures = [
        {figure.value: format(getattr(phase, figure), "f") for figure in Figure} for phase in balance.phases
    ]
    now = utc_now()
    session.add_all(_entry(budget.id, movement, reason, now) for movement in movements if movement.delta)
    reached = domain.thresholds_reached(balance.total, budget.thresholds, budget.crossed)
    if reached:
        budget.crossed = sorted([*budget.crossed, *reached])
    record(session, budget, tell(budget), thread=thread)
    for percent in reached:
        crossed = BudgetThresholdCrossed(**BudgetState.of(budget).model_dump(), threshold=percent)
        record(session, budget, crossed, thread=thread)


def _entry(budget_id: UUID, movement: Movement, reason: str | None, now: datetime) -> BudgetEntry:
    return BudgetEntry(
        id=uuid7(),
        budget_id=budget_id,
        number=movement.number,
        figure=movement.figure,
        cause=movement.cause,
        delta=movement.delta,
        charge=movement.charge,
        demand_id=movement.demand_id,
        quote_id=movement.quote_id,
        source_id=movement.source_id,
        reason=reason,
        at=now,
    )


async def locked(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[Budget]:
    """The budgets that fulfil the conditions, locked in the order of their ids and read behind the lock."""
    query = select(Budget).where(*conditions).order_by(Budget.id)
    return list(await session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def of_unit(business_unit_id: UUID, currency: str) -> list[ColumnElement[bool]]:
    return [Budget.business_unit_id == business_unit_id, Budget.currency == currency]


def named(budget: Budget, calendar: FiscalCalendar) -> Balance:
    """The balance, with its periods' names for refusals."""
    return replace(budget.balance, names=tuple(p.name for p in calendar.periods_of_year(budget.fiscal_year)))
