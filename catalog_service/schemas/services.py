"""Bodies of services and of their way through the portfolio."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from catalog_service.domain.service import ServiceState
from catalog_service.schemas.parts import ExternalIds, Name, PersonId, Text, Unit, unchanged
from services.http import Body, DecimalString, ExternalId, Read


class ServiceCreate(Body):
    name: Name = Field(examples=["Virtual servers"])
    description: Text = ""
    unit_of_measure: Unit = Field(description="What its cost and volume are counted in")
    owner_id: PersonId | None = None
    external_ids: ExternalIds = Field(default_factory=list)


class ServiceChange(Body):
    """What is left out stays as it is."""

    name: Name = unchanged()
    description: Text = unchanged()
    owner_id: PersonId | None = None


class UnitCostRead(Read):
    period: str = Field(examples=["2026-10"])
    unit_cost: DecimalString | None
    unit_of_measure: str
    currency: str
    allocation_run_id: UUID


class ServiceRead(Read):
    id: UUID
    name: str
    description: str
    owner_id: str | None
    state: ServiceState
    unit_of_measure: str
    active_revision: int | None
    external_ids: list[ExternalId]
    created_at: datetime
    updated_at: datetime


class ServiceDetail(ServiceRead):
    unit_cost: UnitCostRead | None = Field(
        default=None, description="As pricing published it last; for service owners and finance"
    )


class TransitionRead(Read):
    from_state: ServiceState | None
    to_state: ServiceState
    at: datetime
    actor_id: str | None
    reason: str
