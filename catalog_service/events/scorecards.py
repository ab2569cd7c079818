"""What the catalogue publishes of scorecards."""

from datetime import datetime
from uuid import UUID

from catalog_service.events.part import SERVICE
from services.events import EventData, event_type


@event_type(
    "itaas.catalog.scorecard.level-changed.v1",
    summary="A service has come to another level of a scorecard",
    example={
        "id": SERVICE[:-1] + "b",
        "scorecard_id": SERVICE[:-1] + "c",
        "scorecard_key": "production-ready",
        "scorecard_name": "Ready for production",
        "scorecard_version": 3,
        "service_id": SERVICE,
        "service_name": "Virtual servers",
        "from_level": "bronze",
        "to_level": "silver",
        "passed": 6,
        "failed": 1,
        "unknown": 1,
        "evaluated_at": "2026-11-02T02:00:00Z",
    },
)
class ScorecardLevelChanged(EventData):
    """How a service stands on a card: its subject is this standing, one per card and service. null: no level."""

    id: UUID
    scorecard_id: UUID
    scorecard_key: str
    scorecard_name: str
    scorecard_version: int
    service_id: UUID
    service_name: str
    from_level: str | None
    to_level: str | None
    passed: int
    failed: int
    unknown: int
    evaluated_at: datetime
