"""What the catalogue publishes of commitments: kept or missed, period by period."""

from datetime import datetime
from uuid import UUID

from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.commitment import CommitmentKind
from catalog_service.events.part import OFFERING, SERVICE
from services.events import EventData, event_type
from services.http import DecimalString


class AttainmentData(EventData):
    """What became of one commitment in one period: for the subscriptions or the unit that it names, else for all.

    `figures` are what `attained` was made of, by name; `assessment` counts how often any of this changed.
    """

    id: UUID
    service_id: UUID
    offering_id: UUID
    business_unit_id: UUID | None
    subscription_ids: list[UUID] | None
    commitment: CommitmentKind
    period: str
    promised: DecimalString
    unit: str
    percentile: int | None
    state: AttainmentState
    attained: DecimalString | None
    n: int
    figures: dict[str, DecimalString]
    assessment: int
    assessed_at: datetime


class KnownAttainmentData(AttainmentData):
    attained: DecimalString


_MISSED = {
    "id": "0192f0c1-7b00-7000-8000-000000000031",
    "service_id": SERVICE,
    "offering_id": OFFERING,
    "business_unit_id": None,
    "subscription_ids": None,
    "commitment": "availability",
    "period": "2026-10",
    "promised": "99.5",
    "unit": "percent",
    "percentile": None,
    "state": "missed",
    "attained": "98.6559",
    "n": 3,
    "figures": {"down_seconds": "36000.000000", "planned_seconds": "0.000000", "total_seconds": "2678400.000000"},
    "assessment": 1,
    "assessed_at": "2026-11-06T00:00:00Z",
}


@event_type(
    "itaas.catalog.commitment.attained.v1",
    summary="A commitment was kept in a period, or turned out to have been",
    example=_MISSED | {"state": "attained", "attained": "99.8655", "assessment": 2},
)
class CommitmentAttained(KnownAttainmentData): ...


@event_type(
    "itaas.catalog.commitment.missed.v1",
    summary="A commitment was missed in a period; pricing grants the offering's service credit for it",
    example=_MISSED,
)
class CommitmentMissed(KnownAttainmentData): ...


@event_type(
    "itaas.catalog.commitment.unmeasured.v1",
    summary="All that a commitment had been assessed from was voided: nothing is known of it any more",
    example=_MISSED | {"state": "not_measured", "attained": None, "n": 0, "figures": {}, "assessment": 3},
)
class CommitmentUnmeasured(AttainmentData): ...
