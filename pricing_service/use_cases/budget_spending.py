"""What issued statements and credit notes do to budgets.

A line counts in the period that it is for: what is billed in advance in a later one than its statement's, maybe in
the next year's budget. A chargeback uses the reservation of its own demand (without one: of its business unit and
offering) in that period; what is due once uses it in whatever period it is held. Usage uses only what a
plan's minimum made the quote hold; what exceeds that, what exceeds a reservation, and what comes late for an earlier
period is actual without a reservation. Showback is memo: it is shown, and counts against
nothing. A credit note lowers the actual where its lines were counted; what it restores is available to everybody, not
reserved again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import Figure
from pricing_service.domain.budget_phases import most_specific
from pricing_service.domain.periods import Period
from pricing_service.domain.prices.line import LineKind
from pricing_service.tables import Budget, BudgetEntry, Quote, Reservation, Statement, StatementLine
from pricing_service.use_cases.budget_ledger import Cause, ChargeKind, Movement, locked, of_unit, post
from pricing_service.use_cases.reservations import give_back
from services.money import EXACT, exact_total


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines that a budget cannot tell apart. `period` is where they count, `late` where they are for an earlier one."""

    period: Period
    late: bool
    demand_id: UUID | None
    offering_id: UUID
    service_id: UUID
    charge: ChargeKind


async def spend(
    session: AsyncSession, statement: Statement, lines: Sequence[StatementLine], *, memo: bool = False
) -> None:
    """Count an issued statement: as actual, from its own reservations first; as memo where it is showback."""
    by_group = await _groups(session, statement, [(line, line.amount) for line in lines])
    years = {group.period.fiscal_year for group in by_group}
    conditions = [*of_unit(statement.business_unit_id, statement.currency), Budget.fiscal_year.in_(years)]
    budgets = {budget.id: budget for budget in await locked(session, *conditions)}
    if not budgets:
        return
    held = await _held(session, budgets, {group.period.number for group in by_group})
    minimums = await _minimums(session, held, by_group)
    movements: dict[UUID, list[Movement]] = {}
    for group, amount in by_group.items():
        mine = held.get(_owner(group.demand_id, group.offering_id), [])
        budget = _counting(group, budgets.values(), mine)
        if budget is None:
            continue
        into = movements.setdefault(budget.id, [])
        figure = Figure.MEMO if memo else Figure.ACTUAL
        number, whose, source_id = group.period.number, group.demand_id, statement.id
        into.append(Movement(number, figure, amount, Cause.STATEMENT, group.charge, whose, source_id=source_id))
        if not memo:
            into += _use([each for each in mine if each.budget_id == budget.id], group, amount, statement.id, minimums)
    for budget_id, moved in movements.items():
        post(session, budgets[budget_id], moved, thread=statement.correlation_id)


def _counting(group: _Group, budgets: Iterable[Budget], mine: Sequence[Reservation]) -> Budget | None:
    """The one of the budgets that the group counts against: where its reservation is, else the most specific."""
    of_year = {budget.id: budget for budget in budgets if budget.fiscal_year == group.period.fiscal_year}
    held = [each for each in mine if each.budget_id in of_year]
    # What is due once may have moved to another budget than what recurs, at a year's end.
    first = next((each for each in held if each.charge == group.charge), held[0] if held else None)
    return most_specific(of_year.values(), group.service_id) if first is None else of_year[first.budget_id]


async def _groups(
    session: AsyncSession, statement: Statement, parts: Iterable[tuple[StatementLine, Decimal]]
) -> dict[_Group, Decimal]:
    """Amounts of the statement's lines, by what a budget can tell apart.

    A line counts in the period that it is for, or in the earliest open one where that is closed by now.
    """
    calendar = await queries.fiscal_calendar(session)
    earliest = await queries.earliest_open(session, calendar, calendar.parse(statement.period))
    amounts: dict[_Group, list[Decimal]] = {}
    for line, amount in parts:
        period = max(earliest, calendar.parse(line.service_period))
        group = _Group(
            period,
            line.service_period < period.name,
            line.demand_id,
            line.offering_id,
            line.service_id,
            ChargeKind.of(line.recurring),
        )
        amounts.setdefault(group, []).append(amount)
    return {group: exact_total(of_group) for group, of_group in amounts.items()}


def _use(
    mine: Sequence[Reservation], group: _Group, amount: Decimal, statement_id: UUID, minimums: Mapping[UUID, Decimal]
) -> list[Movement]:
    """Take a charge out of its reservation: of its period, or of what is due once wherever it is held.

    Usage takes what was reserved to make up the plan's minimum, since it makes that up itself.
    """
    charge = ChargeKind.RECURRING if group.charge is ChargeKind.USAGE else group.charge
    movements: list[Movement] = []
    for reservation in mine:
        fits = charge is ChargeKind.ONE_OFF or (not group.late and reservation.number == group.period.number)
        used = min(amount, reservation.left)
        if group.charge is ChargeKind.USAGE:
            used = min(used, minimums.get(reservation.quote_id, Decimal(0)))
        if used > 0 and fits and reservation.charge == charge:
            movements.append(give_back(reservation, used, Cause.CHARGED, statement_id))
            amount = EXACT.subtract(amount, used)
    return movements


_Owner = tuple[UUID | None, UUID | None]


def _owner(demand_id: UUID | None, offering_id: UUID) -> _Owner:
    """Whose reservation a charge may use: its demand's; of a subscription without one, its offering's."""
    return (demand_id, None) if demand_id is not None else (None, offering_id)


async def _held(
    session: AsyncSession, budgets: Mapping[UUID, Budget], numbers: Collection[int]
) -> dict[_Owner, list[Reservation]]:
    """The periods' reservations and those of what is due once, by owner; of a demand those of its newest quote."""
    query = select(Reservation).where(
        Reservation.budget_id.in_(budgets),
        or_(Reservation.number.in_(numbers), Reservation.charge == ChargeKind.ONE_OFF),
    )
    order = query.order_by(Reservation.quote_id, Reservation.number).execution_options(populate_existing=True)
    held: dict[_Owner, list[Reservation]] = {}
    for reservation in await session.scalars(order):
        mine = held.setdefault(_owner(reservation.demand_id, reservation.offering_id), [])
        if reservation.demand_id is not None and mine and mine[-1].quote_id != reservation.quote_id:
            mine.clear()  # the quote before was superseded after its acceptance
        mine.append(reservation)
    return held


async def _minimums(
    session: AsyncSession, held: Mapping[_Owner, Sequence[Reservation]], groups: Iterable[_Group]
) -> dict[UUID, Decimal]:
    """Of quotes that usage was charged for: what they hold in each period to make up the plan's minimum."""
    owners = {_owner(group.demand_id, group.offering_id) for group in groups if group.charge is ChargeKind.USAGE}
    quotes = {reservation.quote_id for owner in owners for reservation in held.get(owner, ())}
    if not quotes:
        return {}
    found = await session.execute(select(Quote.id, Quote.lines).where(Quote.id.in_(quotes)))
    return {
        quote_id: exact_total([Decimal(line["amount"]) for line in lines if line.get("kind") == LineKind.PLAN_TRUE_UP])
        for quote_id, lines in found
    }


async def credit(
    session: AsyncSession,
    statement: Statement,
    parts: Sequence[tuple[StatementLine, Decimal]],
    *,
    thread: str | None = None,
    credit_note_id: UUID | None = None,
) -> None:
    """Restore what a credit note gives back of lines of an issued chargeback (below zero: what it takes again).

    Each line's amount goes where the line was counted: to the same budget and period, or where that is closed by now
    to the earliest open one. Where it was counted in none of that year's, it goes to the one that would count it today.
    """
    by_group = await _groups(session, statement, parts)
    years = {group.period.fiscal_year for group in by_group}
    conditions = [*of_unit(statement.business_unit_id, statement.currency), Budget.fiscal_year.in_(years)]
    budgets = {budget.id: budget for budget in await locked(session, *conditions)}
    if not budgets:
        return
    held = await _held(session, budgets, {group.period.number for group in by_group})
    counted = await _counted(session, statement, budgets)
    movements: dict[UUID, list[Movement]] = {}
    for group, amount in by_group.items():
        mine = held.get(_owner(group.demand_id, group.offering_id), [])
        then = [budgets[budget_id] for budget_id in counted.get((group.demand_id, group.charge), ())]
        budget = _counting(group, then, mine) or _counting(group, budgets.values(), mine)
        if budget is not None:
            number, given, whose = group.period.number, amount.copy_negate(), group.demand_id
            movement = Movement(
                number, Figure.ACTUAL, given, Cause.CREDIT_NOTE, demand_id=whose, source_id=credit_note_id
            )
            movements.setdefault(budget.id, []).append(movement)
    for budget_id, moved in movements.items():
        post(session, budgets[budget_id], moved, thread=thread)


async def _counted(
    session: AsyncSession, statement: Statement, budgets: Collection[UUID]
) -> dict[tuple[UUID | None, ChargeKind], list[UUID]]:
    """The budgets that the statement's lines were counted in, by demand and kind of charge."""
    query = (
        select(BudgetEntry.demand_id, BudgetEntry.charge, BudgetEntry.budget_id)
        .where(
            BudgetEntry.budget_id.in_(budgets),
            BudgetEntry.figure == Figure.ACTUAL,
            BudgetEntry.cause == Cause.STATEMENT,
            BudgetEntry.source_id == statement.id,
            BudgetEntry.charge.is_not(None),
        )
        .order_by(BudgetEntry.budget_id)
        .distinct()
    )
    counted: dict[tuple[UUID | None, ChargeKind], list[UUID]] = {}
    for demand_id, charge, budget_id in await session.execute(query):
        assert charge is not None
        counted.setdefault((demand_id, ChargeKind(charge)), []).append(budget_id)
    return counted
