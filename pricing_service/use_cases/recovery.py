"""What a service brought in, against what it cost: one figure, for the report, the strategies and their events.

Revenue is what issued chargeback statements charge for the period of service, whenever they were issued, less what
credit notes gave back of it. Showback is shown apart: nobody pays it, so it recovers nothing. Cost is that of the
period's newest allocation run; revenue in another currency is converted at the period's average rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import strategy as domain
from pricing_service.domain.exchange import RateType
from pricing_service.domain.periods import Period
from pricing_service.domain.prices.charge import to_places
from pricing_service.queries import Revenue
from pricing_service.schemas import insights as bodies
from pricing_service.tables import KnownService, ServiceCost
from services.http import MoneyModel
from services.money import EXACT

PLACES = 12


@dataclass(slots=True)
class Books:
    """What a service cost in a period, and what it brought in, in the currency of the cost."""

    cost: Fraction
    revenue: Fraction
    currency: str
    warnings: list[str] = field(default_factory=list)


async def books(session: AsyncSession, service_id: UUID, period: Period) -> Books | None:
    """None where no allocation run of the period gives the service a cost."""
    costs = await queries.service_costs(session, period, service_id=service_id)
    if service_id not in costs:
        return None
    brought_in = await queries.revenue(session, period, service_id=service_id)
    return await _converted(session, period, costs[service_id], brought_in.get(service_id, {}))


async def _converted(
    session: AsyncSession, period: Period, cost: ServiceCost, brought_in: Mapping[str, Revenue]
) -> Books:
    found = Books(Fraction(cost.cost_amount), Fraction(0), cost.currency)
    for currency, amounts in sorted(brought_in.items()):
        factor = Fraction(1)
        if currency != cost.currency and amounts.net:
            rate = await queries.exchange_rate(session, RateType.AVERAGE, currency, cost.currency, period.last_day)
            if rate is None:
                found.warnings.append(
                    f"{period}: {amounts.net:f} {currency} is left out, without a rate to {cost.currency}"
                )
                continue
            factor = rate.factor
        found.revenue += Fraction(amounts.net) * factor
    return found


async def read_recovery(session: AsyncSession, period_name: str) -> bodies.RecoveryRead:
    """Of every service that cost something in the period, or brought something in."""
    period = (await queries.fiscal_calendar(session)).parse(period_name, pointer="period")
    brought_in = await queries.revenue(session, period)
    costs = await queries.service_costs(session, period)
    names = {known.id: known.name for known in await session.scalars(select(KnownService))}
    items: list[bodies.ServiceRecovery] = []
    for service_id in sorted({*brought_in, *costs}):
        cost = costs.get(service_id)
        amounts = brought_in.get(service_id, {})
        found = None if cost is None else await _converted(session, period, cost, amounts)
        items.append(_read(service_id, names.get(service_id), amounts, cost, found))
    return bodies.RecoveryRead(period=period.name, items=items)


def _read(
    service_id: UUID, name: str | None, amounts: Mapping[str, Revenue], cost: ServiceCost | None, found: Books | None
) -> bodies.ServiceRecovery:
    revenue = None if found is None else to_places(found.revenue, PLACES)
    return bodies.ServiceRecovery(
        service_id=service_id,
        service=name,
        revenue_by_currency=[
            bodies.CurrencyRevenue(
                currency=currency,
                charged=each.charged,
                credited=each.credited,
                revenue=each.net,
                shown=each.shown,
            )
            for currency, each in sorted(amounts.items())
        ],
        cost=None if cost is None else MoneyModel.of(cost.cost),
        revenue=None if revenue is None or found is None else MoneyModel(amount=revenue, currency=found.currency),
        recovered=None
        if revenue is None or cost is None
        else MoneyModel(amount=EXACT.subtract(revenue, cost.cost_amount), currency=cost.currency),
        recovery_percentage=None if found is None else domain.recovery_percentage(found.cost, found.revenue),
        allocation_run_id=None if cost is None else cost.allocation_run_id,
        warnings=[] if found is None else found.warnings,
    )
