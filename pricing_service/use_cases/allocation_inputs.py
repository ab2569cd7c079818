"""What an allocation of a period starts from, read in one go: costs by pool, volumes, and all that drivers measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.allocation import SUBSCRIBED, DriverKind, Measures
from pricing_service.domain.costing import Subscribed, input_hash, subscribed_by_unit, subscribed_volumes
from pricing_service.domain.exchange import FoundRate, RateType, convert
from pricing_service.domain.periods import Period
from pricing_service.queries import PooledCost
from pricing_service.tables import (
    AllocationStatistic,
    KnownService,
    KnownUnitProfile,
    ServicePlan,
    ServiceVolume,
)
from pricing_service.use_cases.allocation_models import Plan
from pricing_service.use_cases.subscribed import subscribed_in
from services.db.chassis_tables import KnownBusinessUnit
from services.errors import Conflict, Fault
from services.money import exact_total

ZERO = Decimal(0)
_HEADCOUNT = "headcount"


class NothingToAllocate(Conflict): ...


class MixedCurrencies(Conflict): ...


@dataclass(frozen=True, slots=True)
class Volume:
    amount: Decimal
    source: str  # given, capacity, subscriptions


@dataclass(frozen=True, slots=True)
class Changes:
    """What a what-if takes instead of what is stored."""

    volumes: Mapping[UUID, Decimal] = field(default_factory=dict)
    statistics: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pooled:
    """What of one import and currency fell into a pool, in the currency of the run."""

    found: PooledCost
    rate: FoundRate | None  # None: it is in the run's currency
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides the outcome. `document` is what the hash covers; `stamp` tells whether it still holds."""

    period: Period
    plan: Plan
    currency: str
    pooled: Sequence[Pooled]
    services: Mapping[str, KnownService]  # by key
    volumes: Mapping[str, Volume]  # by service key
    measures: Measures
    unit_measures: Mapping[str, Measures]  # by service key: what business units are measured by
    no_holders: Measures
    document: Mapping[str, Any]
    stamp: tuple[Any, ...]

    @property
    def hash(self) -> str:
        return input_hash(self.document)

    def units_of(self, service: str) -> Measures:
        return self.unit_measures.get(service, self.no_holders)

    def pool_totals(self) -> list[tuple[Decimal, int]]:
        """Per pool in its place: its amount and its rows."""
        totals = []
        for place in range(len(self.plan.rules)):
            parts = [part for part in self.pooled if part.found.pool == place]
            totals.append((exact_total([part.amount for part in parts]), sum(part.found.rows for part in parts)))
        return totals


async def load(session: AsyncSession, period: Period, plan: Plan, changes: Changes) -> Inputs:
    """Raises NothingToAllocate, and MixedCurrencies where a rate is missing."""
    stamp = await queries.input_stamp(session, period, plan.layout.meters)
    snapshots = await queries.snapshot_identities(session, period.name)
    if not snapshots:
        raise NothingToAllocate(
            f"no costs are imported for {period}", faults=[Fault("/period", "has no imported costs")]
        )
    costs = await queries.pooled_costs(session, period.name, plan.rules)
    currency, rates = await _rates(session, period, {snapshot["currency"] for snapshot in snapshots})
    pooled = [_converted(cost, rates.get(cost.currency)) for cost in costs]
    services = {f"service:{known.id}": known for known in await session.scalars(select(KnownService))}
    held = await subscribed_in(session, period)
    volumes = await _volumes(session, period, held, changes)
    measured = await _measured(session, period, plan, held, changes)
    everybody = frozenset(f"unit:{unit}" for unit in await session.scalars(select(KnownBusinessUnit.id)))
    unit_measures = {service: measured.of_units(service) for service in measured.holders}
    named, heads_count = _named(plan), _uses(plan, DriverKind.HEADCOUNT)
    concerned = set(services) if named is None else named & set(services)
    document = {
        "period": period.name,
        "model": plan.document,
        "snapshots": snapshots,
        "costs": sorted([str(c.pool), c.source, c.currency, f"{c.cost:f}", str(c.rows)] for c in costs),
        "currency": currency,
        "rates": {code: {"rate": r.stated, "inverse": r.inverse, "day": r.day} for code, r in sorted(rates.items())},
        "services": sorted(concerned),
        "volumes": {key: volume.amount for key, volume in sorted(volumes.items()) if key in concerned},
        "usage": measured.usage,
        "subscribed": {key: units for key, units in measured.subscribed.items() if key in concerned},
        "headcounts": measured.headcounts if heads_count else {},
        "statistics": {name: f for name, f in measured.statistics.items() if name != _HEADCOUNT or heads_count},
    }
    return Inputs(
        period=period,
        plan=plan,
        currency=currency,
        pooled=pooled,
        services=services,
        volumes=volumes,
        measures=measured.of_services(frozenset(services), volumes),
        unit_measures=unit_measures,
        no_holders=measured.of_nobody(everybody),
        document=document,
        stamp=stamp,
    )


def _named(plan: Plan) -> set[str] | None:
    """The services that may receive; None where whatever is measured may."""
    named: set[str] = set()
    for node in (*plan.layout.pools, *plan.layout.towers):
        if node.receivers is None:
            return None
        named |= {receiver for receiver in node.receivers if receiver.startswith("service:")}
    return named


def _uses(plan: Plan, kind: DriverKind) -> bool:
    return any(rule.kind is kind for rule in plan.layout.rules)


async def _rates(session: AsyncSession, period: Period, currencies: set[str]) -> tuple[str, dict[str, FoundRate]]:
    """The run's currency, and the period's average rate of each other one.

    That is the reporting currency, or the one currency of all costs until that is set. Raises MixedCurrencies.
    """
    reporting = await queries.reporting_currency(session)
    if reporting is None:
        if len(currencies) > 1:
            mixed = " and ".join(sorted(currencies))
            raise MixedCurrencies(
                f"the costs of {period} are in {mixed}, and there is no exchange rate: no reporting currency is set",
                faults=[Fault("/period", f"mixes {mixed}; set the fiscal calendar's reporting_currency")],
            )
        return next(iter(currencies)), {}
    rates: dict[str, FoundRate] = {}
    for currency in sorted(currencies - {reporting}):
        found = await queries.exchange_rate(session, RateType.AVERAGE, currency, reporting, period.last_day)
        if found is None:
            raise MixedCurrencies(
                f"costs of {period} are in {currency}, and there is no average rate to {reporting}",
                faults=[Fault("/period", f"needs the average rate of {currency}/{reporting} by {period.last_day}")],
            )
        rates[currency] = found
    return reporting, rates


def _converted(cost: PooledCost, rate: FoundRate | None) -> Pooled:
    return Pooled(cost, rate, cost.cost if rate is None else convert(cost.cost, rate))


async def _volumes(
    session: AsyncSession, period: Period, held: Sequence[Subscribed], changes: Changes
) -> dict[str, Volume]:
    """Given, else the plan's practical capacity, else what is subscribed."""
    volumes = {service: Volume(volume, "subscriptions") for service, volume in subscribed_volumes(period, held).items()}
    for plan in await session.scalars(select(ServicePlan).where(ServicePlan.period == period.name)):
        volumes[f"service:{plan.service_id}"] = Volume(plan.practical_capacity, "capacity")
    for given in await session.scalars(select(ServiceVolume).where(ServiceVolume.period == period.name)):
        volumes[f"service:{given.service_id}"] = Volume(given.volume, "given")
    for service_id, amount in changes.volumes.items():
        volumes[f"service:{service_id}"] = Volume(amount, "given")
    return volumes


@dataclass(frozen=True, slots=True)
class _Measured:
    """Figures by service and business unit, before they are turned towards either."""

    usage: dict[str, dict[str, dict[str, Decimal]]]  # meter → service → unit
    subscribed: dict[str, dict[str, Decimal]]  # service → unit
    totals: dict[str, Decimal]  # service → what is subscribed of it
    headcounts: dict[str, Decimal]  # unit
    statistics: dict[str, dict[str, Decimal]]

    @property
    def holders(self) -> dict[str, frozenset[str]]:
        services = {*self.subscribed, *(service for of_meter in self.usage.values() for service in of_meter)}
        return {
            service: frozenset(
                {
                    *self.subscribed.get(service, {}),
                    *(unit for of_meter in self.usage.values() for unit in of_meter.get(service, {})),
                }
            )
            for service in services
        }

    def of_services(self, known: frozenset[str], volumes: Mapping[str, Volume]) -> Measures:
        metered = {
            meter: {service: exact_total(list(units.values())) for service, units in services.items()}
            for meter, services in self.usage.items()
        }
        heads = {
            service: exact_total([self.headcounts[unit] for unit in units if unit in self.headcounts])
            for service, units in self.holders.items()
            if any(unit in self.headcounts for unit in units)
        }
        return Measures(
            known,
            volumes={service: volume.amount for service, volume in volumes.items()},
            usage={SUBSCRIBED: self.totals, **metered},
            headcounts=heads,
            statistics=self.statistics,
        )

    def of_units(self, service: str) -> Measures:
        """Whoever holds the service."""
        holders = self.holders[service]
        return Measures(
            holders,
            usage={
                SUBSCRIBED: self.subscribed.get(service, {}),
                **{meter: services.get(service, {}) for meter, services in self.usage.items()},
            },
            headcounts={unit: heads for unit, heads in self.headcounts.items() if unit in holders},
            statistics=self.statistics,
        )

    def of_nobody(self, everybody: frozenset[str]) -> Measures:
        """Where nobody holds a service, heads, figures and even shares are those of all business units."""
        return Measures(everybody, headcounts=self.headcounts, statistics=self.statistics)


async def _measured(
    session: AsyncSession, period: Period, plan: Plan, held: Sequence[Subscribed], changes: Changes
) -> _Measured:
    used = await queries.usage_by_service_and_unit(session, (period.first_day, period.end_day), plan.layout.meters)
    usage: dict[str, dict[str, dict[str, Decimal]]] = {}
    for meter, quantities in used.items():
        for (service_id, unit_id), quantity in quantities.items():
            usage.setdefault(meter, {}).setdefault(f"service:{service_id}", {})[f"unit:{unit_id}"] = quantity
    profiles = await session.scalars(select(KnownUnitProfile).where(KnownUnitProfile.headcount.is_not(None)))
    names = {rule.statistic for rule in plan.layout.rules if rule.statistic is not None} | {_HEADCOUNT}
    statistics = {
        stored.name: {receiver: Decimal(figure) for receiver, figure in stored.figures.items()}
        for stored in await session.scalars(
            select(AllocationStatistic).where(
                AllocationStatistic.period == period.name, AllocationStatistic.name.in_(names)
            )
        )
    }
    statistics |= {name: dict(figures) for name, figures in changes.statistics.items() if name in names}
    return _Measured(
        usage,
        subscribed_by_unit(period, held),
        subscribed_volumes(period, held),
        {f"unit:{profile.id}": Decimal(profile.headcount or 0) for profile in profiles},
        statistics,
    )
