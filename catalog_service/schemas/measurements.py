"""Bodies of measurements: what was measured of a commitment, and what became of each report."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.measurement import Watched
from catalog_service.schemas.parts import LINE
from services.http import Body, DecimalInput, DecimalString, ExternalId, Read

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _RFC3339.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            moment = None
        if moment is not None and 1970 <= moment.year <= 2200:
            return moment
    raise ValueError("must be an RFC 3339 instant with a zone, from 1970 to 2200, such as 2026-10-03T09:00:00Z")


# Of thousands in one body: text in the one form alone, since pydantic would take a number for seconds of the epoch.
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
Ref = Annotated[str, Field(min_length=1, max_length=256, pattern=LINE)]


class MeasurementRef(Body):
    """What names a report for good."""

    source: Ref
    id: Ref


class MeasurementReport(Body):
    """One report. It names what was measured in exactly one way, and says how by the fields of its commitment."""

    source: Ref = Field(examples=["/monitoring/probe-7"])
    id: Ref = Field(description="Unique within the source, for good", examples=["outage-4711"])
    offering_id: UUID | None = None
    offering_external_id: ExternalId | None = None
    service_id: UUID | None = Field(None, description="All offerings of the service")
    service_external_id: ExternalId | None = None
    subscription_id: UUID | None = Field(None, description="This subscription alone")
    business_unit_id: UUID | None = Field(None, description="Beside an offering or a service: for this unit alone")
    commitment: CommitmentKind | None = Field(None, description="Left out in a void alone", examples=["availability"])
    at: Moment | None = Field(None, description="When the response, delivery or recovery was there")
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    state: Watched | None = Field(None, description="Of the interval, of availability")
    up_seconds: DecimalInput | None = Field(None, description="Of availability, instead of state")
    total_seconds: DecimalInput | None = None
    value: DecimalInput | None = Field(None, description="The duration; of support_hours, the hours that were staffed")
    unit: Annotated[str | None, Field(max_length=40)] = Field(
        None, description="seconds, minutes, hours or days; of support_hours, hours"
    )
    planned: Annotated[bool, Field(strict=True)] = Field(False, description="Maintenance: left out of the reckoning")
    voids: MeasurementRef | None = Field(None, description="That one was wrong: it no longer counts")
    replaces: MeasurementRef | None = Field(None, description="That one was wrong: this one counts instead")


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


def _absent(value: object) -> bool:
    return value is None


class MeasurementOutcome(Read):
    """What became of one report, in words (`reason`) and for a program (`refusal`, `pointer`, `status`).

    What does not apply is left out.
    """

    index: int = Field(description="Its place in the request, from 0")
    source: str | None
    id: str | None
    outcome: Outcome
    status: int = Field(description="As it would be of the report alone", examples=[201])
    note: str | None = Field(None, exclude_if=_absent, description="Of one that was kept: what is special about it")
    reason: str | None = Field(None, exclude_if=_absent)
    refusal: str | None = Field(None, exclude_if=_absent, examples=["unit-not-of-kind"])
    pointer: str | None = Field(
        None, exclude_if=_absent, description="JSON pointer into the report", examples=["/unit"]
    )


class MeasurementOutcomes(Read):
    items: list[MeasurementOutcome]
    accepted: int
    corrected: int
    duplicate: int
    rejected: int


class MeasurementRead(Read):
    """A measurement as it was kept: durations in seconds, staffed hours in hours."""

    id: UUID
    source: str
    event_id: str
    service_id: UUID | None
    offering_id: UUID | None
    subscription_id: UUID | None
    business_unit_id: UUID | None
    commitment: CommitmentKind | None
    starts_at: datetime | None
    ends_at: datetime | None
    state: Watched | None
    up_seconds: DecimalString | None
    total_seconds: DecimalString | None
    value: DecimalString | None
    planned: bool
    original_source: str | None = Field(description="Of a correction: what it voids or replaces")
    original_id: str | None
    received_at: datetime
