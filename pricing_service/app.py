"""The pricing app: `uvicorn pricing_service.app:app`."""

from pathlib import Path

from pricing_service import events
from pricing_service.consumers import consumers
from pricing_service.routes import ROUTERS
from pricing_service.tables import Base
from pricing_service.work import jobs, timers
from services.application import ServiceDefinition, create_app

definition = ServiceDefinition(
    name="pricing",
    title="Pricing",
    description="What services cost, what they are sold for, and what business units are charged: costs, "
    "allocation, prices, quotes, budgets, usage and statements.",
    base=Base,
    migrations=Path(__file__).parent / "migrations",
    routers=ROUTERS,
    events=events.PUBLISHED,
    consumers=consumers,
    jobs=jobs,
    timers=timers,
)
app = create_app(definition)
