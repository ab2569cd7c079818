"""The sample's catalogue: its portfolio, and offerings that are published once the readiness gate lets them through."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from services.identity.principal import Role
from services.sample.loading import ARRIVAL_SECONDS, Json, Loading
from services.sample.organisation import SampleNode, SampleNotLoaded, SampleOffering, SampleService

# What pricing tells the catalogue of; the rest of the gate is in the file.
_ARRIVING = frozenset({"price_plan", "unit_cost"})


async def services(load: Loading) -> dict[str, Json]:
    """Live, with their place in the portfolio; what an earlier load left without one gets it."""
    owner = load.client_for(Role.SERVICE_OWNER)
    wanted = load.organisation.services
    nodes, capabilities, found = await asyncio.gather(
        _tree(load, "/catalog/v1/taxonomy-nodes", load.organisation.taxonomy, "taxonomy nodes"),
        _tree(load, "/catalog/v1/capabilities", load.organisation.capabilities, "capabilities"),
        load.known(owner, "/catalog/v1/services", {service.key for service in wanted}),
    )

    async def bring_about(service: SampleService) -> None:
        parts = {
            "owner_id": load.person_id(Role.SERVICE_OWNER),
            "support_contact": service.support_contact,
            "taxonomy_node_id": nodes[service.taxonomy]["id"],
            "capability_ids": sorted(capabilities[key]["id"] for key in service.capabilities),
        }
        found[service.key] = await _service(load, owner, service, parts, found.get(service.key))

    await asyncio.gather(*(bring_about(service) for service in wanted))
    return found


async def _tree(load: Loading, path: str, wanted: Sequence[SampleNode], what: str) -> dict[str, Json]:
    admin = load.client_for(Role.ADMIN)
    found = await load.known(admin, path, {node.key for node in wanted})
    for node in wanted:  # a parent stands before its children
        if node.key not in found:
            body = {
                "name": node.name,
                "description": node.description,
                "parent_id": None if node.parent is None else found[node.parent]["id"],
                "external_ids": load.external_ids(node.key),
            }
            found[node.key] = await load.post(admin, path, body)
            load.note(what)
    return found


async def _service(
    load: Loading, owner: httpx.AsyncClient, wanted: SampleService, parts: Json, found: Json | None
) -> Json:
    service = found
    if service is None:
        body = wanted.model_dump(include={"name", "description", "unit_of_measure"}) | parts
        body["external_ids"] = load.external_ids(wanted.key)
        service = await load.post(owner, "/catalog/v1/services", body)
        load.note("services")
    path = f"/catalog/v1/services/{service['id']}"
    if (gaps := {name: part for name, part in parts.items() if not service[name]}) and service["state"] in _OPEN:
        service = await load.send(owner, "PATCH", path, gaps)
        load.note("services completed")
    if service["state"] == "draft":
        service = await load.post(owner, f"{path}/evaluate", {"reason": "It is part of the sample organisation."})
    if service["state"] == "under_evaluation":
        revisions = await load.everything(owner, f"{path}/revisions")
        revision = next((item for item in revisions if item["state"] == "draft"), None)
        if revision is None:
            revision = await load.post(owner, f"{path}/revisions", wanted.revision)
            # One that an earlier load opened is told of in that load's thread.
            load.announced.add(("itaas.catalog.service.revision-published.v1", service["id"]))
        await load.post(owner, f"{path}/revisions/{revision['number']}/publish")
        load.note("revisions")
    return service


_OPEN = ("draft", "under_evaluation", "published")


async def offerings(load: Loading, services: dict[str, Json], units: dict[str, Json]) -> dict[str, Json]:
    """At least as drafts."""
    owner = load.client_for(Role.SERVICE_OWNER)
    wanted = [(service, offering) for service in load.organisation.services for offering in service.offerings]
    found = await load.known(owner, "/catalog/v1/offerings", {offering.key for _, offering in wanted})

    async def bring_about(service: SampleService, offering: SampleOffering) -> None:
        there = found.get(offering.key)
        audience: Json = {"everyone": True}
        if offering.audience.business_units or offering.audience.roles:
            named = [units[key]["id"] for key in offering.audience.business_units]
            audience = {"business_unit_ids": named, "roles": offering.audience.roles}
        if there is None:
            body = offering.model_dump(exclude={"key", "charges", "audience"}) | {"audience": audience}
            body |= {"service_id": services[service.key]["id"], "external_ids": load.external_ids(offering.key)}
            there = await load.post(owner, "/catalog/v1/offerings", body)
            load.note("offerings")
        elif there["state"] == "draft" and there["audience"] is None:
            there = await load.send(owner, "PATCH", f"/catalog/v1/offerings/{there['id']}", {"audience": audience})
        found[offering.key] = there

    await asyncio.gather(*(bring_about(service, offering) for service, offering in wanted))
    return found


async def publish(load: Loading, services: dict[str, Json], offerings: dict[str, Json]) -> None:
    """Publish what is a draft, as soon as the catalogue has heard of its price and of its service's unit cost."""
    owner = load.client_for(Role.SERVICE_OWNER)

    async def of_service(service: SampleService) -> None:
        drafts = [offerings[each.key] for each in service.offerings if offerings[each.key]["state"] == "draft"]
        if not drafts:
            return
        await _ready(load, owner, service.key, services[service.key]["id"], {draft["id"] for draft in drafts})
        for draft in drafts:
            await load.post(owner, f"/catalog/v1/offerings/{draft['id']}/publish")
            load.announced.add(("itaas.catalog.offering.published.v1", draft["id"]))

    await asyncio.gather(*(of_service(service) for service in load.organisation.services))


async def _ready(load: Loading, owner: httpx.AsyncClient, key: str, service_id: str, drafts: set[str]) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        found = await load.send(owner, "GET", f"/catalog/v1/services/{service_id}/readiness")
        gaps = [gap for gap in found["missing"] if not gap["pointer"].startswith("/offerings/")]
        gaps += [gap for each in found["offerings"] if each["offering_id"] in drafts for gap in each["missing"]]
        if not gaps:
            return
        if time.monotonic() > deadline or any(gap["check"] not in _ARRIVING for gap in gaps):
            lacking = "; ".join(sorted({gap["message"] for gap in gaps}))
            raise SampleNotLoaded(f"offerings of {key} cannot be published, they lack {lacking}")
        await asyncio.sleep(0.05)
