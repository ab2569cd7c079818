"""HTTP in, HTTP out: one module per capability."""

from pricing_service.routes import (
    allocation,
    budgets,
    cost_entries,
    costs,
    exchange,
    periods,
    prices,
    quotes,
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
    prices.router,
    quotes.router,
    budgets.router,
    usage.router,
    statements.router,
]
