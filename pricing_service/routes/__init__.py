"""HTTP in, HTTP out: one module per capability."""

from pricing_service.routes import (
    allocation,
    allocation_models,
    allocation_runs,
    budgets,
    cost_entries,
    costs,
    exchange,
    periods,
    prices,
    quotes,
    service_plans,
    statements,
    usage,
)

ROUTERS = [
    periods.router,
    exchange.router,
    costs.uploads,
    costs.router,
    cost_entries.router,
    allocation.router,
    allocation_models.router,
    allocation_runs.router,
    service_plans.router,
    prices.router,
    quotes.router,
    budgets.router,
    usage.router,
    statements.router,
]
