"""HTTP in, HTTP out: a module per capability."""

from demand_service.routes import approvals, business_units, demands, orders

ROUTERS = [business_units.router, demands.router, approvals.router, orders.router]
