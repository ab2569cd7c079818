"""What issued statements and credit notes do to budgets.

A line counts in the period that it is for: what is billed in advance in a later one than its statement's, maybe in
the next year's budget. A chargeback uses the reservation of its own demand (without one: of its business unit and
offering) in that period; what is due once uses it in whatever period it is held. What exceeds it, what comes late for
an earlier period, and all usage, is actual without a reservation. Showback is memo: it is shown, and counts against
nothing. A credit note lowers the actual where the demand's charges were counted; what it restores is available to
everybody, not reserved again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import Figure
from pricing_service.domain.budget_phases import ScopeKind, most_specific
from pricing_service.domain.periods import Period
from pricing_service.tables import Budget, BudgetEntry, Reservation, Statement, StatementLine
from pricing_service.use_cases.budget_ledger import Cause, ChargeKind, Movement, locked, of_unit, post
from pricing_service.use_cases.reservations import give_back
from services.db import exact_sum
from services.money import EXACT, exact_total

ZERO = Decimal(0)


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
    by_group = await _groups(session, statement, lines)
    years = {group.period.fiscal_year for group in by_group}
    conditions = [*of_unit(statement.business_unit_id, statement.currency), Budget.fiscal_year.in_(years)]
    budgets = {budget.id: budget for budget in await locked(session, *conditions)}
    if not budgets:
        return
    held = await _held(session, budgets, {group.period.number for group in by_group})
    movements: dict[UUID, list[Movement]] = {}
    for group, amount in by_group.items():
        of_year = {id_: budget for id_, budget in budgets.items() if budget.fiscal_year == group.period.fiscal_year}
        mine = [each for each in held.get(_owner(group.demand_id, group.offering_id), []) if each.budget_id in of_year]
        # What is due once may have moved to another budget than what recurs, at a year's end.
        first = next((each for each in mine if each.charge == group.charge), mine[0] if mine else None)
        budget = most_specific(of_year.values(), group.service_id) if first is None else of_year[first.budget_id]
        if budget is None:
            continue
        into = movements.setdefault(budget.id, [])
        figure = Figure.MEMO if memo else Figure.ACTUAL
        number, whose, source_id = group.period.number, group.demand_id, statement.id
        into.append(Movement(number, figure, amount, Cause.STATEMENT, group.charge, whose, source_id=source_id))
        if not memo:
            into += _use([each for each in mine if each.budget_id == budget.id], group, amount, statement.id)
    for budget_id, moved in movements.items():
        post(session, budgets[budget_id], moved, thread=statement.correlation_id)


async def _groups(session: AsyncSession, statement: Statement, lines: Sequence[StatementLine]) -> dict[_Group, Decimal]:
    """A line counts in the period that it is for, or in the earliest open one where that is closed by now."""
    calendar = await queries.fiscal_calendar(session)
    earliest = await queries.earliest_open(session, calendar, calendar.parse(statement.period))
    amounts: dict[_Group, list[Decimal]] = {}
    for line in lines:
        period = max(earliest, calendar.parse(line.service_period))
        group = _Group(
            period,
            line.service_period < period.name,
            line.demand_id,
            line.offering_id,
            line.service_id,
            ChargeKind.of(line.recurring),
        )
        amounts.setdefault(group, []).append(line.amount)
    return {group: exact_total(of_group) for group, of_group in amounts.items()}


def _use(mine: Sequence[Reservation], group: _Group, amount: Decimal, statement_id: UUID) -> list[Movement]:
    """Take a charge out of its reservation: of its period, or of what is due once wherever it is held."""
    movements: list[Movement] = []
    for reservation in mine:
        fits = group.charge is ChargeKind.ONE_OFF or (not group.late and reservation.number == group.period.number)
        used = min(amount, reservation.left)
        if used > 0 and fits and reservation.charge == group.charge:
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


async def credit(
    session: AsyncSession,
    *,
    business_unit_id: UUID,
    period: Period | str,
    currency: str,
    by_demand: Mapping[UUID | None, Decimal],
    thread: str | None = None,
    credit_note_id: UUID | None = None,
) -> None:
    """Restore what a credit note gives back (amounts ≥ 0, by the demand that was charged) in `period`.

    Each demand's amount goes to the budgets in which its charges of the fiscal year were counted, to none beyond
    what was counted there while another has some left; where none was, to the unit's budget for everything.
    """
    booked = (await queries.fiscal_calendar(session)).parse(str(period))
    conditions = [*of_unit(business_unit_id, currency), Budget.fiscal_year == booked.fiscal_year]
    budgets = {budget.id: budget for budget in await locked(session, *conditions)}
    counted = await _counted(session, budgets, by_demand)
    movements: dict[UUID, list[Movement]] = {}
    for demand_id, amount in by_demand.items():
        for budget_id, part in _shares(amount, counted.get(demand_id, {}), budgets):
            movement = Movement(
                booked.number,
                Figure.ACTUAL,
                part.copy_negate(),
                Cause.CREDIT_NOTE,
                demand_id=demand_id,
                source_id=credit_note_id,
            )
            movements.setdefault(budget_id, []).append(movement)
    for budget_id, moved in movements.items():
        post(session, budgets[budget_id], moved, thread=thread)


async def _counted(
    session: AsyncSession, budgets: Mapping[UUID, Budget], demands: Mapping[UUID | None, Decimal]
) -> dict[UUID | None, dict[UUID, Decimal]]:
    """Per demand and budget the actual that is counted by now."""
    known = [demand_id for demand_id in demands if demand_id is not None]
    query = (
        select(BudgetEntry.demand_id, BudgetEntry.budget_id, exact_sum(BudgetEntry.delta))
        .where(
            BudgetEntry.budget_id.in_(budgets),
            BudgetEntry.figure == Figure.ACTUAL,
            BudgetEntry.cause != Cause.OPENING,
            or_(BudgetEntry.demand_id.in_(known), BudgetEntry.demand_id.is_(None)),
        )
        .group_by(BudgetEntry.demand_id, BudgetEntry.budget_id)
    )
    counted: dict[UUID | None, dict[UUID, Decimal]] = {}
    for demand_id, budget_id, amount in await session.execute(query):
        counted.setdefault(demand_id, {})[budget_id] = amount
    return counted


def _shares(
    amount: Decimal, counted: Mapping[UUID, Decimal], budgets: Mapping[UUID, Budget]
) -> list[tuple[UUID, Decimal]]:
    """Where a credit goes: the largest counted first."""
    order = sorted(counted, key=lambda budget_id: (-counted[budget_id], budget_id))
    if not order:
        for_all = next((b.id for b in budgets.values() if b.scope.kind is ScopeKind.ALL), None)
        return [] if for_all is None else [(for_all, amount)]
    shares: list[tuple[UUID, Decimal]] = []
    for budget_id in order:
        part = min(amount, max(counted[budget_id], ZERO))
        if part:
            shares.append((budget_id, part))
            amount = EXACT.subtract(amount, part)
    if amount:
        first, part = shares[0] if shares else (order[0], ZERO)
        shares = [(first, EXACT.add(part, amount)), *shares[1:]]
    return shares
