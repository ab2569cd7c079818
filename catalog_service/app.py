"""The catalogue app: `uvicorn catalog_service.app:app`."""

from pathlib import Path

from catalog_service import events
from catalog_service.consumers import consumers
from catalog_service.routes import (
    attainments,
    browse,
    bulk,
    campaign_results,
    campaigns,
    comparisons,
    dependencies,
    impact,
    measurements,
    offerings,
    portfolio,
    readiness,
    revisions,
    scorecards,
    services,
)
from catalog_service.tables import Base
from catalog_service.work import jobs, timers
from services.application import ServiceDefinition, create_app

definition = ServiceDefinition(
    name="catalog",
    title="Catalogue",
    description="The services that IT provides, their revisions, and the offerings that business units can ask for.",
    base=Base,
    migrations=Path(__file__).parent / "migrations",
    routers=[
        browse.router,
        comparisons.router,
        campaign_results.router,
        campaigns.router,
        portfolio.router,
        services.router,
        revisions.router,
        offerings.router,
        dependencies.router,
        impact.router,
        scorecards.router,
        bulk.router,
        bulk.uploads,
        measurements.uploads,
        measurements.router,
        attainments.router,
        readiness.router,
    ],
    events=events.PUBLISHED,
    consumers=consumers,
    jobs=jobs,
    timers=timers,
)
app = create_app(definition)
