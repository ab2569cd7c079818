"""What pricing does when a commitment was missed."""

from datetime import datetime
from uuid import UUID

from pydantic import AliasChoices, Field
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.consumers.group import consumers
from pricing_service.schemas.numbers import Number
from pricing_service.use_cases import service_credits
from services.events import Delivery, EventSeen


class CommitmentMissedSeen(EventSeen):
    """For the business unit and subscriptions that it names; for all of the offering, or service, if it names none."""

    service_id: UUID | None = None
    offering_id: UUID | None = None
    business_unit_id: UUID | None = None
    subscription_ids: list[UUID] | None = None
    commitment: str = Field(
        validation_alias=AliasChoices("commitment", "commitment_name", "kind", "name"), min_length=1, max_length=200
    )
    period: str
    promised: Number = Field(validation_alias=AliasChoices("promised", "target"))
    attained: Number


@consumers.reaction("itaas.catalog.commitment.missed.v1")
async def keep_miss(session: AsyncSession, event: Delivery[CommitmentMissedSeen], now: datetime) -> None:
    seen = event.data
    await service_credits.keep_miss(
        session,
        service_id=seen.service_id,
        offering_id=seen.offering_id,
        business_unit_id=seen.business_unit_id,
        subscription_ids=seen.subscription_ids,
        commitment=seen.commitment,
        period_name=seen.period,
        promised=seen.promised,
        attained=seen.attained,
        now=now,
    )
