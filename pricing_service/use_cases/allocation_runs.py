"""Allocation runs and what-ifs.

A run is prepared over a snapshot (read, then shared out on a thread), and only then written: no transaction that
writes waits for costs to be added up. Before it writes, it looks whether what it read is still so.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import (
    Method,
    Node,
    UnknownPool,
    UnknownReceiver,
    check,
    share_among_units,
    share_out,
)
from pricing_service.domain.allocation.drivers import DriverKind
from pricing_service.domain.costing import COST_PLACES
from pricing_service.domain.periods import Period
from pricing_service.events import UnitCostPublished
from pricing_service.schemas import allocation_runs as bodies
from pricing_service.schemas.allocation_models import ModelBody
from pricing_service.tables import AllocationRun, CostPool, ServiceCost, UnitCost
from pricing_service.use_cases.allocation_inputs import Changes, Inputs, load
from pricing_service.use_cases.allocation_models import Plan, plan_of_model, plan_of_pools, saved_model
from pricing_service.use_cases.allocation_rows import Rows, figures, rows_of, stored_rows
from pricing_service.use_cases.periods import require_open
from services.errors import Fault, Invalid, Unavailable
from services.events import record
from services.http import MoneyModel


class MethodAndModel(Invalid): ...


class InputsChanged(Unavailable):
    """Costs, volumes or models changed between reading and writing; a 5xx, so that the same request may pass later."""


class Prepared:
    """A run that is only to be written, with what it was made from."""

    def __init__(self, inputs: Inputs, rows: Rows) -> None:
        self.inputs, self.rows = inputs, rows


async def prepare_run(session: AsyncSession, body: bodies.AllocationRunCreate) -> Prepared:
    """Read and share out. Raises NothingToAllocate, MixedCurrencies, MethodAndModel, NotFound."""
    if body.method is not None and body.model_id is not None:
        raise MethodAndModel(
            "a model has its own method", faults=[Fault("/method", "leave it out where a model is named")]
        )
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    plan = await _plan(session, period, body.method, body.model_id)
    return await _prepared(session, period, plan, Changes())


async def _plan(session: AsyncSession, period: Period, method: Method | None, model_id: UUID | None) -> Plan:
    stored = None
    if model_id is not None:
        stored = await saved_model(session, model_id)
    elif method is None:
        stored = await queries.effective_model(session, period.name)
    if stored is not None:
        return plan_of_model(ModelBody.model_validate(stored.document), stored)
    pools = await session.scalars(select(CostPool).order_by(CostPool.position, CostPool.id))
    return plan_of_pools(method or Method.DIRECT, list(pools))


async def _prepared(session: AsyncSession, period: Period, plan: Plan, changes: Changes) -> Prepared:
    inputs = await load(session, period, plan, changes)
    return Prepared(inputs, await asyncio.to_thread(_shared_out, inputs))


def _shared_out(inputs: Inputs) -> Rows:
    layout = inputs.plan.layout
    amounts = [amount for amount, _ in inputs.pool_totals()]
    outcome = share_out(
        layout.method,
        [layout.pools, layout.towers],
        {node.key: amount for node, amount in zip(layout.pools, amounts, strict=True)},
        inputs.measures,
        places=COST_PLACES,
        order=layout.order,
    )
    costs = {service: outcome.of(service) for service in sorted(outcome.reached)}
    consumed = share_among_units(
        [(layout.consumption_of(service), inputs.units_of(service)) for service in costs], costs, places=COST_PLACES
    )
    return rows_of(inputs, outcome, consumed)


async def keep_run(session: AsyncSession, prepared: Prepared) -> AllocationRun:
    """Write the run and publish unit costs. Raises PeriodClosed, and InputsChanged (see there)."""
    inputs, rows = prepared.inputs, prepared.rows
    await require_open(session, inputs.period)
    if await queries.input_stamp(session, inputs.period, inputs.plan.layout.meters) != inputs.stamp:
        raise InputsChanged(f"costs or drivers of {inputs.period} changed while they were added up; send it again")
    await rows.keep(session)
    for cost in rows.costs:
        if cost.unit_cost is not None and cost.volume is not None:
            await _publish(session, rows.run, cost, cost.unit_cost, cost.volume)
    await session.flush()
    return rows.run


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
    return await run_read(session, await stored_rows(session, run))


async def run_read(session: AsyncSession, rows: Rows) -> bodies.AllocationRunRead:
    run = rows.run
    same = await session.scalars(
        select(AllocationRun.id)
        .where(AllocationRun.input_hash == run.input_hash, AllocationRun.id < run.id)
        .order_by(AllocationRun.id)
        .limit(100)
    )
    return bodies.AllocationRunRead(
        **figures(rows),
        id=run.id,
        same_inputs_as=list(same),
        services=[bodies.ServiceCostRead.model_validate(cost) for cost in rows.costs],
        created_at=run.created_at,
    )


async def prepare_what_if(session: AsyncSession, body: bodies.WhatIf) -> Prepared:
    """What a run would find with the changes of the body. The session only reads: nothing can be stored.

    Raises what `prepare_run` and the layout of models raise, and UnknownPool or UnknownReceiver for a weight.
    """
    if body.model is not None and body.model_id is not None:
        raise MethodAndModel("two models are named", faults=[Fault("/model_id", "leave it out beside /model")])
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    if body.model is not None:
        plan = plan_of_model(body.model)
    else:
        uses_pools = body.model_id is None and await queries.effective_model(session, period.name) is None
        plan = await _plan(session, period, body.method if uses_pools else None, body.model_id)
    layout = plan.layout if body.method is None else replace(plan.layout, method=body.method)
    pools, towers = list(layout.pools), list(layout.towers)
    for index, change in enumerate(body.weights):
        _reweighed(pools, towers, change, f"/weights/{index}")
    layout = replace(layout, pools=tuple(pools), towers=tuple(towers))
    check(layout)
    document = plan.document | {"method": layout.method.value}
    if body.weights:
        changed = [change.model_dump(mode="json", exclude_none=True) for change in body.weights]
        document = document | {"changed_weights": changed}
    changes = Changes(
        {change.service_id: change.volume for change in body.volumes},
        {statistic.name: statistic.figures for statistic in body.statistics},
    )
    return await _prepared(session, period, replace(plan, layout=layout, document=document), changes)


def _reweighed(pools: list[Node], towers: list[Node], change: bodies.WeightChange, at: str) -> None:
    key = f"pool:{change.pool}" if change.pool is not None else f"tower:{change.tower}"
    for nodes in (pools, towers):
        for place, node in enumerate(nodes):
            if node.key == key:
                nodes[place] = _with_weight(node, change.receiver.key, change.receiver.weight, at)
                return
    raise UnknownPool(f"there is no {key}", faults=[Fault(at, "no such pool or tower")])


def _with_weight(node: Node, receiver: str, weight: Decimal, at: str) -> Node:
    if node.driver.kind is not DriverKind.FIXED:
        raise UnknownReceiver(f"{node.key} has no fixed weights", faults=[Fault(at, "its driver is not fixed")])
    weights: Mapping[str, Any] = node.receivers or {}
    return replace(node, receivers={**weights, receiver: weight})
