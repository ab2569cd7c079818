"""Bodies of attainment: what became of a promise, period by period, and what demand observed of lead times."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.commitment import CommitmentKind
from services.http import Body, DecimalString, Read


class AttainmentRead(Read):
    """Of everybody, unless it names a subscription or a business unit. Not measured: `attained` is null, `n` 0."""

    commitment: CommitmentKind
    period: str = Field(description="A calendar month in UTC", examples=["2026-10"])
    promised: DecimalString = Field(examples=["99.5"])
    unit: str = Field(examples=["percent"])
    percentile: int | None = Field(description="Of a hundred measurements so many had to meet the target")
    state: AttainmentState
    attained: DecimalString | None = Field(examples=["98.6559"])
    n: int = Field(description="Measurements that it rests on")
    figures: dict[str, DecimalString] = Field(
        default_factory=dict,
        description="down, planned and total seconds; or p50, p85, worst and within_percent; or hours",
    )
    subscription_id: UUID | None = None
    business_unit_id: UUID | None = None
    assessment: int = Field(0, description="How often this changed; 0: never assessed")
    assessed_at: datetime | None = None


class AttainmentOfOffering(AttainmentRead):
    id: UUID
    offering_id: UUID
    service_id: UUID


class OfferingAttainments(Read):
    """The newest period first; in each, the commitments in the order in which they are promised."""

    offering_id: UUID
    items: list[AttainmentRead]


class AssessmentWanted(Body):
    period: Annotated[str, Field(max_length=20, examples=["2026-10"])]


class AttainmentPolicyBody(Body):
    grace_days: int = Field(5, ge=0, le=60, description="A period is assessed so many days after its end")
    max_late_days: int = Field(400, ge=1, le=36_500, description="What ended earlier is refused: measurement-too-late")
    max_ahead_seconds: int = Field(300, ge=0, le=86_400, description="How far clocks may be ahead")


class AttainmentPolicyRead(Read):
    grace_days: int
    max_late_days: int
    max_ahead_seconds: int


class LeadTimeRead(Read):
    """What demand observed of the orders of the last 365 days; too few say nothing, and are withheld."""

    p50_days: DecimalString | None
    p85_days: DecimalString | None
    n: int
    as_of: datetime
    withheld: bool = Field(description="Fewer than 5 orders: percentiles are null")
