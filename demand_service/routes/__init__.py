"""HTTP in, HTTP out: a module per capability."""

from demand_service.routes import (
    approvals,
    assessment,
    business_units,
    demands,
    engagement,
    orders,
    portfolio,
    profiles,
    scores,
    unit_imports,
)

ROUTERS = [
    profiles.router,
    unit_imports.router,
    business_units.router,
    engagement.router,
    demands.router,
    approvals.router,
    orders.router,
    scores.router,
    assessment.router,
    portfolio.router,
]
