"""Dependencies and impact over HTTP: lists under an ETag, the graph, cycles by name, whom an end would touch."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from catalog_service.tables import Service, ServiceDependency
from services import context
from services.testing import ServiceHarness
from tests.catalog_service.samples import SERVICE, created, done

pytestmark = pytest.mark.anyio


async def make(client: httpx.AsyncClient, *names: str, **more: Any) -> list[str]:
    made = [
        await created(client, "/v1/services", SERVICE | {"name": name, "external_ids": []} | more) for name in names
    ]
    return [each["id"] for each in made]


async def depend(client: httpx.AsyncClient, service: str, *on: str, kind: str = "requires") -> httpx.Response:
    path = f"/v1/services/{service}"
    version = (await client.get(path)).headers["etag"]
    body = {"dependencies": [{"on_id": each, "kind": kind} for each in on]}
    return await client.put(f"{path}/dependencies", json=body, headers={"If-Match": version})


async def test_a_list_of_dependencies_and_the_graph_around_a_service(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    mail, store, net, web = await make(owner, "Mail", "Storage", "Network", "Web")
    path = f"/v1/services/{mail}/dependencies"
    body = {
        "dependencies": [
            {"on_id": store, "kind": "requires", "note": "Mailboxes are there."},
            {"on_id": net, "kind": "uses"},
        ]
    }
    assert (await owner.put(path, json=body)).status_code == 428
    assert (await owner.put(path, json=body, headers={"If-Match": '"9"'})).status_code == 412
    assert (await consumer.put(path, json=body, headers={"If-Match": '"1"'})).status_code == 403
    put = await owner.put(path, json=body, headers={"If-Match": '"1"'})
    assert put.status_code == 200, put.text
    assert put.headers["etag"] == (await owner.get(path)).headers["etag"] == '"2"'
    assert [(node["name"], node["distance"]) for node in put.json()["nodes"]] == [("Network", 1), ("Storage", 1)]
    same = await owner.put(path, json=body, headers={"If-Match": '"2"'})
    assert same.headers["etag"] == '"2"', "nothing has changed"
    assert (await depend(owner, store, net)).status_code == 200
    assert (await depend(owner, web, mail)).status_code == 200
    (told, *_) = await catalog.published("itaas.catalog.service.dependencies-changed.v1")
    assert (told.subject, told.data["name"], told.sequence) == (mail, "Mail", 2)
    assert {each["on_id"] for each in told.data["dependencies"]} == {store, net}

    async def seen(service: str, **query: Any) -> dict[str, int]:
        read = (await owner.get(f"/v1/services/{service}/dependencies", params=query)).json()
        assert read["total"] == len(read["nodes"])
        return {node["name"]: node["distance"] for node in read["nodes"]}

    assert await seen(web) == {"Mail": 1, "Storage": 2, "Network": 2}
    assert await seen(web, depth=1) == {"Mail": 1}
    assert await seen(net, direction="downstream") == {"Mail": 1, "Storage": 1, "Web": 2}
    assert await seen(net, direction="downstream", depth=1) == {"Mail": 1, "Storage": 1}
    graph = (await owner.get(path)).json()
    assert {(link["service_id"], link["on_id"], link["kind"]) for link in graph["links"]} == {
        (mail, store, "requires"),
        (mail, net, "uses"),
        (store, net, "requires"),
    }
    cycle = await depend(owner, net, web)
    assert (cycle.status_code, cycle.json()["type"]) == (409, "urn:itaas:problem:dependency-cycle")
    assert "Network → Web → Mail → Network" in cycle.json()["detail"]
    assert (await depend(owner, mail)).json()["nodes"] == []
    assert (await depend(owner, net, web)).status_code == 200
    assert (await consumer.get(path)).status_code == 403
    assert (await owner.get(f"/v1/services/{uuid4()}/dependencies")).status_code == 404


async def test_wrong_dependencies_are_named_all_at_once(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    one, two, gone = await make(owner, "One", "Two", "Gone")
    await done(owner, f"/v1/services/{gone}/cancel", {"reason": "no demand"})
    refused = await depend(owner, one, one, str(uuid4()), two, two, gone)
    assert refused.status_code == 422
    assert {(fault["pointer"], fault["message"]) for fault in refused.json()["errors"]} == {
        ("/dependencies/0/on_id", "is the service itself"),
        ("/dependencies/1/on_id", "there is no such service"),
        ("/dependencies/3/on_id", "is in /dependencies/2 already"),
        ("/dependencies/4/on_id", "Gone is cancelled"),
    }
    assert (await depend(owner, gone, one)).json()["type"] == "urn:itaas:problem:service-closed"
    (theirs,) = await make(catalog.client(), "Theirs", owner_id="somebody-else")
    assert (await depend(owner, theirs, one)).json()["type"] == "urn:itaas:problem:not-your-service"
    bad = {"dependencies": [{"on_id": one, "kind": "needs"}]}
    answer = await owner.put(f"/v1/services/{two}/dependencies", json=bad, headers={"If-Match": "*"})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/dependencies/0/kind"]


async def test_changes_that_would_only_together_make_a_cycle_do_not_both_succeed(
    anywhere: ServiceHarness,
) -> None:
    client = anywhere.client()
    for _ in range(4):
        ring = await make(client, "A", "B", "C")
        answers = await asyncio.gather(*(depend(client, ring[n], ring[(n + 1) % 3]) for n in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 409]
        (refused,) = (answer for answer in answers if answer.status_code == 409)
        assert refused.json()["type"] == "urn:itaas:problem:dependency-cycle"


async def test_a_chain_of_services_is_read_and_closed_by_no_recursion(anywhere: ServiceHarness) -> None:
    """Long enough for any recursion in Python or depth limit of a database to show."""
    client = anywhere.client()
    (first,) = await make(client, "Chain 0")
    ids = [UUID(first)]
    with context.entered(context.WorkContext("t", "t", "t")):
        async with anywhere.runtime.database.transaction() as session:
            pattern = await session.get_one(Service, ids[0])
            columns = ("description", "unit_of_measure", "state")
            for number in range(1, 2_500):
                ids.append(uuid4())
                values = {name: getattr(pattern, name) for name in columns}
                session.add(Service(**values, id=ids[-1], version=1, name=f"Chain {number}"))
            await session.flush()
            session.add_all(
                ServiceDependency(service_id=a, on_id=b, kind="requires", note="") for a, b in pairwise(ids)
            )
    graph = (await client.get(f"/v1/services/{first}/dependencies")).json()
    assert (graph["total"], len(graph["nodes"]), graph["nodes"][-1]["distance"]) == (2_499, 2_000, 2_000)
    impact = (await client.get(f"/v1/services/{ids[-1]}/impact", params={"limit": 2})).json()
    assert (impact["dependents_total"], impact["dependents_hard"]) == (2_499, 2_499)
    assert [step["name"] for step in impact["dependents"][1]["path"]] == ["Chain 2499", "Chain 2498", "Chain 2497"]
    refused = await depend(client, str(ids[-1]), first)
    assert refused.status_code == 409
    assert refused.json()["detail"].endswith("Chain 2498 → Chain 2499")
