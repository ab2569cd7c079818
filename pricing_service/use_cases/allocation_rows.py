"""An allocation as rows: made from what a run found, read back from the tables, and shown.

A what-if makes the same rows and shows them the same way, but nobody stores them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Table, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.allocation import Consumed, Outcome, Shared, by_service
from pricing_service.domain.allocation.quality import Quality, quality_of
from pricing_service.domain.costing import COST_PLACES, input_hash, unit_cost
from pricing_service.domain.prices.charge import to_places
from pricing_service.schemas import allocation_runs as bodies
from pricing_service.tables import (
    AllocationFlow,
    AllocationNode,
    AllocationPool,
    AllocationRun,
    AllocationShare,
    AllocationSource,
    ServiceCost,
    UnitCostShare,
)
from pricing_service.use_cases.allocation_inputs import Inputs
from services.clock import utc_now
from services.db import exact_sum
from services.http import MoneyModel, plain
from services.ids import uuid7
from services.money import exact_total

ZERO, ONE = Decimal(0), Decimal(1)
NO_POOL = -1
FLOWS_A_STATEMENT = 5_000
_INSERT_FLOWS = insert(cast(Table, AllocationFlow.__table__))  # of the table, not of the entity
ALWAYS_KEPT = ("model", "snapshots")  # a run's cost rows are found again by them
LARGEST_KEPT = 20_000  # characters; of a larger part of the inputs only the hash is kept with the run


class FlowRow(NamedTuple):
    """A row of allocation_flow: there are too many of them for entities."""

    giver: str
    receiver: str
    pool: str
    attribution: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Rows:
    run: AllocationRun
    pools: list[AllocationPool]
    shares: list[AllocationShare]
    sources: list[AllocationSource]
    nodes: list[AllocationNode]
    flows: list[FlowRow]  # read back only where they are asked for
    reached: list[tuple[str, str, Decimal]]  # what ended at services: pool, attribution, amount
    costs: list[ServiceCost]
    units: list[UnitCostShare]

    async def keep(self, session: AsyncSession) -> None:
        session.add(self.run)
        for part in (self.pools, self.sources, self.nodes, self.costs, self.shares, self.units):
            session.add_all(part)
        await session.flush()
        for start in range(0, len(self.flows), FLOWS_A_STATEMENT):
            chunk = self.flows[start : start + FLOWS_A_STATEMENT]
            await session.execute(_INSERT_FLOWS, [{"run_id": self.run.id, **flow._asdict()} for flow in chunk])

    def quality(self) -> Quality:
        """Per pool (None: rows that no pool takes), attribution → amount; they add up to the run's total."""
        totals: dict[str | None, Decimal] = {pool.name: pool.amount for pool in self.pools}
        unmatched = [source.amount for source in self.sources if source.position == NO_POOL]
        if unmatched:
            totals[None] = exact_total(unmatched)
        return quality_of(totals, self.reached)


def rows_of(inputs: Inputs, outcome: Outcome, consumed: list[Consumed]) -> Rows:
    totals = inputs.pool_totals()
    names = [node.key.partition(":")[2] for node in inputs.plan.layout.pools]
    counts = {name: rows for name, (_, rows) in zip(names, totals, strict=True)}
    shares = by_service(outcome, names)
    model = inputs.plan.model
    run = AllocationRun(
        version=1,
        period=inputs.period.name,
        method=inputs.plan.layout.method,
        currency=inputs.currency,
        input_hash=inputs.hash,
        total_amount=exact_total([part.amount for part in inputs.pooled]),
        allocated_amount=exact_total([amount for row in shares.values() for amount in row.values()]),
        cost_rows=sum(part.found.rows for part in inputs.pooled),
        unallocated=_unallocated(inputs, outcome, counts),
        model_id=None if model is None else model.id,
        model_version=None if model is None else model.model_version,
        inputs=_kept(inputs.document),
    )
    behind = {service: [name for name in names if service in shares[name]] for service in outcome.reached}
    flows = _flows(outcome)
    reached = sorted({service for row in shares.values() for service in row})
    return Rows(
        run=run,
        pools=[
            AllocationPool(run_id=run.id, position=place, name=name, amount=amount, cost_rows=rows)
            for place, (name, (amount, rows)) in enumerate(zip(names, totals, strict=True))
        ],
        shares=[
            AllocationShare(run_id=run.id, pool=pool, service_id=_id(service), amount=amount)
            for pool, row in shares.items()
            for service, amount in row.items()
        ],
        sources=_sources(run.id, inputs),
        nodes=[
            _node(run.id, place, given.key, given.own, given.received, given.gross, given.shared)
            for place, given in enumerate(outcome.nodes)
        ]
        + [
            _node(run.id, len(outcome.nodes) + place, used.service, ZERO, outcome.of(used.service), None, used.shared)
            for place, used in enumerate(consumed)
        ],
        flows=flows,
        reached=[(f.pool, f.attribution, f.amount) for f in flows if f.receiver.startswith("service:")],
        costs=[
            _service_cost(run, inputs, service, outcome.of(service), sum(counts[name] for name in behind[service]))
            for service in reached
        ],
        units=[
            UnitCostShare(
                run_id=run.id,
                service_id=_id(used.service),
                business_unit_id=_id(unit),
                weight=used.shared.weights[unit],
                amount=amount,
            )
            for used in consumed
            for unit, amount in used.shares.items()
        ],
    )


def _id(key: str) -> UUID:
    return UUID(key.partition(":")[2])


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """What decided the run, part by part, for comparison with another; each in the canonical form of the hash."""
    kept: dict[str, Any] = {}
    for name, part in document.items():
        shown = _plain(part)
        small = name in ALWAYS_KEPT or len(str(shown)) <= LARGEST_KEPT
        kept[name] = shown if small else {"sha256": input_hash({"": part})}
    return kept


def _plain(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {str(name): _plain(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    return plain(part) if isinstance(part, Decimal) else part if part is None or isinstance(part, bool) else str(part)


def _unallocated(inputs: Inputs, outcome: Outcome, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """What reached no service, by pool and where it stayed; pools without rows are left out."""
    left: list[dict[str, Any]] = []
    for given in outcome.nodes:
        reason = given.shared.reason or ""
        by_pool: dict[str, list[Decimal]] = {}
        for thread, amount in outcome.left.get(given.key, {}).items():
            by_pool.setdefault(thread.pool, []).append(amount)
        for pool, amounts in by_pool.items():
            if counts[pool]:
                left.append(
                    {
                        "pool": pool,
                        "amount": plain(exact_total(amounts)),
                        "cost_rows": counts[pool],
                        "reason": reason if given.key == f"pool:{pool}" else f"stuck in {given.key}: {reason}",
                    }
                )
    unmatched = [part for part in inputs.pooled if part.found.pool is None]
    if unmatched:
        left.append(
            {
                "pool": None,
                "amount": plain(exact_total([part.amount for part in unmatched])),
                "cost_rows": sum(part.found.rows for part in unmatched),
                "reason": "no pool's rules match these rows",
            }
        )
    return left


def _sources(run_id: UUID, inputs: Inputs) -> list[AllocationSource]:
    return [
        AllocationSource(
            run_id=run_id,
            position=NO_POOL if part.found.pool is None else part.found.pool,
            import_id=part.found.import_id,
            currency=part.found.currency,
            source=part.found.source,
            cost=part.found.cost,
            cost_rows=part.found.rows,
            rate=ONE if part.rate is None else part.rate.stated,
            rate_inverse=part.rate is not None and part.rate.inverse,
            amount=part.amount,
        )
        for part in inputs.pooled
    ]


def _node(
    run_id: UUID, place: int, key: str, own: Decimal, received: Decimal, gross: Fraction | None, shared: Shared
) -> AllocationNode:
    whole = exact_total([own, received])
    is_unit_step = key.startswith("service:")
    return AllocationNode(
        run_id=run_id,
        key=key,
        position=place,
        own=own,
        received=received,
        gross=whole if gross is None else to_places(gross, COST_PLACES),
        driver=None if shared.rule is None else str(shared.rule),
        basis=shared.basis,
        reason=shared.reason,
        # A service's weights stand with its shares.
        weights={} if is_unit_step else {receiver: plain(weight) for receiver, weight in shared.weights.items()},
        left_over=ZERO if shared.weights else whole,
    )


def _flows(outcome: Outcome) -> list[FlowRow]:
    """One per giver, receiver, pool and attribution; threads that met on the way are one from there on."""
    merged: dict[tuple[str, str, str, str], list[Decimal]] = {}
    for flow in outcome.flows:
        merged.setdefault((flow.giver, flow.receiver, flow.pool, flow.attribution.value), []).append(flow.amount)
    return [
        FlowRow(giver, receiver, pool, attribution, exact_total(parts))
        for (giver, receiver, pool, attribution), parts in merged.items()
    ]


def _service_cost(run: AllocationRun, inputs: Inputs, service: str, cost: Decimal, rows: int) -> ServiceCost:
    volume = inputs.volumes.get(service)
    return ServiceCost(
        id=uuid7(),
        allocation_run_id=run.id,
        service_id=_id(service),
        period=run.period,
        cost_amount=cost,
        currency=run.currency,
        volume=None if volume is None else volume.amount,
        volume_source="none" if volume is None else volume.source,
        unit=inputs.services[service].unit_of_measure,
        unit_cost=unit_cost(cost, None if volume is None else volume.amount),
        cost_rows=rows,
        published_at=utc_now(),
    )


async def stored_rows(session: AsyncSession, run: AllocationRun, *, flows_to: UUID | None = None) -> Rows:
    """With the flows on the way to a service, where one is named."""

    async def of_run(table: Any, *order: Any) -> list[Any]:
        return list(await session.scalars(select(table).where(table.run_id == run.id).order_by(*order)))

    costs = await session.scalars(
        select(ServiceCost).where(ServiceCost.allocation_run_id == run.id).order_by(ServiceCost.service_id)
    )
    return Rows(
        run=run,
        pools=await of_run(AllocationPool, AllocationPool.position),
        shares=await of_run(AllocationShare, AllocationShare.pool, AllocationShare.service_id),
        sources=await of_run(AllocationSource, AllocationSource.position, AllocationSource.import_id),
        nodes=await of_run(AllocationNode, AllocationNode.position),
        flows=[] if flows_to is None else await _flows_to(session, run.id, flows_to),
        reached=await _reached(session, run.id),
        costs=list(costs),
        units=await of_run(UnitCostShare, UnitCostShare.service_id, UnitCostShare.business_unit_id),
    )


async def _reached(session: AsyncSession, run_id: UUID) -> list[tuple[str, str, Decimal]]:
    keys = (AllocationFlow.pool, AllocationFlow.attribution)
    query = select(*keys, exact_sum(AllocationFlow.amount)).where(
        AllocationFlow.run_id == run_id, AllocationFlow.receiver.startswith("service:")
    )
    return [(pool, kind, amount) for pool, kind, amount in await session.execute(query.group_by(*keys).order_by(*keys))]


async def _flows_to(session: AsyncSession, run_id: UUID, service_id: UUID) -> list[FlowRow]:
    """Those to the service, and all among pools and towers."""
    to = AllocationFlow.receiver
    query = select(*(getattr(AllocationFlow, name) for name in FlowRow._fields)).where(
        AllocationFlow.run_id == run_id, or_(to == f"service:{service_id}", to.not_like("service:%"))
    )
    ordered = query.order_by(AllocationFlow.giver, to, AllocationFlow.pool, AllocationFlow.attribution)
    return [FlowRow(*row) for row in await session.execute(ordered)]


def figures(rows: Rows) -> dict[str, Any]:
    """The fields that a run and a what-if show alike."""
    run = rows.run
    nodes = {node.key: node for node in rows.nodes}
    shares: dict[str, list[bodies.PoolShareRead]] = {}
    for share in sorted(rows.shares, key=lambda share: str(share.service_id)):
        shares.setdefault(share.pool, []).append(bodies.PoolShareRead.model_validate(share))
    return {
        "period": run.period,
        "method": run.method,
        "model_id": run.model_id,
        "model_version": run.model_version,
        "currency": run.currency,
        "input_hash": run.input_hash,
        "total": MoneyModel.of(run.total),
        "allocated": MoneyModel.of(run.allocated),
        "cost_rows": run.cost_rows,
        "pools": [_pool_read(pool, shares.get(pool.name, []), nodes.get(f"pool:{pool.name}")) for pool in rows.pools],
        "towers": [_tower_read(node) for node in rows.nodes if node.key.startswith("tower:")],
        "business_units": unit_totals(rows),
        "unconsumed": [
            bodies.UnconsumedRead(service_id=_id(node.key), amount=node.left_over, reason=node.reason)
            for node in rows.nodes
            if node.key.startswith("service:") and node.basis == "none"
        ],
        "unallocated": [bodies.UnallocatedRead.model_validate(left) for left in run.unallocated],
        "conversions": _conversions(rows),
        "attribution": attributions(rows.quality().whole()),
    }


def _pool_read(
    pool: AllocationPool, shares: list[bodies.PoolShareRead], node: AllocationNode | None
) -> bodies.AllocatedPool:
    return bodies.AllocatedPool(
        name=pool.name,
        amount=pool.amount,
        cost_rows=pool.cost_rows,
        shares=shares,
        gross=None if node is None else node.gross,
        sharing=None if node is None else bodies.NodeRead.model_validate(node),
    )


def _tower_read(node: AllocationNode) -> bodies.AllocatedTower:
    return bodies.AllocatedTower(
        name=node.key.partition(":")[2],
        received=node.received,
        gross=node.gross,
        left_over=node.left_over,
        sharing=bodies.NodeRead.model_validate(node),
    )


def unit_totals(rows: Rows) -> list[bodies.UnitAmount]:
    totals: dict[UUID, list[Decimal]] = {}
    for share in rows.units:
        totals.setdefault(share.business_unit_id, []).append(share.amount)
    return [
        bodies.UnitAmount(business_unit_id=unit, amount=exact_total(amounts))
        for unit, amounts in sorted(totals.items(), key=lambda pair: str(pair[0]))
    ]


def _conversions(rows: Rows) -> list[bodies.ConversionRead]:
    others: dict[str, list[AllocationSource]] = {}
    for source in rows.sources:
        if source.currency != rows.run.currency:
            others.setdefault(source.currency, []).append(source)
    return [
        bodies.ConversionRead(
            currency=currency,
            cost=exact_total([part.cost for part in parts]),
            rate=parts[0].rate,
            rate_inverse=parts[0].rate_inverse,
            amount=exact_total([part.amount for part in parts]),
        )
        for currency, parts in sorted(others.items())
    ]


def attributions(amounts: Mapping[str, tuple[Decimal, Decimal | None]]) -> list[bodies.AttributionRead]:
    return [
        bodies.AttributionRead(attribution=name, amount=amount, share=share)
        for name, (amount, share) in amounts.items()
    ]
