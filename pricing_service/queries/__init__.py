"""Named reads of pricing, one module per room."""

from pricing_service.queries.arrivals import cut_arrivals, next_arrival
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
from pricing_service.queries.rated_usage import (
    StretchSums,
    late_subscriptions,
    metered_by_stretch,
    metered_days,
)
from pricing_service.queries.statements import (
    billed_before,
    billed_in_term,
    chargeable,
    chargeable_subscriptions,
    chargeable_units,
    is_subscribed,
    plans_of,
    runs_on,
    steps_of,
)
from pricing_service.queries.usage import Attributes, aggregations, counted_at, in_days, metered_quantities

__all__ = [
    "COST_COLUMNS",
    "COST_SUMS",
    "Attributes",
    "PooledCost",
    "StretchSums",
    "UnknownDimension",
    "aggregations",
    "billed_before",
    "billed_in_term",
    "chargeable",
    "chargeable_subscriptions",
    "chargeable_units",
    "closed_through",
    "cost_groups",
    "cost_totals",
    "counted_at",
    "cut_arrivals",
    "dimension",
    "earliest_open",
    "exchange_rate",
    "fiscal_calendar",
    "in_days",
    "in_force",
    "is_closed",
    "is_subscribed",
    "late_subscriptions",
    "latest_service_cost",
    "metered_by_stretch",
    "metered_days",
    "metered_quantities",
    "next_arrival",
    "plans_of",
    "pooled_costs",
    "reporting_currency",
    "runs_on",
    "steps_of",
]
