"""Allocation models and statistics: saved, and laid out for the domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import DriverKind, DriverRule, Layout, Method, Node, check, keys_of
from pricing_service.schemas.allocation import DriverSpec
from pricing_service.schemas.allocation_models import (
    AllocationModelCreate,
    AllocationModelRead,
    ModelBody,
    PoolBody,
    StatisticFigure,
    StatisticPut,
    StatisticRead,
    TowerBody,
    UnitStep,
)
from pricing_service.tables import AllocationModel, AllocationStatistic, CostPool
from pricing_service.use_cases.periods import require_open
from services.errors import NotFound
from services.http import check_version, plain

Rules = Sequence[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """By what a run shares: the layout, each pool's rules, and the document that its hash covers."""

    layout: Layout
    rules: tuple[Rules, ...]
    document: dict[str, Any]
    model: AllocationModel | None = None


async def create_model(session: AsyncSession, body: AllocationModelCreate) -> AllocationModel:
    """A new version. Raises the refusals of `domain.allocation.layout`, and PeriodUnreadable."""
    effective = (await queries.fiscal_calendar(session)).parse(body.effective_from, pointer="/effective_from")
    check(layout_of(body))
    last = await session.scalar(select(func.max(AllocationModel.model_version))) or 0
    stored = AllocationModel(
        version=1,
        model_version=last + 1,
        name=body.name,
        effective_from=effective.name,
        method=body.method,
        document=_document(body),
    )
    session.add(stored)
    return stored


def _document(body: ModelBody) -> dict[str, Any]:
    document: dict[str, Any] = body.model_dump(mode="json", include=set(ModelBody.model_fields))
    return document


def model_read(stored: AllocationModel) -> AllocationModelRead:
    body = ModelBody.model_validate(stored.document)
    return AllocationModelRead(
        id=stored.id,
        model_version=stored.model_version,
        name=stored.name,
        effective_from=stored.effective_from,
        method=Method(stored.method),
        created_at=stored.created_at,
        pools=body.pools,
        towers=body.towers,
        order=body.order,
        business_units=body.business_units,
    )


def layout_of(body: ModelBody) -> Layout:
    pools = tuple(_node(f"pool:{pool.name}", pool) for pool in body.pools)
    towers = tuple(_node(f"tower:{tower.name}", tower) for tower in body.towers)
    return Layout(
        body.method,
        pools,
        towers,
        consumption=_unit_node("service:", body.business_units),
        exceptions={
            f"service:{exception.service_id}": _unit_node(f"service:{exception.service_id}", exception)
            for exception in body.business_units.exceptions
        },
        order=keys_of(body.order, pools, towers),
    )


def _node(key: str, body: TowerBody) -> Node:
    receivers = None
    if body.receivers is not None:
        receivers = {receiver.key: receiver.weight for receiver in body.receivers}
    by_rules = isinstance(body, PoolBody) and bool(body.rules)
    return Node(key, _rule(body.driver), receivers, _fallback(body.fallback), by_rules)


def _unit_node(key: str, body: UnitStep) -> Node:
    receivers = {f"unit:{weight.business_unit_id}": weight.weight for weight in body.weights} or None
    return Node(key, _rule(body.driver), receivers, _fallback(body.fallback))


def _rule(spec: DriverSpec) -> DriverRule:
    return DriverRule(spec.kind, spec.meter, spec.statistic)


def _fallback(spec: DriverSpec | None) -> DriverRule | None:
    return None if spec is None else _rule(spec)


def plan_of_model(body: ModelBody, stored: AllocationModel | None = None) -> Plan:
    rules = tuple([rule.model_dump(mode="json", exclude_none=True) for rule in pool.rules] for pool in body.pools)
    return Plan(layout_of(body), rules, _document(body), stored)


def plan_of_pools(method: Method, pools: Sequence[CostPool]) -> Plan:
    """The cost pools as they stand, without towers."""
    document = {
        "method": method.value,
        "pools": [{"name": pool.name, "rules": pool.rules, "driver": pool.driver} for pool in pools],
    }
    nodes = tuple(_pool_node(pool) for pool in pools)
    return Plan(Layout(method, nodes), tuple(pool.rules for pool in pools), document)


def _pool_node(pool: CostPool) -> Node:
    spec = DriverSpec.model_validate({name: pool.driver.get(name) for name in DriverSpec.model_fields})
    receivers = {f"service:{share['service_id']}": Decimal(share["weight"]) for share in pool.driver["shares"]}
    fallback = pool.driver.get("fallback")
    return Node(
        f"pool:{pool.name}",
        _rule(spec),
        receivers if receivers or spec.kind in (DriverKind.FIXED, DriverKind.VOLUME) else None,
        None if fallback is None else _rule(DriverSpec.model_validate(fallback)),
        by_rules=bool(pool.rules),
    )


async def saved_model(session: AsyncSession, model_id: UUID) -> AllocationModel:
    stored = await session.get(AllocationModel, model_id)
    if stored is None:
        raise NotFound(f"no allocation model {model_id}")
    return stored


async def set_statistic(
    session: AsyncSession, body: StatisticPut, *, if_match: frozenset[int] | None
) -> AllocationStatistic:
    """Set or replace the figures of a period. Raises PeriodClosed, PeriodUnreadable, VersionIsStale."""
    period = (await queries.fiscal_calendar(session)).parse(body.period)
    await require_open(session, period)
    stored: AllocationStatistic | None = await session.scalar(
        select(AllocationStatistic).where(
            AllocationStatistic.name == body.name, AllocationStatistic.period == period.name
        )
    )
    figures = {receiver: plain(value) for receiver, value in sorted(body.figures.items())}
    if stored is None:
        stored = AllocationStatistic(version=1, name=body.name, period=period.name, figures=figures)
        session.add(stored)
        return stored
    check_version(stored, if_match)
    if stored.figures != figures:
        stored.figures = figures
    return stored


def statistic_read(stored: AllocationStatistic) -> StatisticRead:
    return StatisticRead(
        id=stored.id,
        name=stored.name,
        period=stored.period,
        values=[StatisticFigure(receiver=key, value=Decimal(value)) for key, value in stored.figures.items()],
        updated_at=stored.updated_at,
    )
