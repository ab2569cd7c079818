"""Why a budget's figures are what they are, and what they will come to."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.budget import Figure, Phase
from pricing_service.domain.budget_forecast import OBSERVED_PERIODS, Forecast, Rate, forecast, in_all, run_rate
from pricing_service.domain.budget_phases import given_phases
from pricing_service.domain.periods import Period
from pricing_service.schemas import budgets as bodies
from pricing_service.tables import Budget
from pricing_service.use_cases.budget_ledger import ChargeKind
from services.money import EXACT, exact_total

SHOWN_PARTS = 500
ZERO = Decimal(0)


async def explain_budget(session: AsyncSession, budget: Budget, period: str | None) -> bodies.BudgetExplanation:
    """Every movement behind a figure. Raises PhasesWrong for a period that is not of the budget's year."""
    periods = (await queries.fiscal_calendar(session)).periods_of_year(budget.fiscal_year)
    number = None if period is None else next(iter(given_phases(periods, [(period, ZERO)], pointer="period")))
    shown = Phase(budget.amount, budget.reserved, budget.actual, budget.memo)
    if number is not None:
        shown = budget.balance.phases[number - 1]
    explained = {
        figure.value: await _figure(session, budget, figure, number, getattr(shown, figure), periods)
        for figure in Figure
    }
    return bodies.BudgetExplanation(
        budget_id=budget.id,
        currency=budget.currency,
        period=period,
        available=shown.available,
        formula=f"{shown.amount:f} − {shown.reserved:f} − {shown.actual:f} = {shown.available:f} {budget.currency}",
        **explained,
    )


async def _figure(
    session: AsyncSession, budget: Budget, figure: Figure, number: int | None, total: Decimal, periods: Sequence[Period]
) -> bodies.FigureExplained:
    moved, count = await queries.movements_of(session, budget.id, figure, number, limit=SHOWN_PARTS)
    parts = [
        bodies.FigurePart(
            cause=each.cause,
            period=periods[each.number - 1].name,
            amount=each.amount,
            charge=each.charge,
            quote_id=each.quote_id,
            source_id=each.source_id,
            reason=each.reason,
            at=each.at,
            movements=each.movements,
        )
        for each in moved
    ]
    not_shown = EXACT.subtract(total, exact_total([part.amount for part in parts])) if count > len(parts) else ZERO
    return bodies.FigureExplained(total=total, parts=parts, not_shown=not_shown, parts_not_shown=count - len(parts))


async def forecast_budget(session: AsyncSession, budget: Budget, *, now: datetime) -> bodies.BudgetForecast:
    calendar = await queries.fiscal_calendar(session)
    closed_through = await queries.closed_through(session)
    year = budget.fiscal_year
    periods = calendar.periods_of_year(year)
    usage: dict[Period, Decimal] = {}
    unreserved: dict[Period, Decimal] = {}
    for moved in await queries.charged_by_period(session, budget):
        period = calendar.periods_of_year(moved.fiscal_year)[moved.number - 1]
        usage.setdefault(period, ZERO)
        unreserved.setdefault(period, ZERO)
        if moved.charge == ChargeKind.USAGE and moved.figure == Figure.ACTUAL:
            usage[period] = moved.amount
        elif moved.charge == ChargeKind.RECURRING:  # actual, less what of it came out of reservations
            unreserved[period] = EXACT.add(unreserved[period], moved.amount)
    observed = [period for period in sorted(usage) if period.end <= now][-OBSERVED_PERIODS:]
    rates = [
        Rate(
            run_rate([charged[period] for period in observed], budget.currency),
            {period.number: amount for period, amount in charged.items() if period.fiscal_year == year},
        )
        for charged in (usage, unreserved)
    ]
    closed = {p.number for p in periods if closed_through is not None and p.name <= closed_through}
    charged = {period.number for period in usage if period.fiscal_year == year and period.end <= now}
    by_period = forecast(budget.balance, usage=rates[0], unreserved=rates[1], finished=closed | charged)
    begun = sum(period.start <= now for period in periods)
    return bodies.BudgetForecast(
        budget_id=budget.id,
        currency=budget.currency,
        as_of=now,
        observed=[period.name for period in observed],
        usage_rate=rates[0].per_period,
        unreserved_rate=rates[1].per_period,
        to_period_end=_part(in_all(by_period[:begun])),
        to_year_end=_part(in_all(by_period)),
        periods=[
            bodies.PeriodForecastRead(period=period.name, **_part(each).model_dump())
            for period, each in zip(periods, by_period, strict=True)
        ],
    )


def _part(of: Forecast) -> bodies.ForecastPart:
    return bodies.ForecastPart.model_validate(of)
