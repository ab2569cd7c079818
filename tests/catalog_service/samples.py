"""Valid bodies of the catalogue, for tests that change one thing in them."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from catalog_service.schemas import ServiceCreate
from services.testing import ServiceClient

SERVICE: dict[str, Any] = {
    "name": "Virtual servers",
    "description": "Servers on our own cluster.",
    "unit_of_measure": "server",
    "external_ids": [{"system": "sample", "id": "virtual-servers"}],
}
SUPPORT: dict[str, Any] = {"team": "Server operations", "channel": "#servers"}
EVERYONE: dict[str, Any] = {"everyone": True, "business_unit_ids": [], "roles": []}
REVISION: dict[str, Any] = {"summary": "First published version", "changes": ["Four tiers"]}
FORM: dict[str, Any] = {
    "type": "object",
    "required": ["purpose"],
    "additionalProperties": False,
    "properties": {"purpose": {"type": "string", "minLength": 3}},
}
OFFERING: dict[str, Any] = {
    "name": "Virtual server, tier 1",
    "description": "A small server.",
    "tier": {"name": "Tier 1", "rank": 1, "attributes": {"vcpu": 1, "ram_gb": 1, "burst": False, "disk": "sas"}},
    "commitments": [
        {"kind": "availability", "target": "99.50", "unit": "percent"},
        {"kind": "lead_time", "target": "3", "unit": "days"},
    ],
    "request_form": FORM,
    "fulfilment": [
        {"key": "build", "name": "Build it", "depends_on": [], "role": "operations"},
        {"key": "hand-over", "name": "Hand it over", "depends_on": ["build"], "role": "service-desk"},
    ],
    "external_ids": [{"system": "sample", "id": "virtual-server-1"}],
}

# The map that OFFERING gives, as it is answered.
TIER_READ: dict[str, Any] = {
    "name": "Tier 1",
    "rank": 1,
    "attributes": [
        {"key": key, "name": key, "value": value, "unit": None, "better": None}
        for key, value in {"vcpu": "1", "ram_gb": "1", "burst": False, "disk": "sas"}.items()
    ],
}


async def created(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    read: dict[str, Any] = response.json()
    return read


async def done(client: httpx.AsyncClient, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    read: dict[str, Any] = response.json()
    return read


async def published_service(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A service with an active revision, owned by the client's person and with a support contact."""
    assert isinstance(client, ServiceClient)
    known: dict[str, Any] = {"owner_id": client.person_id}
    if "support_contact" in ServiceCreate.model_fields:
        known["support_contact"] = SUPPORT
    service = await created(client, "/v1/services", SERVICE | known | changes)
    await done(client, f"/v1/services/{service['id']}/evaluate", {"reason": "designed"})
    await created(client, f"/v1/services/{service['id']}/revisions", REVISION)
    await done(client, f"/v1/services/{service['id']}/revisions/1/publish")
    read: dict[str, Any] = (await client.get(f"/v1/services/{service['id']}")).json()
    return read


async def publishable_offering(
    client: httpx.AsyncClient, service_id: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A draft that the readiness gate lets through, if `changes` take nothing from it: publish it with

        await done(client, f"/v1/offerings/{offering['id']}/publish")

    Of a service made by `published_service`, or of a new one. Its price plan and its service's planned unit cost are
    delivered as pricing's events; `priced` and `costed` do the same for what was made in another way.
    """
    if service_id is None:
        service_id = (await published_service(client))["id"]
    body = {"audience": EVERYONE} | OFFERING | {"service_id": service_id} | changes
    offering = await created(client, "/v1/offerings", body)
    await costed(client, service_id, wait=False)
    await priced(client, offering["id"])
    return offering


async def published_offering(client: httpx.AsyncClient, service_id: str, **changes: Any) -> dict[str, Any]:
    offering = await publishable_offering(client, service_id, **changes)
    return await done(client, f"/v1/offerings/{offering['id']}/publish")


async def priced(client: httpx.AsyncClient, offering_id: str, *, wait: bool = True, **changes: Any) -> dict[str, Any]:
    """Deliver a price plan version for the offering, in force since the first of November 2020 unless `changes` say."""
    assert isinstance(client, ServiceClient)
    charge = {"key": "server", "name": "Server", "recurring": "year", "model": "per_unit", "unit_price": "270"}
    told: dict[str, Any] = {
        "offering_id": offering_id,
        "price_plan_id": str(uuid4()),
        "plan_version": 1,
        "currency": "USD",
        "effective_from": "2020-11-01T00:00:00Z",
        "charges": [charge],
        "audience": [],
    } | changes
    event, subject = "itaas.pricing.price.changed.v1", UUID(offering_id)
    await client.service.deliver(event, subject=subject, data=told, sequence=told["plan_version"], wait=wait)
    return told


async def costed(client: httpx.AsyncClient, service_id: str, *, wait: bool = True, **changes: Any) -> dict[str, Any]:
    """Deliver a planned unit cost of the service for a period without end in sight."""
    assert isinstance(client, ServiceClient)
    told: dict[str, Any] = {
        "service_id": service_id,
        "period": "2020-11",
        "starts_at": "2020-11-01T00:00:00Z",
        "ends_at": "2099-12-01T00:00:00Z",
        "fiscal_year": None,
        "planned_rate": "20",
        "unit_of_measure": "server",
        "currency": "USD",
    } | changes
    await client.service.deliver("itaas.pricing.unit-cost.planned.v1", subject=uuid4(), data=told, wait=wait)
    return told
