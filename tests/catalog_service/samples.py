"""Valid bodies of the catalogue, for tests that change one thing in them."""

from typing import Any

import httpx

SERVICE: dict[str, Any] = {
    "name": "Virtual servers",
    "description": "Servers on our own cluster.",
    "unit_of_measure": "server",
    "external_ids": [{"system": "sample", "id": "virtual-servers"}],
}
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
    """A service with an active revision, under evaluation before that."""
    service = await created(client, "/v1/services", SERVICE | changes)
    await done(client, f"/v1/services/{service['id']}/evaluate", {"reason": "designed"})
    await created(client, f"/v1/services/{service['id']}/revisions", REVISION)
    await done(client, f"/v1/services/{service['id']}/revisions/1/publish")
    read: dict[str, Any] = (await client.get(f"/v1/services/{service['id']}")).json()
    return read


async def published_offering(client: httpx.AsyncClient, service_id: str, **changes: Any) -> dict[str, Any]:
    offering = await created(client, "/v1/offerings", OFFERING | {"service_id": service_id} | changes)
    return await done(client, f"/v1/offerings/{offering['id']}/publish")
