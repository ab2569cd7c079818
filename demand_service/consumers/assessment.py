"""What makes scores anew: a business unit that changed (its goals are part of it), and the balance of its budget.

The first is demand's own event: whoever changes a goal need not know of scores. Both look at what is known, not at
the event, so that one that comes twice or late ends in the same scores.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.tables import KnownBalance
from demand_service.use_cases.scores import rescore_unit
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()


class UnitSeen(EventSeen):
    id: UUID


class ScopeSeen(EventSeen):
    kind: str


class BalanceSeen(EventSeen):
    business_unit_id: UUID
    fiscal_year: int
    available: Decimal
    currency: str
    scope: ScopeSeen


@consumers.projection("itaas.pricing.budget.balance-changed.v1", KnownBalance)
@consumers.projection("itaas.pricing.budget.reserved.v1", KnownBalance)
async def know_balance(session: AsyncSession, event: Delivery[BalanceSeen], now: datetime) -> None:
    values = event.data.model_dump(exclude={"scope"}) | {"scope": event.data.scope.kind}
    await project(session, KnownBalance, event, values)


@consumers.reaction("itaas.pricing.budget.balance-changed.v1")
@consumers.reaction("itaas.pricing.budget.reserved.v1")
async def rescore_for_budget(session: AsyncSession, event: Delivery[BalanceSeen], now: datetime) -> None:
    await rescore_unit(session, event.data.business_unit_id, cause="budget", now=now)


@consumers.reaction("itaas.demand.business-unit.changed.v1")
async def rescore_for_goals(session: AsyncSession, event: Delivery[UnitSeen], now: datetime) -> None:
    await rescore_unit(session, event.data.id, cause="goal", now=now)
