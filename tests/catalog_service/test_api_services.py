"""Services and revisions over HTTP, with the events that they leave."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from services.testing import ServiceHarness
from tests.catalog_service.samples import REVISION, SERVICE, created, done, published_offering, published_service

pytestmark = pytest.mark.anyio


async def test_a_service_is_created_found_and_announced(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    response = await owner.post("/v1/services", json=SERVICE)
    assert response.status_code == 201
    service = response.json()
    assert (service["state"], service["owner_id"], service["active_revision"]) == ("draft", None, None)
    assert response.headers["location"] == f"/v1/services/{service['id']}"
    assert response.headers["etag"] == '"1"'
    found = await owner.get("/v1/services", params={"external_id": "sample:virtual-servers"})
    assert [item["id"] for item in found.json()["items"]] == [service["id"]]
    assert (await owner.get("/v1/services", params={"external_id": "sample:other"})).json()["items"] == []
    (event,) = await catalog.published()
    assert (event.type, event.subject, event.sequence) == ("itaas.catalog.service.created.v1", service["id"], 1)
    assert event.data == {
        "id": service["id"],
        "state": "draft",
        "owner_id": None,
        "features": [],
        "support_contact": None,
        "taxonomy_node_id": None,
        "capability_ids": [],
        "active_revision": None,
        "retirement_planned_for": None,
        **{name: SERVICE[name] for name in ("name", "description", "unit_of_measure", "external_ids")},
    }


async def test_an_external_id_names_one_service(owner: httpx.AsyncClient) -> None:
    await created(owner, "/v1/services", SERVICE)
    again = await owner.post("/v1/services", json=SERVICE)
    assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:external-id-taken")
    assert again.json()["errors"][0]["pointer"] == "/external_ids"
    twice = SERVICE | {"external_ids": [{"system": "erp", "id": "1"}] * 2}
    assert (await owner.post("/v1/services", json=twice)).status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "   "}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"description": "\0"}, "/description"),
        ({"unit_of_measure": 3}, "/unit_of_measure"),
        ({"owner_id": "Jane Doe"}, "/owner_id"),
        ({"colour": "red"}, "/colour"),
        ({"external_ids": [{"system": "a b", "id": "1"}]}, "/external_ids/0/system"),
    ],
)
async def test_a_bad_service_names_its_field(owner: httpx.AsyncClient, change: dict[str, object], pointer: str) -> None:
    response = await owner.post("/v1/services", json=SERVICE | change)
    assert response.status_code == 422
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


async def test_a_service_is_described_anew_with_if_match(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    path = f"/v1/services/{service['id']}"
    assert (await owner.patch(path, json={"name": "Servers"})).status_code == 428
    changed = await owner.patch(path, json={"name": "Servers", "owner_id": "p-1"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"3"')
    assert (changed.json()["name"], changed.json()["description"]) == ("Servers", SERVICE["description"])
    stale = await owner.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    admin = catalog.client(["admin"])
    same = await admin.patch(path, json={"name": "Servers"}, headers={"If-Match": '"3"'})
    assert same.headers["etag"] == '"3"'
    null = await admin.patch(path, json={"name": None}, headers={"If-Match": '"3"'})
    assert (null.status_code, null.json()["errors"][0]["pointer"]) == (422, "/name")
    refused = await owner.patch(path, json={"owner_id": None}, headers={"If-Match": '"3"'})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:itaas:problem:not-your-service")
    cleared = await admin.patch(path, json={"owner_id": None}, headers={"If-Match": '"3"'})
    assert cleared.json()["owner_id"] is None
    told = [(event.type.split(".")[3], event.sequence, event.data["owner_id"]) for event in await catalog.published()]
    assert told == [
        ("created", 1, None),
        ("changed", 2, "p-1"),
        ("owner-changed", 3, "p-1"),
        ("owner-changed", 4, None),
    ]


async def test_the_portfolio_is_walked_with_reasons(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    assert (service["state"], service["active_revision"]) == ("published", 1)
    path = f"/v1/services/{service['id']}"
    assert (await owner.post(f"{path}/retire", json={"reason": "no"})).status_code == 409
    offering = await published_offering(owner, service["id"])
    await done(owner, f"{path}/announce-retirement", {"reason": "replaced by the cloud"})
    refused = await owner.post(f"{path}/retire", json={"reason": "x"})
    assert refused.json()["type"] == "urn:itaas:problem:service-still-offered"
    assert (await owner.post(f"{path}/revisions", json=REVISION)).json()["type"].endswith(":service-closed")
    await done(owner, f"/v1/offerings/{offering['id']}/retire")
    retired = await done(owner, f"{path}/retire", {"reason": "the last one is gone"})
    assert retired["state"] == "retired"
    page = (await owner.get(f"{path}/transitions")).json()
    assert [(item["from_state"], item["to_state"], item["reason"]) for item in page["items"]] == [
        (None, "draft", "created"),
        ("draft", "under_evaluation", "designed"),
        ("under_evaluation", "published", "revision 1 went live"),
        ("published", "pending_retirement", "replaced by the cloud"),
        ("pending_retirement", "retired", "the last one is gone"),
    ]
    assert all(item["actor_id"] for item in page["items"])
    states = [event.data["state"] for event in await catalog.published("itaas.catalog.service.changed.v1")]
    assert states == ["under_evaluation", "published", "pending_retirement", "retired"]


async def test_an_impossible_transition_names_the_ways_out(owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    path = f"/v1/services/{service['id']}"
    refused = await owner.post(f"{path}/announce-retirement", json={"reason": "x"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == (
        "a service that is draft cannot become pending_retirement; what can follow is cancelled, under_evaluation"
    )
    assert (await owner.post(f"{path}/cancel", json={})).status_code == 422
    await done(owner, f"{path}/cancel", {"reason": "nobody wants it"})
    assert (await owner.post(f"{path}/evaluate", json={"reason": "x"})).status_code == 409
    stale = await owner.post(f"{path}/evaluate", json={"reason": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_revisions_open_one_at_a_time_and_replace_each_other(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    improvement, demand = str(uuid4()), str(uuid4())
    body = {"summary": "Ready within a day", "improvement_ids": [improvement], "demand_ids": [demand]}
    thread = str(uuid4())
    response = await owner.post(path, json=body, headers={"Correlation-Id": thread})
    assert (response.status_code, response.headers["location"]) == (201, f"{path}/2")
    assert (response.json()["number"], response.json()["state"]) == (2, "draft")
    second = await owner.post(path, json=body)
    assert second.json()["type"] == "urn:itaas:problem:draft-revision-exists"
    assert "revision 2 is still draft" in second.json()["detail"]
    changed = await owner.patch(f"{path}/2", json={"changes": ["Images in advance"]}, headers={"If-Match": '"1"'})
    assert (changed.json()["changes"], changed.json()["summary"]) == (["Images in advance"], "Ready within a day")
    published = await owner.post(f"{path}/2/publish", headers={"Correlation-Id": thread})
    assert published.json()["state"] == "active"
    again = await owner.post(f"{path}/2/publish")
    assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:revision-transition-refused")
    frozen = await owner.patch(f"{path}/2", json={"summary": "x"}, headers={"If-Match": published.headers["etag"]})
    assert frozen.json()["type"] == "urn:itaas:problem:revision-immutable"
    listed = (await owner.get(path)).json()["items"]
    assert [(item["number"], item["state"]) for item in listed] == [(1, "archived"), (2, "active")]
    event = (await catalog.published("itaas.catalog.service.revision-published.v1"))[-1]
    assert (event.subject, event.correlation_id) == (service["id"], thread)
    assert event.data["revision"]["improvement_ids"] == [improvement]
    assert (event.data["revision"]["number"], event.data["revision"]["demand_ids"]) == (2, [demand])
    sequences = [item.sequence for item in await catalog.published() if item.subject == service["id"]]
    assert sequences == sorted(set(sequences))


async def test_two_people_who_open_a_revision_at_once_do_not_both_succeed(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    answers = await asyncio.gather(*(owner.post(path, json=REVISION) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert [item["number"] for item in (await owner.get(path)).json()["items"]] == [1, 2]


async def test_a_draft_service_has_no_live_revision_before_it_is_evaluated(owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    path = f"/v1/services/{service['id']}/revisions"
    await created(owner, path, REVISION)
    refused = await owner.post(f"{path}/1/publish")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:service-transition-refused")
    assert (await owner.get(f"{path}/1")).json()["state"] == "draft"


async def test_what_is_not_there_is_404(owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    for path in (
        f"/v1/services/{uuid4()}",
        f"/v1/services/{uuid4()}/revisions",
        f"/v1/services/{service['id']}/revisions/1",
    ):
        assert (await owner.get(path)).status_code == 404
    assert (await owner.get(f"/v1/services/{service['id']}/revisions/0")).status_code == 422
    assert (await owner.get("/v1/services/not-a-uuid")).status_code == 422
    for external_id in ("sample", "sample:", ":x", "sample:\0"):
        assert (await owner.get("/v1/services", params={"external_id": external_id})).status_code == 422


async def test_roles_consumers_read_what_is_live_and_change_nothing(
    owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    draft = await created(owner, "/v1/services", SERVICE | {"external_ids": []})
    service = await published_service(owner)
    assert (await consumer.post("/v1/services", json=SERVICE)).status_code == 403
    assert [item["id"] for item in (await consumer.get("/v1/services")).json()["items"]] == [service["id"]]
    assert (await consumer.get(f"/v1/services/{draft['id']}")).status_code == 404
    await created(owner, f"/v1/services/{service['id']}/revisions", REVISION)
    revisions = (await consumer.get(f"/v1/services/{service['id']}/revisions")).json()["items"]
    assert [item["number"] for item in revisions] == [1]
    assert (await consumer.get(f"/v1/services/{service['id']}/revisions/2")).status_code == 404
    assert len((await owner.get("/v1/services", params={"state": "draft"})).json()["items"]) == 1


async def test_pages_follow_each_other(owner: httpx.AsyncClient) -> None:
    ids = [(await created(owner, "/v1/services", SERVICE | {"external_ids": []}))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = (await owner.get("/v1/services", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids
