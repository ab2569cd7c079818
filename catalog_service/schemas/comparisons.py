"""Bodies of comparisons, and of prices and unit costs as they stand beside an offering."""

from typing import Any
from uuid import UUID

from pydantic import Field

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.tier import Better
from catalog_service.schemas.attainments import AttainmentRead, LeadTimeRead
from catalog_service.schemas.offerings import ScoreRead
from catalog_service.schemas.prices import PriceRead, ServiceCostRead
from services.http import DecimalString, Read


class ComparedTier(Read):
    name: str
    rank: int


class ComparedOffering(Read):
    """What belongs to one offering alone."""

    id: UUID
    name: str
    service_id: UUID
    service_name: str
    state: OfferingState
    unit_of_measure: str
    tier: ComparedTier | None
    score: ScoreRead | None = Field(default=None, description="What its users say, with n and interval")
    observed_lead_time: LeadTimeRead | None = Field(default=None, description="Beside the lead time it promises")
    price: PriceRead | None = Field(default=None, description="Of the business unit at hand; null: none is known")
    unit_cost: ServiceCostRead | None = Field(default=None, description="For service owners and finance")
    options: list[dict[str, Any]]


class ComparedValue(Read):
    value: bool | str
    unit: str | None


class AttributeRow(Read):
    """One attribute of the tiers, in the order of the offerings; null where an offering does not say."""

    key: str = Field(examples=["ram"])
    name: str = Field(examples=["Memory"])
    better: Better | None = Field(description="Which direction is an improvement, where all agree")
    values: list[ComparedValue | None]
    best: list[int] = Field(description="Places of the best, from 0; empty where none stands out", examples=[[1]])


class ComparedPromise(Read):
    target: DecimalString
    unit: str
    attainment: AttainmentRead | None = Field(default=None, description="What became of it last")


class CommitmentRow(Read):
    kind: CommitmentKind
    better: Better
    promises: list[ComparedPromise | None]
    best: list[int]


class ComparedRelation(Read):
    offering_id: UUID
    kind: str = Field(examples=["upgrades_to"])
    other_id: UUID


class ComparisonRead(Read):
    """Every row has one place per offering, in the order in which they were named."""

    business_unit_id: UUID | None = Field(description="Whose prices these are; null: prices that are for all")
    offerings: list[ComparedOffering]
    attributes: list[AttributeRow]
    commitments: list[CommitmentRow]
    relations: list[ComparedRelation] = Field(description="Among the offerings of this comparison")
