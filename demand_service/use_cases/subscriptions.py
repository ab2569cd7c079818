"""Subscriptions: what a business unit holds until it gives it up."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.subscription import SubscriptionStep, advance
from demand_service.events import SubscriptionEnded
from demand_service.tables import Subscription
from demand_service.use_cases.steps import Asked
from services.errors import NotFound
from services.events import record
from services.http import check_version
from services.identity import Units


class SubscriptionNotFound(NotFound): ...


async def subscription(session: AsyncSession, subscription_id: UUID, *, units: Units) -> Subscription:
    """Raises SubscriptionNotFound or BusinessUnitOutOfScope."""
    found = await session.get(Subscription, subscription_id)
    if found is None:
        raise SubscriptionNotFound(f"there is no subscription {subscription_id}")
    units.require(found.business_unit_id)
    return found


async def end_subscription(session: AsyncSession, subscription_id: UUID, *, asked: Asked) -> Subscription:
    """Raises SubscriptionNotFound, BusinessUnitOutOfScope, VersionIsStale or SubscriptionStepNotAllowed."""
    held = await subscription(session, subscription_id, units=asked.units)
    check_version(held, asked.if_match)
    held.state = advance(held.state, SubscriptionStep.END)
    held.ended_at = asked.now
    record(session, held, SubscriptionEnded)
    return held
