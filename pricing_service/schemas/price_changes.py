"""Price changes: new terms, what they would have cost, and their announcement."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from pricing_service.domain.plan import Existing
from pricing_service.domain.price_change import Applies, PriceChangeState
from pricing_service.schemas.numbers import Instant
from pricing_service.schemas.prices import PlanTerms
from services.http import Body, DecimalString, Read

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]+$")]


class PriceChangeCreate(PlanTerms):
    """New terms of an offering that has a price, in its currency."""

    offering_id: UUID
    effective_from: Instant = Field(description="In the future, and in an open period")
    existing_subscriptions: Existing = Field(
        Existing.FOLLOW, description="Whether those that are there follow, stay with what they have, or move at renewal"
    )
    audience: list[UUID] = Field(
        default_factory=list, max_length=100, description="Units the price is for, with those below; empty: all"
    )


class ShadowPricingCreate(Body):
    periods: int = Field(1, ge=1, le=12, description="How many of the last closed periods; none closed: last full ones")


class Announcement(Body):
    notice: Text = Field(description="What those affected are told")


class PriceChangeWithdrawal(Body):
    reason: Text


class PriceChangeRead(Read):
    id: UUID
    offering_id: UUID
    state: PriceChangeState
    currency: str
    effective_from: datetime
    existing_subscriptions: Existing
    charges: list[dict[str, Any]]
    discounts: list[dict[str, Any]]
    minimum: dict[str, Any] | None
    maximum: DecimalString | None
    audience: list[UUID]
    shadow_job_id: UUID | None
    shadow_periods: list[str]
    subscriptions: int = Field(description="That the shadow pricing found to be affected, now or at renewal")
    old_amount: DecimalString = Field(description="What they were charged in these periods")
    new_amount: DecimalString = Field(description="What the new terms would have made of it")
    notice: str | None
    announced_at: datetime | None
    reason: str | None
    price_plan_id: UUID | None
    created_at: datetime


class ShadowPriceRead(Read):
    """One subscription in one period, under the old terms and the new."""

    id: UUID
    period: str
    business_unit_id: UUID
    subscription_id: UUID
    applies: Applies
    currency: str
    old_amount: DecimalString
    new_amount: DecimalString
    difference: DecimalString


class UnitEffect(Read):
    """A business unit's subscriptions that get the new price, now or at renewal, over all shadowed periods."""

    id: UUID
    business_unit_id: UUID
    subscriptions: int
    currency: str
    old_amount: DecimalString
    new_amount: DecimalString
    difference: DecimalString
