"""Pricing strategies: set per service, and held against what its statements brought in.

What counts as revenue and as cost is `recovery`'s to say.
"""

from fractions import Fraction
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import strategy as domain
from pricing_service.domain.periods import Period
from pricing_service.domain.strategy import Strategy, StrategyKind
from pricing_service.events import RecoveryDrifted
from pricing_service.schemas import strategies as bodies
from pricing_service.tables import KnownService, PricingStrategy
from pricing_service.use_cases.recovery import books
from services.errors import NotFound
from services.events import record
from services.http import check_version

MOST_PERIODS = 24


class ServiceUnknown(NotFound): ...


async def strategy_of(session: AsyncSession, service_id: UUID) -> PricingStrategy:
    """The service's strategy; where none was set, cost recovery at version 0, which is not stored.

    Raises ServiceUnknown.
    """
    stored = await session.get(PricingStrategy, service_id)
    if stored is not None:
        return stored
    if await session.get(KnownService, service_id) is None:
        raise ServiceUnknown(f"the catalogue has told of no service {service_id}")
    return PricingStrategy(
        id=service_id,
        strategy=StrategyKind.COST_RECOVERY,
        target_recovery_percentage=domain.WHOLE,
        tolerance_percentage_points=domain.DEFAULT_TOLERANCE,
    )


async def set_strategy(
    session: AsyncSession, service_id: UUID, body: bodies.PricingStrategyPut, *, if_match: frozenset[int] | None
) -> PricingStrategy:
    """Raises StrategyUnclear, ServiceUnknown and VersionIsStale."""
    stored = await strategy_of(session, service_id)
    check_version(stored, if_match)
    rule = Strategy(body.strategy, body.target_recovery_percentage, body.tolerance_percentage_points)
    if stored.version == 0:
        stored.version = 1
        session.add(stored)
    stored.strategy = rule.kind
    stored.target_recovery_percentage, stored.tolerance_percentage_points = rule.target, rule.tolerance
    return stored


async def read_strategy(
    session: AsyncSession, strategy: PricingStrategy, *, periods: int
) -> bodies.PricingStrategyRead:
    """With the actual recovery over the last closed periods, each and together, and a warning for what drifts."""
    shown: list[bodies.PeriodRecovery] = []
    amounts: list[tuple[Fraction, Fraction]] = []
    warnings: list[str] = []
    currency = None
    for period in await closed_periods(session, periods):
        of_service = await books(session, strategy.id, period)
        if of_service is None:
            warnings.append(f"{period}: no allocation run gives the service a cost")
            continue
        if currency not in (None, of_service.currency):
            warnings.append(f"{period}: its cost is in {of_service.currency}, that of the periods before in {currency}")
            continue
        currency = of_service.currency
        warnings += of_service.warnings
        found = domain.recovery(strategy.rule, of_service.cost, of_service.revenue)
        amounts.append((of_service.cost, of_service.revenue))
        shown.append(bodies.PeriodRecovery.of(period.name, found, currency))
        if found.drifted:
            warnings.append(f"{period}: {_told(strategy, found)}")
    whole = domain.overall(strategy.rule, amounts)
    return bodies.PricingStrategyRead(
        service_id=strategy.id,
        strategy=strategy.rule.kind,
        target_recovery_percentage=strategy.target_recovery_percentage,
        tolerance_percentage_points=strategy.tolerance_percentage_points,
        periods=shown,
        overall=None if currency is None else bodies.PeriodRecovery.of(None, whole, currency),
        drifted=whole.drifted,
        warnings=warnings,
    )


async def closed_periods(session: AsyncSession, count: int) -> list[Period]:
    """The last closed periods, the oldest first."""
    newest = await queries.closed_through(session)
    if newest is None:
        return []
    calendar = await queries.fiscal_calendar(session)
    found = [calendar.parse(newest)]
    while len(found) < count:
        found.append(calendar.previous(found[-1]))
    return found[::-1]


async def tell_drifts(session: AsyncSession, period: Period) -> None:
    """Of a period that closes: publish each service whose recovery lies outside its strategy's tolerance."""
    for strategy in await session.scalars(select(PricingStrategy).order_by(PricingStrategy.id)):
        of_service = await books(session, strategy.id, period)
        if of_service is None:
            continue
        found = domain.recovery(strategy.rule, of_service.cost, of_service.revenue)
        if found.drifted and found.rate is not None and found.drift is not None:
            event = RecoveryDrifted(
                service_id=strategy.id,
                period=period.name,
                strategy=strategy.strategy,
                target_recovery_percentage=strategy.target_recovery_percentage,
                tolerance_percentage_points=strategy.tolerance_percentage_points,
                recovery_percentage=found.rate,
                drift_percentage_points=found.drift,
                cost=found.cost,
                revenue=found.revenue,
                currency=of_service.currency,
            )
            record(session, strategy, event)


def _told(strategy: PricingStrategy, found: domain.Recovery) -> str:
    return (
        f"{found.rate:f} % of the cost was recovered, {found.drift:+f} points off the target of "
        f"{strategy.target_recovery_percentage:f} %, where {strategy.tolerance_percentage_points:f} are tolerated"
    )
