"""Subscriptions as rating needs them: their history, the plans of every offering they held, what the services cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.history import HeldState, Holding, Step, stretches
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import PlanVersion
from pricing_service.tables import KnownSubscription, KnownUnitTags, PricePlan, ServiceCost, SubscriptionStep
from pricing_service.use_cases.charges import UnitCostUnknown, follows_unit_cost, plan_version


@dataclass(frozen=True, slots=True)
class Subject:
    """A subscription with what prices it, by offering."""

    subscription: KnownSubscription
    holding: Holding
    plans: Mapping[UUID, Sequence[PlanVersion]]
    costs: Mapping[UUID, ServiceCost | None]
    services: Mapping[UUID, UUID]
    currency: str


@dataclass(frozen=True, slots=True)
class Unpriced:
    subscription_id: UUID
    reason: str


async def subjects(
    session: AsyncSession,
    period: Period,
    subscriptions: Sequence[KnownSubscription],
    *,
    added: Mapping[UUID, PricePlan] | None = None,
) -> tuple[list[Subject], list[Unpriced]]:
    """Those that have a price, and why the others have none. `added` are plan versions that are not in force yet."""
    steps = await queries.steps_of(session, [each.id for each in subscriptions])
    units = {each.business_unit_id for each in subscriptions}
    tags = {unit: row.tags for unit in sorted(units) if (row := await session.get(KnownUnitTags, unit)) is not None}
    offerings = _Offerings(session, period, added or {})
    found: list[Subject] = []
    unpriced: list[Unpriced] = []
    for subscription in subscriptions:
        holding, services = holding_of(
            subscription, steps[subscription.id], tags.get(subscription.business_unit_id, {})
        )
        plans: dict[UUID, Sequence[PlanVersion]] = {}
        reasons: list[str] = []
        currency = None
        for offering_id in holding.offering_ids:
            priced = await offerings.priced(offering_id, services[offering_id])
            if isinstance(priced, str):
                reasons.append(priced)
            elif priced and currency not in (None, priced[0].currency):
                reasons.append(f"offering {offering_id} is priced in {priced[0].currency}, what was held in {currency}")
            else:
                plans[offering_id], currency = priced, priced[0].currency
        unpriced += [Unpriced(subscription.id, reason) for reason in reasons]
        if currency is not None:
            costs = {offering_id: offerings.costs.get(offering_id) for offering_id in plans}
            found.append(Subject(subscription, holding, plans, costs, services, currency))
    return found, unpriced


def holding_of(
    subscription: KnownSubscription, steps: Sequence[SubscriptionStep], unit_tags: Mapping[str, str]
) -> tuple[Holding, dict[UUID, UUID]]:
    """The subscription with its history, and the service of each offering that it held."""
    begun, ended = subscription.activated_at, subscription.ended_at
    services = {step.offering_id: step.service_id for step in steps}
    if not steps:
        whole = Holding.unchanged(subscription.id, subscription.quantity, begun, ended, subscription.offering_id)
        return whole, {subscription.offering_id: subscription.service_id}
    told = [
        Step(
            step.sequence,
            step.effective_at,
            HeldState(step.state) if step.state in set(HeldState) else HeldState.ACTIVE,
            step.offering_id,
            step.quantity,
            step.tags,
            step.term_months,
            step.renews,
        )
        for step in steps
    ]
    return Holding(subscription.id, begun, ended, stretches(begun, ended, told), unit_tags), services


class _Offerings:
    """The plans and costs of offerings, each read once."""

    def __init__(self, session: AsyncSession, period: Period, added: Mapping[UUID, PricePlan]) -> None:
        self._session, self._period, self._added = session, period, added
        self._plans: dict[UUID, list[PlanVersion] | str] = {}
        self._service_costs: dict[UUID, ServiceCost | None] = {}
        self.costs: dict[UUID, ServiceCost | None] = {}

    async def priced(self, offering_id: UUID, service_id: UUID) -> list[PlanVersion] | str:
        """The versions of its plan; or why it has no price."""
        if offering_id not in self._plans:
            self._plans[offering_id] = await self._read(offering_id, service_id)
        return self._plans[offering_id]

    async def _read(self, offering_id: UUID, service_id: UUID) -> list[PlanVersion] | str:
        rows = await queries.plans_of(self._session, offering_id)
        if offering_id in self._added:
            rows.append(self._added[offering_id])
        if not rows:
            return f"offering {offering_id} has no price plan"
        if service_id not in self._service_costs:
            cost = await queries.latest_service_cost(self._session, service_id, self._period)
            self._service_costs[service_id] = cost
        cost = self.costs[offering_id] = self._service_costs[service_id]
        try:
            return [
                plan_version(row, service_unit_cost=cost.unit_cost if cost and follows_unit_cost(row) else None)
                for row in rows
            ]
        except UnitCostUnknown as refusal:
            return refusal.detail
