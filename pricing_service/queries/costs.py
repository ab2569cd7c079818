"""Reads of costs: dimensions, views, and what falls into which pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, false, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.periods import Period
from pricing_service.tables import (
    CostRow,
    CostSnapshot,
    ServiceCost,
)
from services.db import exact_sum
from services.errors import Fault, Invalid

ZERO = Decimal(0)


COST_COLUMNS: Mapping[str, Any] = {
    "ServiceName": CostRow.service_name,
    "ServiceCategory": CostRow.service_category,
    "ServiceSubcategory": CostRow.service_subcategory,
    "ProviderName": CostRow.provider_name,
    "PublisherName": CostRow.publisher_name,
    "InvoiceIssuerName": CostRow.invoice_issuer_name,
    "InvoiceId": CostRow.invoice_id,
    "BillingAccountId": CostRow.billing_account_id,
    "BillingAccountName": CostRow.billing_account_name,
    "SubAccountId": CostRow.sub_account_id,
    "SubAccountName": CostRow.sub_account_name,
    "RegionId": CostRow.region_id,
    "RegionName": CostRow.region_name,
    "ResourceId": CostRow.resource_id,
    "ResourceName": CostRow.resource_name,
    "ResourceType": CostRow.resource_type,
    "ChargeCategory": CostRow.charge_category,
    "ChargeClass": CostRow.charge_class,
    "ChargeDescription": CostRow.charge_description,
    "ChargeFrequency": CostRow.charge_frequency,
    "PricingCategory": CostRow.pricing_category,
    "SkuId": CostRow.sku_id,
    "ConsumedUnit": CostRow.consumed_unit,
    "BillingCurrency": CostRow.currency,
    "Source": CostSnapshot.source,
    "account": CostRow.account,
    "cost_centre": CostRow.cost_centre,
    "origin": CostRow.origin,
}


class UnknownDimension(Invalid): ...


def dimension(name: str) -> ColumnElement[str | None]:
    """The column of a cost view or a pool rule: a FOCUS column, or `tag:<key>`. Raises UnknownDimension."""
    if name in COST_COLUMNS:
        column: ColumnElement[str | None] = COST_COLUMNS[name]
        return column
    kind, _, key = name.partition(":")
    if kind == "tag" and key and len(key) <= 128 and not any(c in '"\\' or c < " " for c in key):
        tag: ColumnElement[str | None] = CostRow.tags[key].as_string()
        return tag
    raise UnknownDimension(
        f"{name[:60]!r} is no dimension of costs",
        faults=[Fault("group_by", f"must be tag:<key> or one of {', '.join(COST_COLUMNS)}")],
    )


def in_force(period: str, *columns: Any) -> Select[Any]:
    """A select over the cost rows that count in a fiscal period.

    Those of snapshots that nothing has superseded, but for ledger rows which a source details.
    """
    same = and_(
        CostSnapshot.import_id == CostRow.import_id,
        CostSnapshot.billing_month == CostRow.billing_month,
        CostSnapshot.period == CostRow.period,
    )
    return (
        select(*columns)
        .select_from(CostRow)
        .join(CostSnapshot, same)
        .where(CostRow.period == period, CostSnapshot.superseded_by.is_(None), CostRow.cleared_by.is_(None))
    )


COST_SUMS = (
    func.count().label("rows"),
    exact_sum(CostRow.cost).label("cost"),
    exact_sum(CostRow.billed_cost).label("billed_cost"),
    exact_sum(CostRow.effective_cost).label("effective_cost"),
    exact_sum(CostRow.contracted_cost).label("contracted_cost"),
    exact_sum(CostRow.list_cost).label("list_cost"),
)


async def cost_groups(session: AsyncSession, period: str, group_by: str, limit: int) -> list[dict[str, Any]]:
    """Exact sums per value of a dimension and currency, in the order of the value; at most `limit` + 1 of them."""
    key = dimension(group_by).label("key")
    query = in_force(period, key, CostRow.currency, *COST_SUMS).group_by(key, CostRow.currency)
    rows = await session.execute(query.order_by(key, CostRow.currency).limit(limit + 1))
    return [_sums(row._mapping) for row in rows]


async def cost_totals(session: AsyncSession, period: str) -> list[dict[str, Any]]:
    """Exact sums per currency."""
    query = in_force(period, CostRow.currency, *COST_SUMS).group_by(CostRow.currency).order_by(CostRow.currency)
    return [_sums(row._mapping) for row in await session.execute(query)]


def _sums(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: ZERO if value is None and name.endswith("cost") else value for name, value in row.items()}


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
    takes = [(_matches(rules), index) for index, rules in enumerate(pools)] or [(false(), 0)]
    place = case(*takes, else_=-1).label("place")
    keys = (place, CostSnapshot.source, CostRow.import_id, CostRow.currency)
    query = in_force(period, *keys, exact_sum(CostRow.cost), func.count()).group_by(*keys).order_by(*keys)
    return [
        PooledCost(None if at < 0 else at, import_id, source, currency, cost, rows)
        for at, source, import_id, currency, cost, rows in await session.execute(query)
    ]


def _matches(rules: Sequence[Mapping[str, str]]) -> ColumnElement[bool]:
    conditions = [
        dimension(rule["column"] if "column" in rule else f"tag:{rule['tag']}") == rule["equals"] for rule in rules
    ]
    return and_(true(), *conditions)


async def latest_service_cost(session: AsyncSession, service_id: UUID, period: Period) -> ServiceCost | None:
    """The service's cost by the newest allocation run of the newest period up to `period`."""
    query = (
        select(ServiceCost)
        .where(ServiceCost.service_id == service_id, ServiceCost.period <= str(period))
        .order_by(ServiceCost.period.desc(), ServiceCost.id.desc())
    )
    found: ServiceCost | None = await session.scalar(query.limit(1))
    return found
