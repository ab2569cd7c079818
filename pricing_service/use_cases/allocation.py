"""Cost pools, volumes, and allocation runs: from the rows of a period to what a unit of each service costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import Allocation, Driver, Pool, allocate
from pricing_service.domain.costing import (
    COST_PLACES,
    DriverKind,
    DriverRule,
    Subscribed,
    input_hash,
    subscribed_volumes,
    unit_cost,
)
from pricing_service.domain.periods import Period
from pricing_service.domain.prices.charge import to_places
from pricing_service.events import UnitCostPublished
from pricing_service.queries import PooledCost
from pricing_service.schemas import allocation as bodies
from pricing_service.tables import (
    AllocationPool,
    AllocationRun,
    AllocationShare,
    CostImport,
    CostPool,
    CostSnapshot,
    KnownService,
    KnownSubscription,
    ServiceCost,
    ServiceVolume,
    UnitCost,
)
from services.clock import utc_now
from services.db import touch
from services.errors import Conflict, Fault
from services.events import record
from services.http import MoneyModel, plain
from services.ids import uuid7
from services.money import EXACT, exact_total, exponent

ZERO = Decimal(0)


class PoolNameTaken(Conflict): ...


class NothingToAllocate(Conflict): ...


class MixedCurrencies(Conflict): ...


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
        driver=body.driver.model_dump(mode="json"),
    )
    session.add(pool)
    return pool


async def set_service_volume(session: AsyncSession, body: bodies.ServiceVolumePut) -> ServiceVolume:
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


@dataclass(frozen=True, slots=True)
class _Volume:
    amount: Decimal
    source: str


async def run_allocation(session: AsyncSession, body: bodies.AllocationRunCreate) -> AllocationRun:
    """Allocate a period's costs and publish unit costs. Raises NothingToAllocate, MixedCurrencies."""
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    snapshots = await _snapshots(session, period)
    currency = _one_currency(period, snapshots)
    pools = list(await session.scalars(select(CostPool).order_by(CostPool.position, CostPool.id)))
    costs = await queries.pooled_costs(session, str(period), pools)
    services = {str(known.id): known for known in await session.scalars(select(KnownService))}
    volumes = await _volumes(session, period)
    named = sorted({share["service_id"] for pool in pools for share in pool.driver["shares"]} & set(services))
    inputs = {
        "period": str(period),
        "method": body.method,
        "snapshots": snapshots,
        "pools": [{"name": pool.name, "rules": pool.rules, "driver": pool.driver} for pool in pools],
        "volumes": {service: volume.amount for service, volume in volumes.items() if service in named},
        "services": named,
    }
    by_place = {cost.pool: cost for cost in costs}
    amounts = [by_place.get(place, PooledCost(place, ZERO, 0)) for place in range(len(pools))]
    result = allocate(
        body.method,
        [Pool(pool.name, amount.cost) for pool, amount in zip(pools, amounts, strict=True)],
        sorted(services),
        {pool.name: _driver(pool, frozenset(services), volumes) for pool in pools},
        places=COST_PLACES,
    )
    run = AllocationRun(
        version=1,
        period=str(period),
        method=body.method,
        currency=currency,
        input_hash=input_hash(inputs),
        total_amount=exact_total([cost.cost for cost in costs]),
        allocated_amount=exact_total([amount for row in result.shares.values() for amount in row.values()]),
        cost_rows=sum(cost.rows for cost in costs),
        unallocated=_unallocated(result, pools, amounts, by_place.get(None)),
    )
    session.add(run)
    _keep_pools(session, run, pools, amounts, result)
    for service_id in sorted({service for row in result.shares.values() for service in row}):
        rows = sum(
            amount.rows for pool, amount in zip(pools, amounts, strict=True) if service_id in result.shares[pool.name]
        )
        await _keep_service(session, run, services[service_id], result.of(service_id), rows, volumes.get(service_id))
    await session.flush()
    return run


async def _snapshots(session: AsyncSession, period: Period) -> list[dict[str, str]]:
    """What the period's costs are made of, in words that stay the same for the same files."""
    content = func.coalesce(CostImport.content_sha256, cast(CostSnapshot.import_id, String))  # an entry is no file
    basis = func.coalesce(CostImport.cost_basis, "entry")
    query = (
        select(CostSnapshot.source, content, basis, CostSnapshot.currency)
        .outerjoin(CostImport, CostImport.id == CostSnapshot.import_id)
        .where(CostSnapshot.period == str(period), CostSnapshot.superseded_by.is_(None))
        .order_by(CostSnapshot.source, CostSnapshot.billing_month, CostSnapshot.number)
    )
    names = ("source", "content_sha256", "cost_basis", "currency")
    return [dict(zip(names, row, strict=True)) for row in await session.execute(query)]


def _one_currency(period: Period, snapshots: Sequence[Mapping[str, str]]) -> str:
    if not snapshots:
        raise NothingToAllocate(
            f"no costs are imported for {period}", faults=[Fault("/period", "has no imported costs")]
        )
    currencies = sorted({snapshot["currency"] for snapshot in snapshots})
    if len(currencies) > 1:
        raise MixedCurrencies(
            f"the costs of {period} are in {' and '.join(currencies)}, and there is no exchange rate",
            faults=[Fault("/period", f"mixes {' and '.join(currencies)}")],
        )
    return currencies[0]


async def _volumes(session: AsyncSession, period: Period) -> dict[str, _Volume]:
    """The volumes given for the period; for the other services what is subscribed of them."""
    held = await session.scalars(
        select(KnownSubscription).where(
            KnownSubscription.activated_at < period.end,
            or_(KnownSubscription.ended_at.is_(None), KnownSubscription.ended_at > period.start),
        )
    )
    subscribed = subscribed_volumes(
        period, [Subscribed(str(s.service_id), s.quantity, s.activated_at, s.ended_at) for s in held]
    )
    volumes = {service: _Volume(volume, "subscriptions") for service, volume in subscribed.items()}
    for given in await session.scalars(select(ServiceVolume).where(ServiceVolume.period == str(period))):
        volumes[str(given.service_id)] = _Volume(given.volume, "given")
    return volumes


def _driver(pool: CostPool, known: frozenset[str], volumes: Mapping[str, _Volume]) -> Driver:
    weights = {share["service_id"]: Decimal(share["weight"]) for share in pool.driver["shares"]}
    amounts = {service: volume.amount for service, volume in volumes.items()}
    return DriverRule(DriverKind(pool.driver["kind"]), weights).driver(known=known, volumes=amounts)


def _unallocated(
    result: Allocation, pools: Sequence[CostPool], amounts: Sequence[PooledCost], unmatched: PooledCost | None
) -> list[dict[str, Any]]:
    rows = {pool.name: amount.rows for pool, amount in zip(pools, amounts, strict=True)}
    left = [
        {"pool": part.pool, "amount": plain(part.amount), "cost_rows": rows[part.pool], "reason": part.reason}
        for part in result.unallocated
        if rows[part.pool]
    ]
    if unmatched is not None:
        reason = "no pool's rules match these rows"
        left.append({"pool": None, "amount": plain(unmatched.cost), "cost_rows": unmatched.rows, "reason": reason})
    return left


def _keep_pools(
    session: AsyncSession,
    run: AllocationRun,
    pools: Sequence[CostPool],
    amounts: Sequence[PooledCost],
    result: Allocation,
) -> None:
    for place, (pool, amount) in enumerate(zip(pools, amounts, strict=True)):
        session.add(
            AllocationPool(run_id=run.id, position=place, name=pool.name, amount=amount.cost, cost_rows=amount.rows)
        )
        for service, share in result.shares[pool.name].items():
            session.add(AllocationShare(run_id=run.id, pool=pool.name, service_id=UUID(service), amount=share))


async def _keep_service(
    session: AsyncSession, run: AllocationRun, service: KnownService, cost: Decimal, rows: int, volume: _Volume | None
) -> None:
    per_unit = unit_cost(cost, None if volume is None else volume.amount)
    stored = ServiceCost(
        id=uuid7(),
        allocation_run_id=run.id,
        service_id=service.id,
        period=run.period,
        cost_amount=cost,
        currency=run.currency,
        volume=None if volume is None else volume.amount,
        volume_source="none" if volume is None else volume.source,
        unit=service.unit_of_measure,
        unit_cost=per_unit,
        cost_rows=rows,
        published_at=utc_now(),
    )
    session.add(stored)
    if per_unit is not None and volume is not None:
        await _publish(session, run, stored, per_unit, volume.amount)


async def _publish(
    session: AsyncSession, run: AllocationRun, stored: ServiceCost, per_unit: Decimal, volume: Decimal
) -> None:
    published = await session.get(UnitCost, stored.service_id)
    latest = {
        "period": stored.period,
        "unit_cost": per_unit,
        "currency": stored.currency,
        "allocation_run_id": stored.allocation_run_id,
    }
    if published is None:
        published = UnitCost(id=stored.service_id, **latest)
        session.add(published)
    else:
        for name, value in latest.items():
            setattr(published, name, value)
    event = UnitCostPublished(
        service_id=stored.service_id,
        period=stored.period,
        cost=MoneyModel.of(stored.cost),
        volume=volume,
        unit_of_measure=stored.unit,
        unit_cost=per_unit,
        currency=stored.currency,
        allocation_run_id=stored.allocation_run_id,
    )
    record(session, published, event, thread=run.correlation_id)


async def read_run(session: AsyncSession, run: AllocationRun) -> bodies.AllocationRunRead:
    """The run with its pools, services and the earlier runs over the same inputs."""
    costs = await session.scalars(
        select(ServiceCost).where(ServiceCost.allocation_run_id == run.id).order_by(ServiceCost.service_id)
    )
    pools = await session.scalars(
        select(AllocationPool).where(AllocationPool.run_id == run.id).order_by(AllocationPool.position)
    )
    shares: dict[str, list[AllocationShare]] = {}
    for share in await session.scalars(
        select(AllocationShare).where(AllocationShare.run_id == run.id).order_by(AllocationShare.service_id)
    ):
        shares.setdefault(share.pool, []).append(share)
    same = await session.scalars(
        select(AllocationRun.id)
        .where(AllocationRun.input_hash == run.input_hash, AllocationRun.id < run.id)
        .order_by(AllocationRun.id)
        .limit(100)
    )
    summary = bodies.AllocationRunSummary.model_validate(run)
    return bodies.AllocationRunRead(
        **summary.model_dump(),
        same_inputs_as=list(same),
        services=[bodies.ServiceCostRead.model_validate(cost) for cost in costs],
        pools=[
            bodies.AllocatedPool(
                name=pool.name,
                amount=pool.amount,
                cost_rows=pool.cost_rows,
                shares=[bodies.PoolShareRead.model_validate(share) for share in shares.get(pool.name, [])],
            )
            for pool in pools
        ],
        unallocated=[bodies.UnallocatedRead.model_validate(left) for left in run.unallocated],
    )


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
