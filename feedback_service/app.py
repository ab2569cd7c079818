"""The feedback app. `uvicorn feedback_service.app:app` runs it alone."""

from pathlib import Path

from feedback_service import events
from feedback_service.consumers import consumers
from feedback_service.routes import improvements, previews, surveys, threads
from feedback_service.tables import Base
from feedback_service.use_cases.invitations import timers
from services.application import ServiceDefinition, create_app

definition = ServiceDefinition(
    name="feedback",
    title="Feedback",
    description="Surveys, scores, two-way threads, themes, and improvements until they are delivered.",
    base=Base,
    migrations=Path(__file__).parent / "migrations",
    routers=[surveys.router, threads.router, improvements.router, previews.router],
    events=events.PUBLISHED,
    consumers=consumers,
    timers=timers,
)
app = create_app(definition)
