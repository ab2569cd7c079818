"""Loads the sample organisation (deploy/sample/organisation.yaml) through the suite's public API.

Loading converges: what is there already (known by its external id, or by its name where a resource has none)
stays as it is, what is missing is made, and what an interrupted load left half-way is carried on. So it may run
at every start. Each POST has an Idempotency-Key made of what it says, and all of them one Correlation-Id.

    business units ──► their goals
    services ──► evaluated ──► first revision published ──► offerings ──► published ──► price plans
    cost pools, service volumes, budgets, approval policies, surveys

Volumes are set for the months around `now` and budgets for its fiscal years, so that the sample does not age.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.identity.principal import Role
from services.ids import uuid7
from services.sample.organisation import (
    ORGANISATION,
    Organisation,
    SampleNotLoaded,
    SampleOffering,
    SampleService,
    read_organisation,
)

ARRIVAL_SECONDS = 30.0

Json = dict[str, Any]
Report = Callable[[str], None]
ClientFor = Callable[[Role], httpx.AsyncClient]


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
    units, (services, offerings) = await asyncio.gather(load.business_units(), load.catalogue())
    today = now or datetime.now(UTC)
    await asyncio.gather(
        load.price_plans(offerings),
        load.cost_pools(services),
        load.service_volumes(services, today),
        load.budgets(units, today),
        load.approval_policies(),
        load.surveys(),
    )
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


@dataclass
class _Load:
    organisation: Organisation
    client_for: ClientFor
    thread: str = field(default_factory=lambda: str(uuid7()))
    made: dict[str, int] = field(default_factory=dict)
    announced: set[tuple[str, str]] = field(default_factory=set)  # (event type, subject) that have to arrive

    # ---- the parts of the organisation

    async def business_units(self) -> dict[str, Json]:
        admin = self.client_for(Role.ADMIN)
        path = "/demand/v1/business-units"
        wanted = self.organisation.business_units
        units = await self._known(admin, path, {unit.key for unit in wanted})
        for unit in wanted:  # a parent stands before its children
            if unit.key not in units:
                body = {
                    "name": unit.name,
                    "parent_id": None if unit.parent is None else units[unit.parent]["id"],
                    "cost_centre": unit.cost_centre,
                    "headcount": unit.headcount,
                    "external_ids": self._external_ids(unit.key),
                }
                units[unit.key] = await self._post(admin, path, body)
                self.announced.add(("itaas.demand.business-unit.created.v1", units[unit.key]["id"]))
                self._note("business units")
            set_already = {goal["name"] for goal in units[unit.key]["goals"]}
            for goal in unit.goals:
                if goal.name not in set_already:
                    await self._post(admin, f"{path}/{units[unit.key]['id']}/goals", goal.model_dump(mode="json"))
                    self._note("goals")
        return units

    async def catalogue(self) -> tuple[dict[str, Json], dict[str, Json]]:
        owner = self.client_for(Role.SERVICE_OWNER)
        wanted = self.organisation.services
        keys = {offering.key for service in wanted for offering in service.offerings}
        services, offerings = await asyncio.gather(
            self._known(owner, "/catalog/v1/services", {service.key for service in wanted}),
            self._known(owner, "/catalog/v1/offerings", keys),
        )

        async def bring_about(service: SampleService) -> None:
            services[service.key] = await self._service(owner, service, services.get(service.key))
            for offering in service.offerings:
                offerings[offering.key] = await self._offering(
                    owner, services[service.key]["id"], offering, offerings.get(offering.key)
                )

        await asyncio.gather(*(bring_about(service) for service in wanted))
        return services, offerings

    async def _service(self, owner: httpx.AsyncClient, wanted: SampleService, found: Json | None) -> Json:
        service = found
        if service is None:
            body = wanted.model_dump(include={"name", "description", "unit_of_measure"})
            body["external_ids"] = self._external_ids(wanted.key)
            service = await self._post(owner, "/catalog/v1/services", body)
            self._note("services")
        path = f"/catalog/v1/services/{service['id']}"
        if service["state"] == "draft":
            service = await self._post(owner, f"{path}/evaluate", {"reason": "It is part of the sample organisation."})
        if service["state"] == "under_evaluation":
            revisions = await self._all(owner, f"{path}/revisions")
            revision = next((item for item in revisions if item["state"] == "draft"), None)
            if revision is None:
                revision = await self._post(owner, f"{path}/revisions", wanted.revision)
                # One that an earlier load opened is told of in that load's thread.
                self.announced.add(("itaas.catalog.service.revision-published.v1", service["id"]))
            await self._post(owner, f"{path}/revisions/{revision['number']}/publish")
            self._note("revisions")
        return service

    async def _offering(
        self, owner: httpx.AsyncClient, service_id: str, wanted: SampleOffering, found: Json | None
    ) -> Json:
        offering = found
        if offering is None:
            body = wanted.model_dump(exclude={"key", "charges"})
            body |= {"service_id": service_id, "external_ids": self._external_ids(wanted.key)}
            offering = await self._post(owner, "/catalog/v1/offerings", body)
            self._note("offerings")
        if offering["state"] == "draft":
            offering = await self._post(owner, f"/catalog/v1/offerings/{offering['id']}/publish")
            self.announced.add(("itaas.catalog.offering.published.v1", offering["id"]))
        return offering

    async def price_plans(self, offerings: dict[str, Json]) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/price-plans"
        priced = await self._seen(finance, path, "offering_id", {item["id"] for item in offerings.values()})
        for service in self.organisation.services:
            for offering in service.offerings:
                offering_id = offerings[offering.key]["id"]
                if offering_id not in priced:
                    body = {
                        "offering_id": offering_id,
                        "currency": self.organisation.currency,
                        "charges": offering.charges,
                    }
                    await self._post(finance, path, body)
                    self._note("price plans")

    async def cost_pools(self, services: dict[str, Json]) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/cost-pools"
        there = await self._seen(finance, path, "name", {pool.name for pool in self.organisation.cost_pools})
        for position, pool in enumerate(self.organisation.cost_pools):
            if pool.name not in there:
                shares = [{"service_id": services[key]["id"], "weight": weight} for key, weight in pool.shares.items()]
                body = {
                    "name": pool.name,
                    "position": position,
                    "rules": pool.rules,
                    "driver": {"kind": "fixed", "shares": shares},
                }
                await self._post(finance, path, body)
                self._note("cost pools")

    async def service_volumes(self, services: dict[str, Json], now: datetime) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/service-volumes"
        for period in months_around(now):
            wanted = {services[service.key]["id"]: service.volume for service in self.organisation.services}
            there = await self._seen(finance, path, "service_id", set(wanted), period=period)
            for service_id, volume in wanted.items():
                if service_id not in there:
                    await self._post(finance, path, {"service_id": service_id, "period": period, "volume": volume})
                    self._note("service volumes")

    async def budgets(self, units: dict[str, Json], now: datetime) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/pricing/v1/budgets"
        years = sorted({int(period[:4]) for period in months_around(now)})
        wanted = {units[unit.key]["id"]: unit.budget for unit in self.organisation.business_units}
        for year in years:
            there = await self._seen(finance, path, "business_unit_id", set(wanted), fiscal_year=year)
            for unit_id, budget in wanted.items():
                if unit_id not in there:
                    amount = {"amount": budget.amount, "currency": self.organisation.currency}
                    body = {"business_unit_id": unit_id, "fiscal_year": year, "amount": amount, "hard": budget.hard}
                    await self._post(finance, path, body)
                    self._note("budgets")

    async def approval_policies(self) -> None:
        finance = self.client_for(Role.FINANCE)
        path = "/demand/v1/approval-policies"
        there = await self._seen(finance, path, "key", {policy.key for policy in self.organisation.approval_policies})
        for policy in self.organisation.approval_policies:
            if policy.key not in there:
                await self._send(finance, "PUT", f"{path}/{policy.key}", policy.model_dump(exclude={"key"}))
                self._note("approval policies")

    async def surveys(self) -> None:
        owner = self.client_for(Role.SERVICE_OWNER)
        path = "/feedback/v1/surveys"
        there = await self._seen(owner, path, "name", {survey["name"] for survey in self.organisation.surveys})
        for survey in self.organisation.surveys:
            if survey["name"] not in there:
                await self._post(owner, path, survey)
                self._note("surveys")

    async def arrival(self) -> None:
        """Wait until the events of this load have gone through the event log, so that the others know of it too."""
        reader = self.client_for(Role.ADMIN)
        deadline = time.monotonic() + ARRIVAL_SECONDS
        missing = self.announced
        while missing:
            trace = await self._send(reader, "GET", f"/events/v1/trace/{self.thread}")
            missing = missing - {(event["type"], event["subject"]) for event in trace["events"]}
            if missing and time.monotonic() > deadline:
                event_type, subject = min(missing)
                raise SampleNotLoaded(
                    f"{len(missing)} events have not arrived within {ARRIVAL_SECONDS:.0f} s, "
                    f"first of them {event_type} of {subject}: is the event log running?"
                )
            if missing:
                await asyncio.sleep(0.05)

    # ---- how they are found and made

    def _external_ids(self, key: str) -> list[Json]:
        return [{"system": self.organisation.system, "id": key}]

    def _note(self, what: str) -> None:
        self.made[what] = self.made.get(what, 0) + 1

    async def _known(self, client: httpx.AsyncClient, path: str, keys: set[str]) -> dict[str, Json]:
        """What the organisation's keys name at `path`, as far as it is there. The sample comes early in a list."""
        found: dict[str, Json] = {}

        def take(items: Iterable[Json]) -> bool:
            for item in items:
                for external in item["external_ids"]:
                    if external["system"] == self.organisation.system and external["id"] in keys:
                        found[external["id"]] = item
            return len(found) == len(keys)

        await self._page_through(client, path, take)
        return found

    async def _seen(
        self, client: httpx.AsyncClient, path: str, name: str, wanted: set[str], **parameters: str | int
    ) -> set[str]:
        """Which of `wanted` values the field `name` has among the items at `path`."""
        seen: set[str] = set()

        def take(items: Iterable[Json]) -> bool:
            seen.update(item[name] for item in items)
            return wanted <= seen

        await self._page_through(client, path, take, **parameters)
        return seen

    async def _all(self, client: httpx.AsyncClient, path: str) -> list[Json]:
        everything: list[Json] = []

        def take(items: Iterable[Json]) -> bool:
            everything.extend(items)
            return False

        await self._page_through(client, path, take)
        return everything

    async def _page_through(
        self,
        client: httpx.AsyncClient,
        path: str,
        take: Callable[[Iterable[Json]], bool],
        **parameters: str | int,
    ) -> None:
        """Give page after page to `take`, until it has enough or there are no more."""
        parameters["limit"] = 200
        while True:
            page = await self._send(client, "GET", path, parameters=parameters)
            if take(page["items"]) or page["next_cursor"] is None:
                return
            parameters["cursor"] = page["next_cursor"]

    async def _post(self, client: httpx.AsyncClient, path: str, body: Json | None = None) -> Json:
        return await self._send(client, "POST", path, body)

    async def _send(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        parameters: dict[str, str | int] | None = None,
    ) -> Json:
        headers = {"Correlation-Id": self.thread}
        if method == "POST":
            # The same key for the same thing: two that load at once make it once, even where no name is unique.
            said = json.dumps([path, parameters, body], sort_keys=True)
            headers["Idempotency-Key"] = f"sample-{hashlib.sha256(said.encode()).hexdigest()}"
        response = await client.request(method, path, json=body, params=parameters, headers=headers)
        if not response.is_success:
            raise SampleNotLoaded(f"{method} {path} was refused: {_why(response)}")
        document: Json = response.json()
        return document


def months_around(now: datetime) -> list[str]:
    """The month before `now`, its own, and the next, as periods ('2026-10')."""
    months = now.year * 12 + now.month - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in (months - 1, months, months + 1)]


def _why(response: httpx.Response) -> str:
    try:
        problem = response.json()
        faults = "; ".join(f"{fault['pointer']} {fault['message']}" for fault in problem["errors"])
        return f"{response.status_code} {problem['detail']}" + (f" ({faults})" if faults else "")
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.text[:200]}"
