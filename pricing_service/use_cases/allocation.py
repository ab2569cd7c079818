"""Cost pools, service volumes, and the allocation calculator."""

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import Driver, Pool, allocate
from pricing_service.domain.costing import COST_PLACES
from pricing_service.domain.prices.charge import to_places
from pricing_service.schemas import allocation as bodies
from pricing_service.tables import CostPool, ServiceVolume
from pricing_service.use_cases.periods import require_open
from services.db import touch
from services.errors import Conflict, Fault
from services.http import MoneyModel
from services.money import EXACT, exponent

ZERO = Decimal(0)


class PoolNameTaken(Conflict): ...


async def create_cost_pool(session: AsyncSession, body: bodies.CostPoolCreate) -> CostPool:
    """Raises PoolNameTaken. Services that the catalogue has not published (yet) are taken; a run shows them."""
    if await session.scalar(select(CostPool.id).where(CostPool.name == body.name)) is not None:
        raise PoolNameTaken(f"there is a pool {body.name!r}", faults=[Fault("/name", "is taken")])
    position = body.position
    if position is None:
        last = await session.scalar(select(func.max(CostPool.position)))
        position = 0 if last is None else last + 1
    pool = CostPool(
        version=1,
        name=body.name,
        position=position,
        rules=[rule.model_dump(mode="json", exclude_none=True) for rule in body.rules],
        driver=body.driver.model_dump(mode="json", exclude_none=True),
    )
    session.add(pool)
    return pool


async def set_service_volume(session: AsyncSession, body: bodies.ServiceVolumePut) -> ServiceVolume:
    """Raises PeriodClosed, PeriodUnreadable."""
    await require_open(session, (await queries.fiscal_calendar(session)).parse(body.period))
    stored: ServiceVolume | None = await session.scalar(
        select(ServiceVolume).where(ServiceVolume.service_id == body.service_id, ServiceVolume.period == body.period)
    )
    if stored is None:
        stored = ServiceVolume(version=1, service_id=body.service_id, period=body.period, volume=body.volume)
        session.add(stored)
    elif stored.volume != body.volume:
        stored.volume = body.volume
        touch(stored)
    return stored


def preview_allocation(body: bodies.AllocationPreview) -> bodies.AllocationPreviewRead:
    """Allocate without storing anything. Raises the refusals of the methods."""
    result = allocate(
        body.method,
        [Pool(pool.name, pool.amount) for pool in body.pools],
        body.services,
        {pool: Driver(weights) for pool, weights in body.drivers.items()},
        places=exponent(body.currency),
        order=body.order,
    )

    padding = ZERO.scaleb(-exponent(body.currency))

    def money(amount: Decimal) -> MoneyModel:
        return MoneyModel(amount=EXACT.add(amount, padding), currency=body.currency)

    return bodies.AllocationPreviewRead(
        method=body.method,
        receivers=[
            bodies.ReceiverRead(
                service=service,
                pools={pool: money(row[service]) for pool, row in result.shares.items() if service in row},
                total=money(result.of(service)),
            )
            for service in body.services
        ],
        unallocated=[
            bodies.PreviewUnallocated(
                pool=left.pool, stuck_in=left.stuck_in, amount=money(left.amount), reason=left.reason
            )
            for left in result.unallocated
        ],
        gross={pool: to_places(amount, COST_PLACES) for pool, amount in result.gross.items()},
        total=money(result.total),
    )
