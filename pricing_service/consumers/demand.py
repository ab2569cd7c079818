"""What pricing does when demand says something."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.schemas.numbers import Number
from pricing_service.tables import KnownDemand, KnownSubscription, KnownUnitProfile, SubscriptionStep, UnitTagsStep
from pricing_service.use_cases import late_usage, quotes
from services.db.upsert import upsert
from services.events import Delivery, EventSeen, project


class UnitProfileSeen(EventSeen):
    headcount: int | None = None


@consumers.projection("itaas.demand.business-unit.*", KnownUnitProfile)
async def know_unit_profile(session: AsyncSession, event: Delivery[UnitProfileSeen], now: datetime) -> None:
    await project(session, KnownUnitProfile, event, {"headcount": event.data.headcount})


class SubscriptionSeen(EventSeen):
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID
    demand_id: UUID | None = None
    quantity: Number
    state: str
    activated_at: datetime
    ended_at: datetime | None = None


@consumers.projection("itaas.demand.subscription.*", KnownSubscription)
async def know_subscription(session: AsyncSession, event: Delivery[SubscriptionSeen], now: datetime) -> None:
    await project(session, KnownSubscription, event, dict(event.data))


class SubscriptionStepSeen(SubscriptionSeen):
    options: dict[str, Any] = Field(default_factory=dict)
    tags: dict[str, Any] = Field(default_factory=dict)
    term_months: int | None = None
    effective_at: datetime | None = None

    def at(self, event_type: str, told_at: datetime) -> datetime:
        """From when on this state holds."""
        if self.effective_at is not None:
            return self.effective_at
        if event_type == "itaas.demand.subscription.activated.v1":
            return self.activated_at
        return self.ended_at if self.state == "ended" and self.ended_at is not None else told_at


@consumers.projection("itaas.demand.subscription.*", SubscriptionStep)
async def keep_subscription_step(session: AsyncSession, event: Delivery[SubscriptionStepSeen], now: datetime) -> None:
    """Each event is a step of the history, once; they may come in any order."""
    seen = event.data
    step = upsert(session, SubscriptionStep).values(
        id=event.subject,
        sequence=event.sequence,
        seen_at=event.time,
        effective_at=seen.at(event.type, event.time),
        state=seen.state,
        offering_id=seen.offering_id,
        service_id=seen.service_id,
        quantity=seen.quantity,
        tags=_tags(seen.options) | _tags(seen.tags),
        term_months=seen.term_months if seen.term_months is not None and 0 < seen.term_months <= 1200 else None,
        renews=event.type == "itaas.demand.subscription.renewed.v1",
    )
    await session.execute(step.on_conflict_do_nothing())


@consumers.reaction("itaas.demand.subscription.*")
async def note_late_step(session: AsyncSession, event: Delivery[SubscriptionStepSeen], now: datetime) -> None:
    """What changes a closed period is put right by an adjustment in the open one."""
    await late_usage.note_changed(session, event.subject, event.data.at(event.type, event.time))


def _tags(said: dict[str, Any]) -> dict[str, str]:
    """What of somebody else's document can be compared with a discount's or a matrix's word."""
    words = {key: str(value) for key, value in said.items() if isinstance(value, str | int) and key}
    return {key: value for key, value in words.items() if "\0" not in key + value and len(key + value) <= 400}


class UnitTagsSeen(EventSeen):
    tags: dict[str, Any] = Field(default_factory=dict)
    cost_centre: str | None = None
    effective_at: AwareDatetime | None = None

    def at(self, told_at: datetime) -> datetime:
        """From when on these tags hold."""
        return told_at if self.effective_at is None else self.effective_at


@consumers.projection("itaas.demand.business-unit.*", UnitTagsStep)
async def keep_unit_tags(session: AsyncSession, event: Delivery[UnitTagsSeen], now: datetime) -> None:
    """Each event is a step of the history of the tags, once; they may come in any order."""
    own = {} if event.data.cost_centre is None else {"cost_centre": event.data.cost_centre}
    step = upsert(session, UnitTagsStep).values(
        id=event.subject,
        sequence=event.sequence,
        seen_at=event.time,
        effective_at=event.data.at(event.time),
        tags=_tags(own) | _tags(event.data.tags),
    )
    await session.execute(step.on_conflict_do_nothing())


@consumers.reaction("itaas.demand.business-unit.*")
async def note_late_tags(session: AsyncSession, event: Delivery[UnitTagsSeen], now: datetime) -> None:
    """What was so in a closed period already is put right by an adjustment in the open one, for all of the unit."""
    await late_usage.note_unit_changed(session, event.subject, event.data.at(event.time))


class SubscriptionEndedSeen(EventSeen):
    demand_id: UUID | None = None


@consumers.reaction("itaas.demand.subscription.ended.v1")
async def release_reservation(session: AsyncSession, event: Delivery[SubscriptionEndedSeen], now: datetime) -> None:
    if event.data.demand_id is not None:
        await quotes.release_ended(session, event.data.demand_id, now=now)


class KnownDemandSeen(EventSeen):
    business_unit_id: UUID
    state: str


@consumers.projection("itaas.demand.demand.*", KnownDemand)
async def know_demand(session: AsyncSession, event: Delivery[KnownDemandSeen], now: datetime) -> None:
    await project(session, KnownDemand, event, dict(event.data))


class DemandProposedSeen(EventSeen):
    business_unit_id: UUID
    offering_id: UUID | None = None
    quantity: Number | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    tags: dict[str, Any] = Field(default_factory=dict)
    term_months: int | None = None


@consumers.reaction("itaas.demand.demand.proposed.v1")
async def issue_quote(session: AsyncSession, event: Delivery[DemandProposedSeen], now: datetime) -> None:
    proposal = quotes.Proposal(
        demand_id=event.subject,
        business_unit_id=event.data.business_unit_id,
        offering_id=event.data.offering_id,
        quantity=event.data.quantity,
        sequence=event.sequence,
        tags=_tags(event.data.options) | _tags(event.data.tags),
        term_months=event.data.term_months,
    )
    await quotes.quote_proposal(session, proposal, now=now)


class DemandSeen(EventSeen):
    state: str


@consumers.reaction("itaas.demand.demand.rejected.v1")
@consumers.reaction("itaas.demand.demand.withdrawn.v1")
@consumers.reaction("itaas.demand.demand.cancelled.v1")
async def close_quotes(session: AsyncSession, event: Delivery[DemandSeen], now: datetime) -> None:
    await quotes.close_quotes_of_demand(session, event.subject, f"the demand was {event.data.state}", now=now)
