"""The demand app: `uvicorn demand_service.app:app` runs it alone."""

from pathlib import Path

from demand_service import events, queries
from demand_service.consumers import consumers
from demand_service.routes import ROUTERS
from demand_service.tables import Base, BusinessUnit
from demand_service.work import jobs, timers
from services.application import ServiceDefinition, create_app

definition = ServiceDefinition(
    name="demand",
    title="Demand",
    description="Business units and their goals; demands from draft to fulfilment; approvals, orders, subscriptions.",
    routers=ROUTERS,
    consumers=consumers,
    events=events.PUBLISHED,
    base=Base,
    migrations=Path(__file__).parent / "migrations",
    unit_table=BusinessUnit,
    aligned_units=queries.aligned_units,
    jobs=jobs,
    timers=timers,
)
app = create_app(definition)
