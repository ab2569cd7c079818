"""Subscriptions as rating needs them: their history, the plans of every offering they held, what the services cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.history import HeldState, Holding, Step, stretches
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import PlanVersion, specificity
from pricing_service.tables import KnownSubscription, PricePlan, ServiceCost, SubscriptionStep
from pricing_service.use_cases.charges import UnitCosts, UnitCostUnknown, plan_version


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
    replacing: PricePlan | None = None,
) -> tuple[list[Subject], list[Unpriced]]:
    """Those that have a price, and why the others have none.

    `replacing` is a version that is not in force yet: it stands in for those of its offering that it would supersede.
    """
    steps = await queries.steps_of(session, [each.id for each in subscriptions])
    units = {each.business_unit_id for each in subscriptions}
    tags = await queries.tags_of(session, units, before=period.end)  # those of today may have come after its close
    holdings = [holding_of(each, steps[each.id], tags.get(each.business_unit_id, {})) for each in subscriptions]
    held = {offering_id for holding, _ in holdings for offering_id in holding.offering_ids}
    offerings = _Offerings(session, period, replacing, await queries.plans_of_all(session, held))
    found: list[Subject] = []
    unpriced: list[Unpriced] = []
    for subscription, (holding, services) in zip(subscriptions, holdings, strict=True):
        plans: dict[UUID, Sequence[PlanVersion]] = {}
        reasons: list[str] = []
        currency = None
        for offering_id in holding.offering_ids:
            unit = subscription.business_unit_id
            priced = await offerings.priced(offering_id, services[offering_id], unit)
            if isinstance(priced, str):
                reasons.append(priced)
            elif currency not in (None, priced[0].currency):
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
    """The plans of offerings as business units see them, and what their services cost; each read once."""

    def __init__(
        self,
        session: AsyncSession,
        period: Period,
        replacing: PricePlan | None,
        rows: Mapping[UUID, list[PricePlan]],
    ) -> None:
        self._session, self._period, self._replacing, self._rows = session, period, replacing, rows
        self._versions: dict[tuple[UUID, int], PlanVersion] = {}
        self._plans: dict[tuple[UUID, UUID], list[PlanVersion] | str] = {}
        self._paths: dict[UUID, list[UUID]] = {}
        self._unit_costs: dict[UUID, UnitCosts] = {}
        self.costs: dict[UUID, ServiceCost | None] = {}

    async def priced(self, offering_id: UUID, service_id: UUID, unit: UUID) -> list[PlanVersion] | str:
        """The versions of its plan that are for the unit; or why it has no price."""
        if (offering_id, unit) not in self._plans:
            self._plans[offering_id, unit] = await self._read(offering_id, service_id, unit)
        return self._plans[offering_id, unit]

    async def _read(self, offering_id: UUID, service_id: UUID, unit: UUID) -> list[PlanVersion] | str:
        candidates = [*self._rows[offering_id], *([] if self._replacing is None else [self._replacing])]
        if unit not in self._paths and any(row.audience for row in candidates):
            self._paths[unit] = await queries.unit_path(self._session, unit)
        path = self._paths.get(unit, [])  # whom a plan is for matters only where one is not for all
        if service_id not in self._unit_costs:
            self._unit_costs[service_id] = await UnitCosts.of(self._session, service_id, self._period)
        costs = self._unit_costs[service_id]
        self.costs[offering_id] = costs.allocated
        rows = for_unit(self._rows[offering_id], path)
        if self._replacing is not None and self._replacing.offering_id == offering_id:
            for row, close in for_unit([self._replacing], path):
                rows = [(kept, depth) for kept, depth in rows if depth > close] + [(row, close)]
        if not rows:
            whom = " for its business unit" if self._rows[offering_id] else ""
            return f"offering {offering_id} has no price plan{whom}"
        try:
            return [self._version(row, close, costs) for row, close in rows]
        except UnitCostUnknown as refusal:
            return refusal.detail

    def _version(self, row: PricePlan, close: int, costs: UnitCosts) -> PlanVersion:
        """One for all business units: of a plan's offering there is one service, and so one cost."""
        if (row.id, close) not in self._versions:
            self._versions[row.id, close] = plan_version(row, unit_costs=costs, specificity=close)
        return self._versions[row.id, close]


def for_unit(rows: Sequence[PricePlan], path: Sequence[UUID]) -> list[tuple[PricePlan, int]]:
    """The versions whose audience holds the last unit of `path`, and how close it is."""
    found = [(row, specificity({UUID(unit) for unit in row.audience}, path)) for row in rows]
    return [(row, close) for row, close in found if close is not None]
