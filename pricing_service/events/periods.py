"""What pricing publishes of its billing periods."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pricing_service.events.examples import PERIOD
from services.events import EventData, event_type


class PeriodStateData(EventData):
    """A billing period that was closed, or opened again; `end_day` no longer belongs to it."""

    id: UUID
    period: str
    fiscal_year: int
    number: int
    first_day: date
    end_day: date
    state: str
    closed_at: datetime | None
    reopened_at: datetime | None = None


_EXAMPLE: dict[str, Any] = {
    "id": PERIOD,
    "period": "2026-10",
    "fiscal_year": 2026,
    "number": 10,
    "first_day": "2026-10-01",
    "end_day": "2026-11-01",
    "state": "closed",
    "closed_at": "2026-11-05T09:00:00Z",
    "reopened_at": None,
}


@event_type("itaas.pricing.period.closed.v1", summary="A billing period was closed: it refuses rows", example=_EXAMPLE)
class BillingPeriodClosed(PeriodStateData): ...


@event_type(
    "itaas.pricing.period.reopened.v1",
    summary="A closed billing period was opened again",
    example=_EXAMPLE | {"state": "open", "reopened_at": "2026-11-06T09:00:00Z"},
)
class BillingPeriodReopened(PeriodStateData): ...


PUBLISHED: list[type[EventData]] = [BillingPeriodClosed, BillingPeriodReopened]
