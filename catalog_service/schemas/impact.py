"""Bodies of what a service's or an offering's end would touch."""

from datetime import date
from uuid import UUID

from pydantic import Field

from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.schemas.parts import Reason
from services.http import DecimalString, Read


class RetirementAnnouncement(Reason):
    planned_for: date | None = Field(
        None, description="The day on which it is meant to be gone; nothing happens by itself then"
    )
    acknowledge_impact: bool = Field(
        False, description="Needed where somebody holds the service or cannot do without it: see its impact"
    )


class HoldingRead(Read):
    business_unit_id: UUID
    business_unit_name: str | None = Field(description="null until the business unit is known here")
    active: int
    suspended: int
    quantity: DecimalString = Field(description="Of both together, exact")


class TouchedOffering(Read):
    id: UUID
    name: str
    state: OfferingState
    unit_of_measure: str
    active: int = Field(description="Active subscriptions")
    suspended: int
    quantity: DecimalString = Field(description="What they hold together, exact")
    business_units: list[HoldingRead]


class OfferingBrief(Read):
    id: UUID
    name: str
    service_id: UUID
    state: OfferingState


class TouchedRelation(Read):
    offering_id: UUID
    offering_name: str
    kind: str = Field(examples=["requires"], description="What that offering says of `other_id`")
    other_id: UUID


class TouchedUnit(Read):
    id: UUID
    name: str | None
    active: int = Field(description="Active subscriptions to the service itself")
    suspended: int
    active_of_dependents: int = Field(description="Active subscriptions to services that cannot do without it")
    suspended_of_dependents: int


class PathStep(Read):
    id: UUID
    name: str


class Dependent(Read):
    id: UUID
    name: str
    state: ServiceState
    distance: int
    hard: bool = Field(description="Reached through `requires` alone: it cannot do without the service")
    path: list[PathStep] = Field(description="From the service to the dependent; through hard links where it can be")
    active: int = Field(description="Active subscriptions to the dependent")
    suspended: int


class ServiceImpact(Read):
    service_id: UUID
    active: int = Field(description="Active subscriptions to its offerings")
    suspended: int
    dependents_total: int = Field(description="Services that depend on it, directly or through others")
    dependents_hard: int
    dependents: list[Dependent] = Field(description="The nearest first, at most `limit`")
    offerings: list[TouchedOffering] = Field(description="Its own, but those that are retired and held by nobody")
    bundles: list[OfferingBrief] = Field(description="Offerings that contain one of them, in whatever depth")
    relations: list[TouchedRelation] = Field(description="Of other offerings to one of them")
    business_units: list[TouchedUnit]
    may_retire: bool = Field(description="Nobody holds it, no live service requires it, nothing of it is published")


class OfferingImpact(Read):
    offering_id: UUID
    active: int
    suspended: int
    quantity: DecimalString
    business_units: list[HoldingRead]
    bundles: list[OfferingBrief]
    relations: list[TouchedRelation]
