"""The end of a fiscal year: what a budget has left lapses or is carried over; what is held for later moves along.

A job with one transaction per budget. A budget is settled once; one that has to wait (the next year's budget is not
there, or is hard and has no room for what is held) is settled by a later run. What is charged again and again is held
in the next year's budget since acceptance, or since that budget was set; so only what is due once has to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import BudgetExceeded, Figure
from pricing_service.domain.budget_phases import YearEnd, most_specific, remainder
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.tables import Budget, Quote, Reservation
from pricing_service.use_cases.budget_ledger import Cause, ChargeKind, Movement, locked, named, of_unit, post
from pricing_service.use_cases.reservations import give_back, held_of, move_on, service_of
from pricing_service.work import jobs
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.errors import Conflict, Fault
from services.events import current_thread
from services.money import exact_total
from services.work import JobRun

KEPT_WAITING = 200


class FiscalYearNotClosed(Conflict): ...


async def start_carry_over(session: AsyncSession, year: int) -> Job:
    """Raises FiscalYearNotClosed while one of its periods is open: its actual could still change."""
    last = (await queries.fiscal_calendar(session)).periods_of_year(year)[-1]
    if not await queries.is_closed(session, last):
        raise FiscalYearNotClosed(
            f"fiscal year {year} is not closed", faults=[Fault("year", f"close it up to {last} first")]
        )
    return await jobs.start(session, "budget-carry-over", payload={"year": year})


@dataclass(slots=True)
class _Settled:
    currency: str
    settled: bool = False
    carried: Decimal = Decimal(0)
    lapsed: Decimal = Decimal(0)
    waiting: list[dict[str, str]] = field(default_factory=list)


@jobs.handler("budget-carry-over")
async def run_carry_over(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring. The checkpoint is the last budget and the figures so far."""
    year = run.payload["year"]
    so_far: dict[str, Any] = run.checkpoint or {
        "last": None,
        "done": 0,
        "settled": 0,
        "carried": {},
        "lapsed": {},
        "waiting": [],
        "waiting_count": 0,
    }
    async with run.reading() as session:
        calendar = await queries.fiscal_calendar(session)
        total = await session.scalar(select(func.count()).select_from(Budget).where(Budget.fiscal_year == year)) or 0
    while True:
        async with run.reading() as session:
            query = select(Budget.id).where(Budget.fiscal_year == year).order_by(Budget.id).limit(1)
            if so_far["last"] is not None:
                query = query.where(Budget.id > UUID(so_far["last"]))
            budget_id = await session.scalar(query)
        if budget_id is None:
            break
        async with run.chunk() as session:
            settled = await settle(session, calendar, budget_id, now=utc_now())
            so_far = _added(so_far, budget_id, settled)
            run.advance(done=so_far["done"], total=max(total, so_far["done"]), checkpoint=so_far)
    return {
        "fiscal_year": year,
        "budgets": so_far["done"],
        "settled": so_far["settled"],
        "carried": _money(so_far["carried"]),
        "lapsed": _money(so_far["lapsed"]),
        "waiting": so_far["waiting"],
        "waiting_count": so_far["waiting_count"],
    }


def _money(by_currency: dict[str, str]) -> list[dict[str, str]]:
    return [{"amount": amount, "currency": currency} for currency, amount in sorted(by_currency.items())]


def _added(so_far: dict[str, Any], budget_id: UUID, settled: _Settled) -> dict[str, Any]:
    sums = {}
    for name in ("carried", "lapsed"):
        before = Decimal(so_far[name].get(settled.currency, "0"))
        after = format(exact_total([before, getattr(settled, name)]), "f")
        sums[name] = so_far[name] | {settled.currency: after}
    return {
        "last": str(budget_id),
        "done": so_far["done"] + 1,
        "settled": so_far["settled"] + settled.settled,
        "waiting": [*so_far["waiting"], *settled.waiting][:KEPT_WAITING],
        "waiting_count": so_far["waiting_count"] + len(settled.waiting),
    } | sums


async def settle(session: AsyncSession, calendar: FiscalCalendar, budget_id: UUID, *, now: datetime) -> _Settled:
    """Settle one budget of a closed year, once."""
    seen = await session.get_one(Budget, budget_id)
    next_year = and_(*of_unit(seen.business_unit_id, seen.currency), Budget.fiscal_year == seen.fiscal_year + 1)
    together = await locked(session, or_(Budget.id == budget_id, next_year))
    budget = next(each for each in together if each.id == budget_id)
    following = [each for each in together if each.id != budget_id]
    result = _Settled(budget.currency)
    if budget.settled_at is not None:
        return result
    first = calendar.periods_of_year(budget.fiscal_year + 1)[0]
    into = await queries.earliest_open(session, calendar, first)
    number = into.number if into.fiscal_year == first.fiscal_year else first.number
    reason = f"end of fiscal year {budget.fiscal_year}"
    movements: dict[UUID, list[Movement]] = {each.id: [] for each in together}
    result.waiting = await _move_held(session, calendar, budget, following, number, movements)
    if not result.waiting:
        _settle_rest(calendar, budget, following, number, movements, result)
    if result.settled:
        budget.settled_at = now
    for each in together:
        if movements[each.id] or (each is budget and result.settled):
            each.change_reason = reason
            post(session, each, movements[each.id], thread=current_thread(), reason=reason)
    return result


async def _move_held(
    session: AsyncSession,
    calendar: FiscalCalendar,
    budget: Budget,
    following: Sequence[Budget],
    number: int,
    movements: dict[UUID, list[Movement]],
) -> list[dict[str, str]]:
    """Release what will not be charged any more, move what is due once; what finds no room stays, and waits."""
    waiting: list[dict[str, str]] = []
    for reservation in await held_of(session, Reservation.budget_id == budget.id):
        quote = await session.get_one(Quote, reservation.quote_id)
        target = most_specific(following, await service_of(session, quote))
        if reservation.charge != ChargeKind.ONE_OFF or target is None:
            movements[budget.id].append(give_back(reservation, reservation.left, Cause.RELEASED))
            continue
        pending = {number: exact_total([movement.delta for movement in movements[target.id]])}
        try:
            named(target, calendar).moved(Figure.RESERVED, pending).cover({number: reservation.left})
        except BudgetExceeded as refusal:
            waiting.append(_waits(budget, f"quote {quote.number}: {refusal.detail} in budget {target.id}"))
            continue
        out, into = await move_on(session, reservation, target, number)
        movements[budget.id].append(out)
        movements[target.id].append(into)
    return waiting


def _settle_rest(
    calendar: FiscalCalendar,
    budget: Budget,
    following: Sequence[Budget],
    number: int,
    movements: dict[UUID, list[Movement]],
    result: _Settled,
) -> None:
    balance = budget.balance
    for movement in movements[budget.id]:
        balance = balance.moved(movement.figure, {movement.number: movement.delta})
    left = remainder(balance, YearEnd(budget.year_end), budget.carry_over_cap)
    heir = next((each for each in following if each.scope_key == budget.scope_key), None)
    if left.carried and heir is None:
        year = budget.fiscal_year + 1
        result.waiting.append(_waits(budget, f"there is no budget of {year} to carry {left.carried_total:f} over to"))
        return
    for cause, parts in ((Cause.CARRIED_OVER, left.carried), (Cause.LAPSED, left.lapsed)):
        source_id = heir.id if heir is not None and cause is Cause.CARRIED_OVER else None
        movements[budget.id] += [
            Movement(n, Figure.AMOUNT, part.copy_negate(), cause, source_id=source_id) for n, part in parts.items()
        ]
    if left.carried and heir is not None:
        carried = Movement(number, Figure.AMOUNT, left.carried_total, Cause.CARRIED_OVER, source_id=budget.id)
        movements[heir.id].append(carried)
    result.settled, result.carried, result.lapsed = True, left.carried_total, left.lapsed_total


def _waits(budget: Budget, reason: str) -> dict[str, str]:
    return {"budget_id": str(budget.id), "business_unit_id": str(budget.business_unit_id), "reason": reason}
