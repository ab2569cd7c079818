"""HTTP in, HTTP out: a module per capability."""

from demand_service.routes import approvals, business_units, demands, engagement, orders, profiles, unit_imports

ROUTERS = [
    profiles.router,
    unit_imports.router,
    business_units.router,
    engagement.router,
    demands.router,
    approvals.router,
    orders.router,
]
