"""Reads of costs: dimensions, views, and what falls into which pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.cost_rules import FIELDS, Condition, is_other
from pricing_service.domain.focus_columns import OTHERS
from pricing_service.domain.periods import Period
from pricing_service.tables import (
    AllocationPool,
    AllocationRun,
    AllocationShare,
    CostRow,
    CostSnapshot,
    ServiceCost,
)
from services.db import exact_sum
from services.errors import Fault, Invalid

ZERO = Decimal(0)

COST_COLUMNS: Mapping[str, Any] = {column: getattr(CostRow, name) for column, name in FIELDS.items()} | {
    "origin": CostRow.origin,
    "Source": CostSnapshot.source,
}


class UnknownDimension(Invalid): ...


def dimension(name: str, pointer: str = "group_by") -> ColumnElement[str | None]:
    """The column of a cost view or a pool rule: a FOCUS column, or `tag:<key>`. Raises UnknownDimension."""
    if name in COST_COLUMNS:
        column: ColumnElement[str | None] = COST_COLUMNS[name]
        return column
    if is_other(name):
        other: ColumnElement[str | None] = CostRow.other[name].as_string()
        return other
    kind, _, key = name.partition(":")
    if kind == "tag" and key and len(key) <= 128 and not any(c in '"\\' or c < " " for c in key):
        tag: ColumnElement[str | None] = CostRow.tags[key].as_string()
        return tag
    raise UnknownDimension(
        f"{name[:60]!r} is no dimension of costs",
        faults=[Fault(pointer, f"must be tag:<key>, x_<column>, or one of {', '.join([*COST_COLUMNS, *OTHERS])}")],
    )


def matches(rule: Mapping[str, Any]) -> ColumnElement[bool]:
    """Whether a row meets a stored rule (see `Condition`). Raises UnknownDimension."""
    condition = Condition.of(rule)
    value = dimension(condition.dimension, "rules")
    if condition.present is not None:
        return value.is_not(None) if condition.present else value.is_(None)
    if condition.prefix is not None:
        return func.substr(value, 1, len(condition.prefix)) == condition.prefix  # not LIKE, which has no case on SQLite
    return value.in_(condition.one_of or ())


def in_snapshots(*columns: Any) -> Select[Any]:
    """A select over the rows of all snapshots, superseded ones and cleared ledger rows included."""
    same = and_(
        CostSnapshot.import_id == CostRow.import_id,
        CostSnapshot.billing_month == CostRow.billing_month,
        CostSnapshot.period == CostRow.period,
    )
    return select(*columns).select_from(CostRow).join(CostSnapshot, same)


def counting(*columns: Any) -> Select[Any]:
    """A select over the rows of snapshots that nothing has superseded, cleared ledger rows included."""
    return in_snapshots(*columns).where(CostSnapshot.superseded_by.is_(None))


def in_force(period: str, *columns: Any) -> Select[Any]:
    """A select over the cost rows that count in a fiscal period.

    Those of snapshots that nothing has superseded, but for ledger rows which a source details.
    """
    return counting(*columns).where(CostSnapshot.period == period, CostRow.cleared_by.is_(None))


SUMMED = ("cost", "recoverable_tax", "billed_cost", "effective_cost", "contracted_cost", "list_cost")
COST_SUMS = (func.count().label("rows"), *(exact_sum(getattr(CostRow, name)).label(name) for name in SUMMED))


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """Which costs a view shows: of the periods from `first` to `last`, where all filters hold."""

    first: str
    last: str
    group_by: tuple[str, ...] = ()
    filters: tuple[ColumnElement[bool], ...] = ()

    def rows(self, *columns: Any) -> Select[Any]:
        of_periods = (CostSnapshot.period >= self.first, CostSnapshot.period <= self.last)
        return counting(*columns).where(*of_periods, CostRow.cleared_by.is_(None), *self.filters)


async def cost_groups(
    session: AsyncSession, question: CostQuestion, limit: int, *, after: Sequence[str | None] | None = None
) -> list[tuple[tuple[str | None, ...], dict[str, Any]]]:
    """Exact sums per period, values of the dimensions, and currency, in this order; at most `limit` + 1 of them.

    Each comes with its place in the order: the period, the values (absent ones last), the currency.
    """
    keys = [dimension(name).label(f"key{at}") for at, name in enumerate(question.group_by)]
    # In a subquery, since an expression with a parameter (a tag's key) is not the same twice to PostgreSQL.
    rows = question.rows(
        CostRow.period, *keys, CostRow.currency, *(getattr(CostRow, name) for name in SUMMED)
    ).subquery()
    columns = [rows.c.period, *(rows.c[key.name] for key in keys), rows.c.currency]
    order: list[Any] = [rows.c.period]
    for column in columns[1:-1]:
        order += [case((column.is_(None), 1), else_=0), func.coalesce(column, "")]
    order.append(rows.c.currency)
    sums = [func.count().label("rows"), *(exact_sum(rows.c[name]).label(name) for name in SUMMED)]
    query = select(*columns, *sums).group_by(*columns).order_by(*order).limit(limit + 1)
    if after is not None:
        place: list[Any] = [after[0]]
        for value in after[1:-1]:
            place += [1 if value is None else 0, value or ""]
        query = query.where(_beyond(order, [*place, after[-1]]))
    width = len(columns)
    return [(tuple(row[:width]), _sums(row._mapping)) for row in await session.execute(query)]


def _beyond(order: Sequence[Any], place: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind `place`, column by column."""
    reached = [
        and_(*[column == value for column, value in zip(order[:at], place[:at], strict=True)], order[at] > place[at])
        for at in range(len(order))
    ]
    return or_(*reached)


async def cost_totals(session: AsyncSession, question: CostQuestion) -> list[dict[str, Any]]:
    """Exact sums per currency."""
    query = question.rows(CostRow.currency, *COST_SUMS).group_by(CostRow.currency).order_by(CostRow.currency)
    return [_sums(row._mapping) for row in await session.execute(query)]


def _sums(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: ZERO if value is None and name in SUMMED else value for name, value in row.items()}


@dataclass(frozen=True, slots=True)
class PooledCost:
    """What of one import and currency fell into a pool: its place in the order given, None where no pool took it."""

    pool: int | None
    import_id: UUID
    source: str
    currency: str
    cost: Decimal
    rows: int


async def pooled_costs(
    session: AsyncSession, period: str, pools: Sequence[Sequence[Mapping[str, str]]]
) -> list[PooledCost]:
    """The period's costs by pool: the first one all of whose rules match takes a row."""
    place = pool_of(pools).label("place")
    keys = (place, CostSnapshot.source, CostRow.import_id, CostRow.currency)
    query = in_force(period, *keys, exact_sum(CostRow.cost), func.count()).group_by(*keys).order_by(*keys)
    return [
        PooledCost(None if at < 0 else at, import_id, source, currency, cost, rows)
        for at, source, import_id, currency, cost, rows in await session.execute(query)
    ]


def pool_of(pools: Sequence[Sequence[Mapping[str, Any]]]) -> ColumnElement[int]:
    """The place of the first pool all of whose rules match a row; -1 where none does."""
    return case(*[(_matches(rules), index) for index, rules in enumerate(pools)] or [(false(), 0)], else_=-1)


def _matches(rules: Sequence[Mapping[str, Any]]) -> ColumnElement[bool]:
    return and_(true(), *[matches(rule) for rule in rules])


def newest_run() -> ScalarSelect[UUID]:
    """The newest allocation run of the period of a service's cost: the one that counts there."""
    of_period = AllocationRun.period == ServiceCost.period
    newest = select(AllocationRun.id).where(of_period).order_by(AllocationRun.id.desc()).limit(1)
    return newest.correlate(ServiceCost).scalar_subquery()


async def latest_service_cost(session: AsyncSession, service_id: UUID, period: Period) -> ServiceCost | None:
    """The service's cost in the newest period up to `period` whose newest allocation run knows the service.

    An older run of a period never counts: its cost may be another service's by now. An older period does: its newest
    run is what was last found there, and prices and quotes go on from it until the later period is allocated, or
    while nothing falls to the service. Whoever must know that the service cost nothing in the very period asks
    `service_costs`.
    """
    query = (
        select(ServiceCost)
        .where(
            ServiceCost.service_id == service_id,
            ServiceCost.period <= str(period),
            ServiceCost.allocation_run_id == newest_run(),
        )
        .order_by(ServiceCost.period.desc())
    )
    found: ServiceCost | None = await session.scalar(query.limit(1))
    return found


async def service_cost_of(session: AsyncSession, run_id: UUID, service_id: UUID) -> ServiceCost | None:
    """What a service cost in an allocation run."""
    found: ServiceCost | None = await session.scalar(
        select(ServiceCost).where(ServiceCost.allocation_run_id == run_id, ServiceCost.service_id == service_id)
    )
    return found


async def pools_behind(
    session: AsyncSession, run_id: UUID, service_id: UUID
) -> list[tuple[str, int, Decimal, Decimal]]:
    """The pools of a run that a service shares: name, cost rows, amount, the service's share."""
    same = (AllocationShare.run_id == AllocationPool.run_id) & (AllocationShare.pool == AllocationPool.name)
    query = (
        select(AllocationPool, AllocationShare.amount)
        .join(AllocationShare, same)
        .where(AllocationPool.run_id == run_id, AllocationShare.service_id == service_id)
        .order_by(AllocationPool.position)
    )
    return [(pool.name, pool.cost_rows, pool.amount, share) for pool, share in await session.execute(query)]
