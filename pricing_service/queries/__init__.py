"""Named reads of pricing, one module per room."""

from pricing_service.queries.calendar import (
    closed_through,
    earliest_open,
    fiscal_calendar,
    is_closed,
    reporting_currency,
)
from pricing_service.queries.costs import (
    COST_COLUMNS,
    COST_SUMS,
    PooledCost,
    UnknownDimension,
    cost_groups,
    cost_totals,
    dimension,
    in_force,
    latest_service_cost,
    pooled_costs,
)
from pricing_service.queries.exchange import exchange_rate
from pricing_service.queries.statements import (
    billed_before,
    billed_in_term,
    chargeable,
    chargeable_subscriptions,
    is_subscribed,
    metered_by_day,
    next_chargeable_unit,
    plans_of,
    runs_on,
    steps_of,
)
from pricing_service.queries.usage import Attributes, aggregations, in_days, metered_quantities, on_statements

__all__ = [
    "COST_COLUMNS",
    "COST_SUMS",
    "Attributes",
    "PooledCost",
    "UnknownDimension",
    "aggregations",
    "billed_before",
    "billed_in_term",
    "chargeable",
    "chargeable_subscriptions",
    "closed_through",
    "cost_groups",
    "cost_totals",
    "dimension",
    "earliest_open",
    "exchange_rate",
    "fiscal_calendar",
    "in_days",
    "in_force",
    "is_closed",
    "is_subscribed",
    "latest_service_cost",
    "metered_by_day",
    "metered_quantities",
    "next_chargeable_unit",
    "on_statements",
    "plans_of",
    "pooled_costs",
    "reporting_currency",
    "runs_on",
    "steps_of",
]
