"""Taxonomy nodes, capabilities, what hangs from them, and upserts by external id, over HTTP."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from services.testing import ServiceHarness
from tests.catalog_service.samples import SERVICE, created, done, published_service

pytestmark = pytest.mark.anyio
NODES, CAPABILITIES = "/v1/taxonomy-nodes", "/v1/capabilities"


async def node(client: httpx.AsyncClient, name: str, parent: str | None = None, path: str = NODES) -> str:
    return str((await created(client, path, {"name": name, "parent_id": parent}))["id"])


async def names(client: httpx.AsyncClient, path: str, **params: str) -> list[str]:
    return [item["name"] for item in (await client.get(path, params=params)).raise_for_status().json()["items"]]


@pytest.mark.parametrize("path", [NODES, CAPABILITIES])
async def test_a_tree_is_built_walked_and_changed(owner: httpx.AsyncClient, path: str) -> None:
    it = await node(owner, "IT", path=path)
    servers = await node(owner, "Servers", it, path)
    virtual = await node(owner, "Virtual", servers, path)
    read = await owner.get(f"{path}/{virtual}")
    assert [step["name"] for step in read.json()["path"]] == ["IT", "Servers", "Virtual"]
    assert read.headers["etag"] == '"1"'
    assert await names(owner, path, parent_id=it) == ["Servers"]
    assert await names(owner, path, top="true") == ["IT"]
    assert await names(owner, path, below=servers) == ["Servers", "Virtual"]
    assert await names(owner, path, below=str(uuid4())) == []
    cycle = await owner.post(f"{path}/{it}/move", json={"parent_id": virtual})
    assert (cycle.status_code, cycle.json()["type"]) == (409, "urn:itaas:problem:tree-cycle")
    assert "IT > Servers > Virtual > IT" in cycle.json()["detail"]
    unknown = await owner.post(f"{path}/{it}/move", json={"parent_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/parent_id")
    same = await owner.post(path, json={"name": "Virtual", "parent_id": servers})
    assert (same.status_code, same.json()["type"]) == (409, "urn:itaas:problem:sibling-name-taken")
    top = await node(owner, "Virtual", path=path)
    taken = await owner.post(f"{path}/{virtual}/move", json={"parent_id": None})
    assert (taken.status_code, top in taken.json()["detail"]) == (409, True)
    renamed = await owner.patch(f"{path}/{virtual}", json={"name": "VMs"}, headers={"If-Match": '"1"'})
    assert ([step["name"] for step in renamed.json()["path"]], renamed.headers["etag"]) == (
        ["IT", "Servers", "VMs"],
        '"2"',
    )
    moved = await owner.post(f"{path}/{virtual}/move", json={"parent_id": None}, headers={"If-Match": '"2"'})
    assert ([step["name"] for step in moved.json()["path"]], moved.headers["etag"]) == (["VMs"], '"3"')
    assert (await owner.delete(f"{path}/{it}")).status_code == 428
    used = await owner.delete(f"{path}/{it}", headers={"If-Match": '"1"'})
    assert (used.status_code, used.json()["type"]) == (409, "urn:itaas:problem:node-in-use")
    assert (await owner.delete(f"{path}/{servers}", headers={"If-Match": '"2"'})).status_code == 412
    assert (await owner.delete(f"{path}/{servers}", headers={"If-Match": '"1"'})).status_code == 204
    assert (await owner.get(f"{path}/{servers}")).status_code == 404


async def test_a_thousand_levels_are_walked_and_moved_without_recursion(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    from catalog_service.tables import TaxonomyNode
    from services import context
    from services.ids import uuid7

    ids = [uuid7() for _ in range(1_000)]
    with context.entered(context.WorkContext("t", "c", "r")):
        async with catalog.runtime.database.transaction() as session:
            for level, (one, parent) in enumerate(zip(ids, [None, *ids], strict=False)):
                session.add(TaxonomyNode(id=one, name=f"n{level}", description="", parent_id=parent, version=1))
                await session.flush()
    deep = await owner.get(f"{NODES}/{ids[-1]}")
    assert [step["name"] for step in deep.json()["path"]] == [f"n{level}" for level in range(1_000)]
    page = (await owner.get(NODES, params={"below": str(ids[900]), "limit": "200"})).json()["items"]
    assert (len(page), len(page[0]["path"])) == (100, 901)
    cycle = await owner.post(f"{NODES}/{ids[0]}/move", json={"parent_id": str(ids[-1])})
    assert (cycle.status_code, "989 more" in cycle.json()["detail"]) == (409, True)
    service = await created(owner, "/v1/services", SERVICE | {"taxonomy_node_id": str(ids[-1])})
    found = await owner.get("/v1/services", params={"taxonomy_node_id": str(ids[0])})
    assert [item["id"] for item in found.json()["items"]] == [service["id"]]


async def test_services_hang_from_nodes_and_provide_capabilities(
    owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    it = await node(owner, "IT")
    servers = await node(owner, "Servers", it)
    teach = await node(owner, "Teach", path=CAPABILITIES)
    enrol = await node(owner, "Enrol students", teach, CAPABILITIES)
    body = {
        "taxonomy_node_id": servers,
        "capability_ids": [enrol, enrol],
        "support_contact": {"team": "Server operations", "channel": "#servers"},
    }
    service = await published_service(owner, **body)
    assert [step["name"] for step in service["taxonomy_path"]] == ["IT", "Servers"]
    assert (service["capability_ids"], service["support_contact"]) == ([enrol], body["support_contact"])
    draft = await created(owner, "/v1/services", SERVICE | {"external_ids": [], "capability_ids": [enrol]})
    for filters in ({"taxonomy_node_id": it}, {"taxonomy_node_id": servers}, {"capability_id": teach}):
        ids = [item["id"] for item in (await consumer.get("/v1/services", params=filters)).json()["items"]]
        assert ids == [service["id"]], filters
    assert (await owner.get("/v1/services", params={"taxonomy_node_id": str(uuid4())})).json()["items"] == []
    seen = (await consumer.get(f"{CAPABILITIES}/{enrol}")).json()
    assert ([one["id"] for one in seen["services"]], seen["service_count"]) == ([service["id"]], 1)
    assert (await owner.get(f"{CAPABILITIES}/{enrol}")).json()["service_count"] == 2
    for path in (f"{NODES}/{servers}", f"{CAPABILITIES}/{enrol}"):
        used = await owner.delete(path, headers={"If-Match": '"1"'})
        assert (used.status_code, "service" in used.json()["detail"]) == (409, True)
    address = f"/v1/services/{draft['id']}"
    changed = await owner.patch(address, json={"capability_ids": [teach]}, headers={"If-Match": '"1"'})
    assert (changed.json()["capability_ids"], changed.headers["etag"]) == ([teach], '"2"')
    for change, pointer in (
        ({"taxonomy_node_id": str(uuid4())}, "/taxonomy_node_id"),
        ({"capability_ids": [teach, str(uuid4())]}, "/capability_ids/1"),
        ({"support_contact": {"team": "x"}}, "/support_contact/channel"),
    ):
        for answer in (
            await owner.patch(address, json=change, headers={"If-Match": '"2"'}),
            await owner.post("/v1/services", json=SERVICE | {"external_ids": []} | change),
        ):
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    fixed = await owner.patch(
        f"/v1/services/{service['id']}", json={"unit_of_measure": "core"}, headers={"If-Match": "*"}
    )
    assert fixed.json()["type"] == "urn:itaas:problem:unit-of-measure-fixed"
    assert (await consumer.post(NODES, json={"name": "x"})).status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/services", {"name": "Virtual servers", "unit_of_measure": "server"}),
        (NODES, {"name": "Servers"}),
        (CAPABILITIES, {"name": "Enrol students"}),
    ],
)
async def test_what_others_know_by_an_id_of_theirs_is_brought_about(
    catalog: ServiceHarness, owner: httpx.AsyncClient, path: str, body: dict[str, str]
) -> None:
    url = f"{path}/by-external-id/cmdb/a/b 1"
    early = await owner.put(url, json=body, headers={"If-Match": '"1"'})
    assert (early.status_code, early.json()["type"]) == (412, "urn:itaas:problem:nothing-to-match")
    new = await owner.put(url, json=body | {"external_ids": [{"system": "erp", "id": "7"}]})
    assert new.status_code == 201
    address = f"{path}/{new.json()['id']}"
    assert (new.headers["location"], new.headers["etag"]) == (address, '"1"')
    assert new.json()["external_ids"] == [{"system": "cmdb", "id": "a/b 1"}, {"system": "erp", "id": "7"}]
    same = await owner.put(url, json=body)
    assert (same.status_code, same.headers["etag"], same.json()["id"]) == (200, '"1"', new.json()["id"])
    changed = await owner.put(url, json=body | {"name": "Other"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["name"], changed.headers["etag"]) == (200, "Other", '"2"')
    assert (await owner.put(url, json=body, headers={"If-Match": '"1"'})).status_code == 412
    more = await owner.put(url, json={**body, "name": "Other", "external_ids": [{"system": "hr", "id": "1"}]})
    assert (len(more.json()["external_ids"]), more.headers["etag"]) == (3, '"3"')
    other = await owner.put(
        f"{path}/by-external-id/cmdb/2", json=body | {"name": "Second", "external_ids": [{"system": "hr", "id": "1"}]}
    )
    assert (other.status_code, other.json()["type"]) == (409, "urn:itaas:problem:external-id-taken")
    assert f"is known as hr:1: Other ({new.json()['id']})" in other.json()["detail"]
    assert (await owner.put(f"{path}/by-external-id/c m/2", json=body)).status_code == 422
    assert len((await owner.get(path)).json()["items"]) == 1


async def test_an_upsert_keeps_what_it_does_not_know_and_asks_the_owner(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    url = "/v1/services/by-external-id/sample/virtual-servers"
    admin = catalog.client(["admin"])
    service = await published_service(admin, owner_id="p-1")
    path = f"/v1/services/{service['id']}"
    body = {"name": "Servers", "unit_of_measure": "server"}
    for method, url_, sent in (
        ("PUT", url, body),
        ("PATCH", path, {"name": "x"}),
        ("POST", f"{path}/announce-retirement", {"reason": "x"}),
        ("POST", f"{path}/revisions", {"summary": "x"}),
        ("PATCH", f"{path}/revisions/1", {"summary": "x"}),
        ("POST", f"{path}/revisions/1/publish", None),
    ):
        refused = await owner.request(method, url_, json=sent, headers={"If-Match": "*"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:itaas:problem:not-your-service"), url_
    kept = (await admin.put(url, json=body)).json()
    assert (kept["name"], kept["description"], kept["owner_id"]) == ("Servers", SERVICE["description"], "p-1")
    await admin.post(f"/v1/services/{service['id']}/announce-retirement", json={"reason": "x"})
    assert (await admin.put(url, json=body)).status_code == 200
    closed = await admin.put(url, json=body | {"name": "New"})
    assert closed.json()["type"] == "urn:itaas:problem:service-closed"


async def test_of_many_that_bring_about_the_same_one_does(owner: httpx.AsyncClient) -> None:
    url = "/v1/services/by-external-id/cmdb/1"
    body = {"name": "Virtual servers", "unit_of_measure": "server"}
    answers = await asyncio.gather(*(owner.put(url, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_an_announced_retirement_may_name_its_day(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}"
    for day in ("2020-01-01", "9999-12-31"):
        past = await owner.post(f"{path}/announce-retirement", json={"reason": "x", "planned_for": day})
        assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/planned_for")
    from services.clock import utc_now

    day = utc_now().date().replace(month=12, day=31).isoformat()
    announced = await done(owner, f"{path}/announce-retirement", {"reason": "replaced", "planned_for": day})
    assert (announced["state"], announced["retirement_planned_for"]) == ("pending_retirement", day)
    event = (await catalog.published("itaas.catalog.service.changed.v1"))[-1]
    assert event.data["retirement_planned_for"] == day
