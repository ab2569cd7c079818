"""The readiness gate over HTTP: what a publication is refused for, and where it can be read beforehand."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.testing import ServiceClient, ServiceHarness
from tests.catalog_service.samples import (
    EVERYONE,
    OFFERING,
    REVISION,
    SERVICE,
    SUPPORT,
    costed,
    created,
    done,
    priced,
    publishable_offering,
    published_offering,
    published_service,
)

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
CHECKS = (
    *("service", "owner", "support_contact", "unit_cost", "description", "tier", "commitments", "request_form"),
    *("fulfilment", "audience", "price_plan"),
)
POINTERS = {
    "service": "/service_id",
    "owner": "/service/owner_id",
    "support_contact": "/service/support_contact",
    "unit_cost": "/service/unit_cost",
}


async def complete_but(owner: httpx.AsyncClient, lacking: str) -> Json:
    """A draft that passes every check but one."""
    assert isinstance(owner, ServiceClient)
    known = {"owner_id": owner.person_id, "support_contact": SUPPORT, "external_ids": []}
    without: dict[str, Json] = {"owner": {"owner_id": None}, "support_contact": {"support_contact": None}}
    if lacking == "service":
        service = await created(owner, "/v1/services", SERVICE | known)
        await done(owner, f"/v1/services/{service['id']}/evaluate", {"reason": "designed"})
    else:
        service = await published_service(owner, **known | without.get(lacking, {}))
    empty: Json = {"description": " ", "tier": None, "commitments": [], "request_form": None, "fulfilment": []}
    empty["audience"] = None
    body = OFFERING | {"audience": EVERYONE, "service_id": service["id"], "external_ids": []}
    body |= {name: value for name, value in empty.items() if name == lacking}
    offering = await created(owner, "/v1/offerings", body)
    if lacking != "unit_cost":
        await costed(owner, service["id"], wait=False)
    if lacking != "price_plan":
        await priced(owner, offering["id"], wait=False)
    await owner.service.consumed("itaas.pricing")
    return offering


async def test_a_publication_is_refused_for_each_single_thing_that_is_missing(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    for check in CHECKS:
        offering = await complete_but(owner, check)
        pointer = POINTERS.get(check, f"/{check}")
        refused = await owner.post(f"/v1/offerings/{offering['id']}/publish")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:offering-not-ready"), check
        (fault,) = refused.json()["errors"]
        assert fault["pointer"] == pointer
        found = (await owner.get(f"/v1/offerings/{offering['id']}/readiness")).json()
        assert (found["ready"], found["missing"]) == (False, [{"check": check, **fault}])
    assert not [event for event in await catalog.published() if "offering" in event.type]


async def test_an_empty_draft_is_told_the_whole_list(owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    draft = await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "Nothing yet"})
    refused = (await owner.post(f"/v1/offerings/{draft['id']}/publish")).json()
    assert [fault["pointer"] for fault in refused["errors"]] == [POINTERS.get(check, f"/{check}") for check in CHECKS]
    assert refused["detail"] == "the offering is not ready: 11 missing"
    found = (await owner.get(f"/v1/services/{service['id']}/readiness")).json()
    assert [(gap["check"], gap["pointer"].startswith("/offerings/0/")) for gap in found["missing"]] == [
        (check, place >= 4) for place, check in enumerate(CHECKS)
    ]
    assert {fault["message"] for fault in refused["errors"]} == {gap["message"] for gap in found["missing"]}
    assert found["ready"] is False
    assert (await owner.get(f"/v1/offerings/{draft['id']}")).json()["state"] == "draft"


async def test_a_service_becomes_ready_step_by_step(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/readiness"
    bare = (await owner.get(path)).json()
    assert [gap["check"] for gap in bare["missing"]] == ["unit_cost"]
    assert [warning["pointer"] for warning in bare["warnings"]] == ["/offerings"]
    assert service["id"] in bare["missing"][0]["message"]

    live = await published_offering(owner, service["id"])
    # Whatever is published is no longer in question; another draft is, until it has all it needs.
    ready = (await owner.get(path)).json()
    assert (ready["ready"], ready["missing"], ready["offerings"]) == (True, [], [])
    assert ready["warnings"] == []
    draft = await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "Bigger"})
    found = (await owner.get(path)).json()
    assert [each["offering_id"] for each in found["offerings"]] == [draft["id"]]
    assert len(found["missing"]) == len(found["offerings"][0]["missing"]) == 7
    await priced(owner, draft["id"], effective_from="2099-01-01T00:00:00Z")
    (only,) = (await owner.get(path)).json()["offerings"]
    assert "price_plan" not in [gap["check"] for gap in only["missing"]]
    assert [warning["check"] for warning in only["warnings"]] == ["price_plan"]
    await priced(owner, live["id"], plan_version=2)
    assert (await owner.get(f"/v1/offerings/{live['id']}/readiness")).json()["ready"] is True
    await costed(owner, service["id"], starts_at="2020-10-01T00:00:00Z", planned_rate="22.51")
    (warning,) = (await owner.get(f"/v1/offerings/{live['id']}/readiness")).json()["warnings"]
    assert "270 USD a year against 22.51 a month" in warning["message"]


async def test_an_actual_unit_cost_will_do_and_both_are_shown(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    offering = await complete_but(owner, "unit_cost")
    service_id = offering["service_id"]
    cost = {
        "service_id": service_id,
        "period": "2026-10",
        "unit_cost": "21.5",
        "unit_of_measure": "server",
        "currency": "USD",
        "allocation_run_id": str(uuid4()),
    }
    await catalog.deliver("itaas.pricing.unit-cost.published.v1", subject=UUID(service_id), data=cost)
    await done(owner, f"/v1/offerings/{offering['id']}/publish")
    await costed(owner, service_id)
    seen = (await owner.get(f"/v1/services/{service_id}")).json()
    assert (seen["unit_cost"]["unit_cost"], seen["planned_unit_cost"]) == (
        "21.5",
        {
            "period": "2020-11",
            "fiscal_year": None,
            "planned_rate": "20",
            "unit_of_measure": "server",
            "currency": "USD",
        },
    )
    assert (await consumer.get(f"/v1/services/{service_id}")).json()["planned_unit_cost"] is None


async def test_who_may_read_it(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    draft = await publishable_offering(owner)
    for path in (f"/v1/services/{draft['service_id']}/readiness", f"/v1/offerings/{draft['id']}/readiness"):
        for role, status in (("finance", 200), ("admin", 200), ("consumer", 403), ("approver", 403)):
            assert (await catalog.client([role]).get(path)).status_code == status, (path, role)
    for path in (f"/v1/services/{uuid4()}/readiness", f"/v1/offerings/{uuid4()}/readiness"):
        assert (await owner.get(path)).status_code == 404


async def test_a_service_cannot_leave_while_its_offering_is_being_published(anywhere: ServiceHarness) -> None:
    """Whoever retires a service as it stood, and whoever publishes an offering of it: one of them wins."""
    owner = anywhere.client(["service_owner"])
    service = await published_service(owner)
    for turn in range(6):
        draft = await publishable_offering(owner, service["id"], external_ids=[])
        tag = (await owner.get(f"/v1/services/{service['id']}")).headers["etag"]
        publish = owner.post(f"/v1/offerings/{draft['id']}/publish")
        leave = owner.post(
            f"/v1/services/{service['id']}/announce-retirement", json={"reason": "old"}, headers={"If-Match": tag}
        )
        first, second = await asyncio.gather(*((publish, leave) if turn % 2 else (leave, publish)))
        published, left = (first, second) if turn % 2 else (second, first)
        statuses = published.status_code, left.status_code
        assert statuses in {(200, 409), (200, 412), (409, 200)}, (statuses, published.text, left.text)
        is_out = (await owner.get(f"/v1/offerings/{draft['id']}")).json()["state"] == "published"
        is_leaving = (await owner.get(f"/v1/services/{service['id']}")).json()["state"] == "pending_retirement"
        assert (is_out, is_leaving) == (published.status_code == 200, left.status_code == 200)
        if is_leaving:
            refused = await owner.post(f"/v1/offerings/{draft['id']}/publish")
            assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/service_id"]
            service = await published_service(owner, external_ids=[])


async def test_a_published_revision_is_all_that_a_service_needs_to_be_live(owner: httpx.AsyncClient) -> None:
    offering = await complete_but(owner, "service")
    revisions = f"/v1/services/{offering['service_id']}/revisions"
    await created(owner, revisions, REVISION)
    await done(owner, f"{revisions}/1/publish")
    assert (await done(owner, f"/v1/offerings/{offering['id']}/publish"))["state"] == "published"
