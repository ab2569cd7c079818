"""What an allocation run means: compared with another, explained down to cost rows, and how well it attributes."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import Basis, Method
from pricing_service.schemas import allocation_runs as bodies
from pricing_service.schemas.cost_rules import CostRule
from pricing_service.tables import AllocationNode, AllocationPool, AllocationRun, ServiceCost
from pricing_service.use_cases import allocated_rows, allocation_runs
from pricing_service.use_cases.allocation_rows import FlowRow, Rows, attributions, figures, stored_rows, unit_totals
from services.errors import Conflict, Fault, NotFound
from services.http import MoneyModel, plain
from services.money import EXACT, exact_total

ZERO = Decimal(0)
MOST_CHANGES = 100


class RunsNotComparable(Conflict): ...


class RunNotExplained(Conflict):
    """A run from before it was kept how cost moved."""


class PeriodNotAllocated(NotFound): ...


async def stored_run(session: AsyncSession, run_id: UUID) -> AllocationRun:
    run = await session.get(AllocationRun, run_id)
    if run is None:
        raise NotFound(f"no allocation run {run_id}")
    return run


async def compare_runs(session: AsyncSession, a: UUID, b: UUID) -> bodies.Comparison:
    """Raises RunsNotComparable where their currencies differ."""
    first = await stored_rows(session, await stored_run(session, a))
    second = await stored_rows(session, await stored_run(session, b))
    return compared(first, second, a, b)


def compared(first: Rows, second: Rows, a: UUID | None, b: UUID | None) -> bodies.Comparison:
    if first.run.currency != second.run.currency:
        raise RunsNotComparable(
            f"one run is in {first.run.currency}, the other in {second.run.currency}",
            faults=[Fault("with", "is in another currency")],
        )
    return bodies.Comparison(
        a=a,
        b=b,
        currency=first.run.currency,
        same_inputs=first.run.input_hash == second.run.input_hash,
        inputs_changed=_inputs_changed(first.run.inputs, second.run.inputs),
        total=_difference("total", first.run.total_amount, second.run.total_amount),
        allocated=_difference("allocated", first.run.allocated_amount, second.run.allocated_amount),
        unallocated=_difference("unallocated", _unallocated(first.run), _unallocated(second.run)),
        pools=_differences(_pools(first), _pools(second)),
        towers=_differences(_towers(first), _towers(second)),
        services=_differences(_services(first), _services(second)),
        business_units=_differences(_units(first), _units(second)),
    )


def _difference(name: str, a: Decimal, b: Decimal) -> bodies.Difference:
    return bodies.Difference(name=name, a=a, b=b, difference=EXACT.subtract(b, a))


def _differences(a: Mapping[str, Decimal], b: Mapping[str, Decimal]) -> list[bodies.Difference]:
    found = [_difference(name, a.get(name, ZERO), b.get(name, ZERO)) for name in sorted({*a, *b})]
    return sorted(found, key=lambda one: -abs(one.difference))  # sort is stable


def _unallocated(run: AllocationRun) -> Decimal:
    return EXACT.subtract(run.total_amount, run.allocated_amount)


def _pools(rows: Rows) -> dict[str, Decimal]:
    return {pool.name: pool.amount for pool in rows.pools}


def _towers(rows: Rows) -> dict[str, Decimal]:
    return {node.key.partition(":")[2]: node.received for node in rows.nodes if node.key.startswith("tower:")}


def _services(rows: Rows) -> dict[str, Decimal]:
    return {str(cost.service_id): cost.cost_amount for cost in rows.costs}


def _units(rows: Rows) -> dict[str, Decimal]:
    return {str(unit.business_unit_id): unit.amount for unit in unit_totals(rows)}


def _inputs_changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[bodies.InputChange]:
    return [
        bodies.InputChange(input=name, changes=list(_changes(a.get(name), b.get(name), ""))[:MOST_CHANGES])
        for name in [*a, *(name for name in b if name not in a)]
        if a.get(name) != b.get(name)
    ]


def _changes(a: Any, b: Any, at: str) -> Iterable[bodies.InputDifference]:
    if a == b or (isinstance(a, dict) and "sha256" in a) or (isinstance(b, dict) and "sha256" in b):
        return
    if isinstance(a, dict) and isinstance(b, dict):
        for name in [*a, *(name for name in b if name not in a)]:
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _changes(a.get(name), b.get(name), f"{at}/{escaped}")
    elif isinstance(a, list) and isinstance(b, list):
        yield from (bodies.InputDifference(pointer=at, before=part, after=None) for part in a if part not in b)
        yield from (bodies.InputDifference(pointer=at, before=None, after=part) for part in b if part not in a)
    else:
        yield bodies.InputDifference(pointer=at, before=a, after=b)


async def cost_quality(session: AsyncSession, period: str) -> bodies.CostQuality:
    """Of the period's newest run. Raises PeriodNotAllocated, RunNotExplained."""
    name = (await queries.fiscal_calendar(session)).parse(period, pointer="period").name
    run = await queries.latest_run(session, name)
    if run is None:
        raise PeriodNotAllocated(f"{name} has no allocation run", faults=[Fault("period", "run the allocation first")])
    rows = await stored_rows(session, run)
    _must_be_explained(rows)
    quality = rows.quality()
    return bodies.CostQuality(
        period=name,
        allocation_run_id=run.id,
        total=MoneyModel.of(run.total),
        attribution=attributions(quality.whole()),
        pools=[
            bodies.PoolQuality(
                pool=pool,
                total=exact_total(list(amounts.values())),
                attribution=attributions(quality.of(pool)),
            )
            for pool, amounts in quality.pools.items()
        ],
    )


def _must_be_explained(rows: Rows) -> None:
    if rows.pools and not rows.nodes:
        raise RunNotExplained(f"run {rows.run.id} is from before the way of costs was kept; run the allocation again")


async def explain(session: AsyncSession, run_id: UUID, service_id: UUID) -> bodies.AllocationExplanation:
    """A service's cost in a run, down to cost rows. Raises NotFound, RunNotExplained."""
    run = await stored_run(session, run_id)
    rows = await stored_rows(session, run, flows_to=service_id)
    _must_be_explained(rows)
    cost = next((one for one in rows.costs if one.service_id == service_id), None)
    if cost is None:
        raise NotFound(f"run {run_id} gives service {service_id} no cost", faults=[Fault("service_id", "has no cost")])
    return _Explainer(rows, cost, await allocated_rows.rules_of(session, run)).read()


class _Explainer:
    def __init__(self, rows: Rows, cost: ServiceCost, rules: Mapping[str, list[CostRule]]) -> None:
        self.rows, self.cost, self.rules = rows, cost, rules
        self.nodes = {node.key: node for node in rows.nodes}
        self.into: dict[str, list[FlowRow]] = {}
        for flow in rows.flows:
            self.into.setdefault(flow.receiver, []).append(flow)

    def read(self) -> bodies.AllocationExplanation:
        run, key = self.rows.run, f"service:{self.cost.service_id}"
        per_unit = "no volume to divide by"
        if self.cost.unit_cost is not None and self.cost.volume is not None:
            amount, volume = plain(self.cost.cost_amount), plain(self.cost.volume)
            per_unit = f"{amount} ÷ {volume} {self.cost.unit} = {plain(self.cost.unit_cost)} {run.currency}"
        step = self.nodes[key]
        return bodies.AllocationExplanation(
            allocation_run_id=run.id,
            model_id=run.model_id,
            model_version=run.model_version,
            period=run.period,
            method=Method(run.method),
            service_id=self.cost.service_id,
            amount=MoneyModel.of(self.cost.cost),
            volume=self.cost.volume,
            unit_cost=self.cost.unit_cost,
            formula=per_unit,
            parts=self._parts(key),
            towers=self._towers(key),
            pools=self._pools(key),
            business_units=self._units(),
            not_consumed=step.left_over,
        )

    def _parts(self, receiver: str) -> list[bodies.ExplainedPart]:
        by_giver: dict[str, list[FlowRow]] = {}
        for flow in self.into.get(receiver, []):
            by_giver.setdefault(flow.giver, []).append(flow)
        return [self._part(self.nodes[giver], receiver, flows) for giver, flows in by_giver.items()]

    def _part(self, giver: AllocationNode, receiver: str, flows: list[FlowRow]) -> bodies.ExplainedPart:
        weights = {key: Decimal(weight) for key, weight in giver.weights.items()}
        total, weight = exact_total(list(weights.values())), weights.get(receiver)
        amount = exact_total([flow.amount for flow in flows])
        entered = exact_total([giver.own, giver.received])
        if giver.gross == entered and weight is not None and not self._serves_its_step(giver):
            formula = f"{plain(entered)} × {plain(weight)}/{plain(total)} by {giver.driver} = {plain(amount)}"
        else:
            formula = (
                f"of {plain(entered)}, by simultaneous equations over what its step charges each other "
                f"(gross {plain(giver.gross)}) = {plain(amount)}"
            )
        return bodies.ExplainedPart(
            giver=giver.key,
            driver=giver.driver,
            basis=Basis(giver.basis),
            reason=giver.reason,
            weight=weight,
            weight_total=total,
            amount=amount,
            formula=formula,
            threads=[bodies.ExplainedThread.model_validate(flow) for flow in flows],
        )

    def _serves_its_step(self, giver: AllocationNode) -> bool:
        """Whether what it gave to others of its step went on to where its cost ended (reciprocal)."""
        if self.rows.run.method != "reciprocal":
            return False
        kind = giver.key.partition(":")[0]
        return any(key.startswith(f"{kind}:") for key in giver.weights)

    def _towers(self, receiver: str) -> list[bodies.ExplainedTower]:
        """Every tower that the cost came through, nearest first."""
        found: list[str] = []
        waiting = [receiver]
        while waiting:
            for flow in self.into.get(waiting.pop(0), []):
                if flow.giver.startswith("tower:") and flow.giver not in found:
                    found.append(flow.giver)
                    waiting.append(flow.giver)
        return [
            bodies.ExplainedTower(
                name=key.partition(":")[2],
                received=self.nodes[key].received,
                gross=self.nodes[key].gross,
                parts=self._parts(key),
            )
            for key in found
        ]

    def _pools(self, receiver: str) -> list[bodies.ExplainedPool]:
        amounts: dict[str, list[Decimal]] = {}
        for flow in self.into.get(receiver, []):
            amounts.setdefault(flow.pool, []).append(flow.amount)
        return [
            bodies.ExplainedPool(
                name=pool.name,
                amount=exact_total(amounts[pool.name]),
                total=pool.amount,
                cost_rows=pool.cost_rows,
                rules=self.rules.get(pool.name, []),
                sources=self._sources(pool),
            )
            for pool in self.rows.pools
            if pool.name in amounts
        ]

    def _sources(self, pool: AllocationPool) -> list[bodies.ExplainedSource]:
        return [
            bodies.ExplainedSource(
                import_id=source.import_id,
                source=source.source,
                currency=source.currency,
                cost=source.cost,
                cost_rows=source.cost_rows,
                rate=source.rate,
                rate_inverse=source.rate_inverse,
                amount=source.amount,
                href=allocated_rows.href(
                    self.rows.run.id, pool.name, import_id=source.import_id, currency=source.currency
                ),
            )
            for source in self.rows.sources
            if source.position == pool.position
        ]

    def _units(self) -> list[bodies.ExplainedUnit]:
        shares = [share for share in self.rows.units if share.service_id == self.cost.service_id]
        cost = plain(self.cost.cost_amount)
        total = exact_total([share.weight for share in shares])
        return [
            bodies.ExplainedUnit(
                business_unit_id=share.business_unit_id,
                weight=share.weight,
                weight_total=total,
                amount=share.amount,
                formula=f"{cost} × {plain(share.weight)}/{plain(total)} = {plain(share.amount)}",
            )
            for share in shares
        ]


async def what_if(session: AsyncSession, body: bodies.WhatIf) -> bodies.WhatIfRead:
    """The result that a run would have, beside one that there is. The session only reads, so nothing is stored."""
    prepared = await allocation_runs.prepare_what_if(session, body)
    rows = prepared.rows
    other = await queries.latest_run(session, rows.run.period)
    if body.compare_with is not None:
        other = await stored_run(session, body.compare_with)
    comparison = None
    if other is not None and (body.compare_with is not None or other.currency == rows.run.currency):
        comparison = compared(await stored_rows(session, other), rows, other.id, None)
    return bodies.WhatIfRead(
        **figures(rows),
        services=[bodies.ServiceCostFigures.model_validate(cost) for cost in rows.costs],
        comparison=comparison,
    )
