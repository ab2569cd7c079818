"""Loads the sample organisation (deploy/sample/organisation.yaml) through the suite's public API.

Loading converges: what is there already (known by its external id, or by its name where a resource has none)
stays as it is, what is missing is made, and what an interrupted load left half-way is carried on. So it may run
at every start. Each POST has an Idempotency-Key made of what it says, and all of them one Correlation-Id.

    business units ──► their goals
    taxonomy, capabilities ──► services ──► evaluated ──► first revision published ──► offerings as drafts
    price plans, service plans, cost pools, service volumes, budgets, approval policies, surveys
    the catalogue has heard of the prices and planned unit costs ──► offerings published

The person who loads it owns the services.

Volumes are set for the months around `now` and budgets for its fiscal years, so that the sample does not age.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from services.identity.principal import Role
from services.sample import catalogue
from services.sample.loading import ClientFor, Json, Loading
from services.sample.organisation import ORGANISATION, read_organisation

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SampleIds:
    """Where the sample's keys ended up."""

    business_units: dict[str, UUID]
    services: dict[str, UUID]
    offerings: dict[str, UUID]


async def load_sample(
    client_for: ClientFor, report: Report, *, path: Path = ORGANISATION, now: datetime | None = None
) -> SampleIds:
    """Load what is missing of the sample and return its ids.

    `client_for` gives a client of the gateway with a token of a role. Raises SampleNotLoaded if a request is
    refused, or if what was made does not reach the other apps within ARRIVAL_SECONDS.
    """
    organisation = read_organisation(path)
    load = _Load(organisation, client_for)
    started = time.monotonic()
    today = now or datetime.now(UTC)
    units, services = await asyncio.gather(load.business_units(), catalogue.services(load))
    offerings = await catalogue.offerings(load, services, units)
    await asyncio.gather(
        load.price_plans(offerings),
        load.service_plans(services, today),
        load.cost_pools(services),
        load.service_volumes(services, today),
        load.budgets(units, today),
        load.approval_policies(),
        load.surveys(),
    )
    await catalogue.publish(load, services, offerings)
    if load.made:
        await load.arrival()
        made = ", ".join(f"{count} {what}" for what, count in load.made.items())
        report(f"{organisation.name} is loaded: {made} ({time.monotonic() - started:.1f} s)")
    else:
        report(f"{organisation.name} is there already")
    return SampleIds(
        **{
            name: {key: UUID(item["id"]) for key, item in found.items()}
            for name, found in (("business_units", units), ("services", services), ("offerings", offerings))
        }
    )


class _Load(Loading):
    """What is not the catalogue's."""

    async def business_units(self) -> dict[str, Json]:
        admin = self.client_for(Role.ADMIN)
        path = "/demand/v1/business-units"
        wanted = self.organisation.business_units
        units = await self.known(admin, path, {unit.key for unit in wanted})
        for unit in wanted:  # a parent stands before its children
            if unit.key not in units:
                body = {
                    "name": unit.name,
                    "parent_id": None if unit.parent is None else units[unit.parent]["id"],
                    "cost_centre": unit.cost_centre,
                    "headcount": unit.headcount,
                    "external_ids": self.external_ids(unit.key),
                }
                units[unit.key] = await self.post(admin, path, body)
                self.announced.add(("itaas.demand.business-unit.created.v1", units[unit.key]["id"]))
                self.note("business units")
            set_already = {goal["name"] for goal in units[unit.key]["goals"]}
            for goal in unit.goals:
                if goal.name not in set_already:
                    await self.post(admin, f"{path}/{units[unit.key]['id']}/goals", goal.model_dump(mode="json"))
                    self.note("goals")
        return units

    async def price_plans(self, offerings: dict[str, Json]) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/price-plans"
        priced = await self.seen(finance, path, "offering_id", {item["id"] for item in offerings.values()})
        for service in self.organisation.services:
            for offering in service.offerings:
                offering_id = offerings[offering.key]["id"]
                if offering_id not in priced:
                    body = {
                        "offering_id": offering_id,
                        "currency": self.organisation.currency,
                        "charges": offering.charges,
                    }
                    await self.post(finance, path, body)
                    self.note("price plans")

    async def service_plans(self, services: dict[str, Json], now: datetime) -> None:
        """Of this month alone: the last one that was set stays known."""
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/service-plans"
        period = months_around(now)[1]
        wanted = {services[service.key]["id"]: service for service in self.organisation.services}
        there = await self.seen(finance, path, "service_id", set(wanted), period=period)
        for service_id, service in wanted.items():
            if service_id not in there:
                body = {
                    "service_id": service_id,
                    "period": period,
                    "planned_cost": {"amount": service.plan.cost, "currency": self.organisation.currency},
                    "planned_volume": service.volume,
                    "practical_capacity": service.plan.capacity,
                }
                await self.send(finance, "PUT", path, body)
                self.note("service plans")

    async def cost_pools(self, services: dict[str, Json]) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/cost-pools"
        there = await self.seen(finance, path, "name", {pool.name for pool in self.organisation.cost_pools})
        for position, pool in enumerate(self.organisation.cost_pools):
            if pool.name not in there:
                shares = [{"service_id": services[key]["id"], "weight": weight} for key, weight in pool.shares.items()]
                body = {
                    "name": pool.name,
                    "position": position,
                    "rules": pool.rules,
                    "driver": {"kind": "fixed", "shares": shares},
                }
                await self.post(finance, path, body)
                self.note("cost pools")

    async def service_volumes(self, services: dict[str, Json], now: datetime) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/service-volumes"
        for period in months_around(now):
            wanted = {services[service.key]["id"]: service.volume for service in self.organisation.services}
            there = await self.seen(finance, path, "service_id", set(wanted), period=period)
            for service_id, volume in wanted.items():
                if service_id not in there:
                    await self.post(finance, path, {"service_id": service_id, "period": period, "volume": volume})
                    self.note("service volumes")

    async def budgets(self, units: dict[str, Json], now: datetime) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/budgets"
        years = sorted({int(period[:4]) for period in months_around(now)})
        wanted = {units[unit.key]["id"]: unit.budget for unit in self.organisation.business_units}
        for year in years:
            there = await self.seen(finance, path, "business_unit_id", set(wanted), fiscal_year=year)
            for unit_id, budget in wanted.items():
                if unit_id not in there:
                    amount = {"amount": budget.amount, "currency": self.organisation.currency}
                    body = {"business_unit_id": unit_id, "fiscal_year": year, "amount": amount, "hard": budget.hard}
                    await self.post(finance, path, body)
                    self.note("budgets")

    async def approval_policies(self) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/demand/v1/approval-policies"
        there = await self.seen(finance, path, "key", {policy.key for policy in self.organisation.approval_policies})
        for policy in self.organisation.approval_policies:
            if policy.key not in there:
                await self.send(finance, "PUT", f"{path}/{policy.key}", policy.model_dump(exclude={"key"}))
                self.note("approval policies")

    async def surveys(self) -> None:
        owner = self.client_for(Role.SERVICE_OWNER)
        path = "/feedback/v1/surveys"
        there = await self.seen(owner, path, "name", {survey["name"] for survey in self.organisation.surveys})
        for survey in self.organisation.surveys:
            if survey["name"] not in there:
                await self.post(owner, path, survey)
                self.note("surveys")


def months_around(now: datetime) -> list[str]:
    """The month before `now`, its own, and the next, as periods ('2026-10')."""
    months = now.year * 12 + now.month - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in (months - 1, months, months + 1)]
