"""Named reads of more than one clause, a module per room."""

from demand_service.queries.core import (
    business_units,
    demand_with_history,
    demands,
    hold_demand_of_order,
    holders_of,
    latest_proposal_of,
    lead_times_of,
    newest_quote_of,
    orders,
    policies_in_order,
    policy_of_key,
    quote_in_force_of,
    subscriptions,
    units_above,
)

__all__ = [
    "business_units",
    "demand_with_history",
    "demands",
    "hold_demand_of_order",
    "holders_of",
    "latest_proposal_of",
    "lead_times_of",
    "newest_quote_of",
    "orders",
    "policies_in_order",
    "policy_of_key",
    "quote_in_force_of",
    "subscriptions",
    "units_above",
]
