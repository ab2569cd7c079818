"""What business units held of services in a period, from the history of their subscriptions."""

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.costing import Subscribed
from pricing_service.domain.periods import Period
from pricing_service.use_cases.holdings import holding_of


async def subscribed_in(session: AsyncSession, period: Period) -> list[Subscribed]:
    """Keys are `service:<id>` and `unit:<id>`. What is suspended is not held meanwhile."""
    subscriptions = await queries.held_in(session, period)
    steps = await queries.steps_of(session, [each.id for each in subscriptions])
    found: list[Subscribed] = []
    for subscription in subscriptions:
        holding, services = holding_of(subscription, steps[subscription.id], {})
        found += [
            Subscribed(
                f"service:{services[stretch.offering_id]}",
                stretch.quantity,
                stretch.start,
                stretch.end,
                f"unit:{subscription.business_unit_id}",
            )
            for stretch in holding.stretches
            if not stretch.suspended
        ]
    return found
