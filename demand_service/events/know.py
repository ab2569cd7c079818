"""What demand publishes of alignments and promises: people as opaque ids, and nobody's words."""

from datetime import date
from uuid import UUID

from demand_service.domain.engagement import PromiseKind, PromiseState
from services.events import EventData, event_type

_ID = "01930000-0000-7000-8000-00000000000"
_PERSON = "7c1f3c1e-5b1a-4a53-9d3f-2f5d1f6f0a11"


class AlignmentData(EventData):
    """Both days belong to it; null: without an end. One that ends before it starts never was."""

    id: UUID
    person_id: str
    business_unit_id: UUID
    starts_on: date
    ends_on: date | None


class PromiseData(EventData):
    id: UUID
    business_unit_id: UUID
    kind: PromiseKind
    owner_id: str
    due_on: date
    state: PromiseState


@event_type(
    "itaas.demand.alignment.changed.v1",
    summary="A leader answers for a business unit, and those below it, in these days",
    example={
        "id": _ID + "c",
        "person_id": _PERSON,
        "business_unit_id": _ID + "1",
        "starts_on": "2026-11-01",
        "ends_on": None,
    },
)
class AlignmentChanged(AlignmentData): ...


@event_type(
    "itaas.demand.promise.overdue.v1",
    summary="A promise to a business unit is open past its due date; told once for each due date",
    example={
        "id": _ID + "d",
        "business_unit_id": _ID + "1",
        "kind": "promise",
        "owner_id": _PERSON,
        "due_on": "2026-11-20",
        "state": "open",
    },
)
class PromiseOverdue(PromiseData): ...


PUBLISHED: list[type[EventData]] = [AlignmentChanged, PromiseOverdue]
