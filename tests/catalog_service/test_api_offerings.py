"""Offerings over HTTP: drafts with gaps, the publish gate, search, and what is refused."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.testing import ServiceHarness
from tests.catalog_service.samples import (
    EVERYONE,
    FORM,
    OFFERING,
    TIER_READ,
    costed,
    created,
    done,
    priced,
    publishable_offering,
    published_offering,
    published_service,
)

pytestmark = pytest.mark.anyio


async def test_an_offering_is_drafted_published_and_retired(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    draft = await publishable_offering(owner, service["id"])
    assert (draft["state"], draft["unit_of_measure"], draft["service_name"]) == ("draft", "server", "Virtual servers")
    assert draft["commitments"] == OFFERING["commitments"]
    assert draft["tier"] == TIER_READ
    published = await done(owner, f"/v1/offerings/{draft['id']}/publish")
    assert published["state"] == "published"
    again = await owner.post(f"/v1/offerings/{draft['id']}/publish")
    assert (again.status_code, again.json()["type"]) == (409, "urn:itaas:problem:offering-transition-refused")
    retired = await owner.post(f"/v1/offerings/{draft['id']}/retire", headers={"Correlation-Id": "thread-2"})
    assert retired.json()["state"] == "retired"
    first, second = [event for event in await catalog.published() if event.subject == draft["id"]]
    assert (first.type, second.type) == ("itaas.catalog.offering.published.v1", "itaas.catalog.offering.retired.v1")
    assert first.data == {
        **OFFERING,
        "tier": TIER_READ,
        "taxonomy_node_id": None,
        "audience": EVERYONE,
        "valid_from": None,
        "valid_until": None,
        "series_id": draft["id"],
        "number": 1,
        "options": [],
        "bundle": [],
        "relations": [],
        "capability_ids": [],
        "id": draft["id"],
        "service_id": service["id"],
        "service_name": "Virtual servers",
        "unit_of_measure": "server",
        "state": "published",
    }
    assert (second.data["state"], second.sequence) == ("retired", first.sequence + 1)
    assert second.correlation_id == "thread-2"


async def test_a_draft_is_changed_until_it_is_published(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    draft = await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "Small"})
    path = f"/v1/offerings/{draft['id']}"
    assert (await owner.patch(path, json={"name": "x"})).status_code == 428
    whole = {name: value for name, value in OFFERING.items() if name != "external_ids"} | {"audience": EVERYONE}
    changed = await owner.patch(path, json=whole, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    back = await owner.patch(path, json={"tier": None}, headers={"If-Match": '"2"'})
    assert (back.json()["tier"], back.json()["name"]) == (None, OFFERING["name"])
    await owner.patch(path, json={"tier": OFFERING["tier"]}, headers={"If-Match": '"3"'})
    bad = await owner.patch(path, json={"commitments": None}, headers={"If-Match": '"4"'})
    assert bad.status_code == 422
    await priced(owner, draft["id"])
    await costed(owner, service["id"])
    await done(owner, f"{path}/publish")
    frozen = await owner.patch(path, json={"name": "x"}, headers={"If-Match": '"5"'})
    assert (frozen.status_code, frozen.json()["type"]) == (409, "urn:itaas:problem:offering-immutable")


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"request_form": {"type": "array"}}, ["/request_form/type"]),
        (
            {"request_form": {**FORM, "properties": {"a": {"$ref": "https://example.org/x"}}}},
            ["/request_form/properties/a/$ref"],
        ),
        ({"request_form": {**FORM, "properties": {"a": {"pattern": "(?=x)"}}}}, ["/request_form/properties/a/pattern"]),
        ({"request_form": "no"}, ["/request_form"]),
        ({"commitments": [{"kind": "availability", "target": "101", "unit": "percent"}]}, ["/commitments/0/target"]),
        ({"commitments": [{"kind": "availability", "target": 99.5, "unit": "percent"}]}, ["/commitments/0/target"]),
        ({"commitments": [{"kind": "beauty", "target": "1", "unit": "percent"}]}, ["/commitments/0/kind"]),
        (
            {"fulfilment": [{"key": "a", "name": "A", "depends_on": ["b"], "role": "r"}]},
            ["/fulfilment/0/depends_on/0"],
        ),
        ({"fulfilment": [{"key": "A b", "name": "A", "depends_on": [], "role": "r"}]}, ["/fulfilment/0/key"]),
        ({"tier": {"name": "T", "rank": 0}}, ["/tier/rank"]),
        ({"tier": {"name": "T", "rank": 1, "price": 3}}, ["/tier/price"]),
        ({"tier": {"name": "T", "rank": 1, "attributes": {"ghz": 2.4}}}, ["/tier/attributes/ghz"]),
        ({"tier": {"name": "T", "rank": 1, "attributes": {"n": 10**40}}}, ["/tier/attributes/n"]),
        ({"service_id": str(uuid4())}, ["/service_id"]),
        ({"state": "published"}, ["/state"]),
    ],
)
async def test_a_bad_offering_names_its_field(
    owner: httpx.AsyncClient, change: dict[str, Any], pointers: list[str]
) -> None:
    service = await published_service(owner)
    response = await owner.post("/v1/offerings", json=OFFERING | {"service_id": service["id"]} | change)
    assert response.status_code == 422, response.text
    assert [fault["pointer"] for fault in response.json()["errors"]] == pointers


async def test_a_fulfilment_cycle_names_its_path(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    tasks = [
        {"key": "a", "name": "A", "depends_on": ["b"], "role": "r"},
        {"key": "b", "name": "B", "depends_on": ["a"], "role": "r"},
    ]
    response = await owner.post("/v1/offerings", json=OFFERING | {"service_id": service["id"], "fulfilment": tasks})
    assert (response.status_code, response.json()["type"]) == (422, "urn:itaas:problem:fulfilment-invalid")
    assert "a -> b -> a" in response.json()["detail"]


async def test_search_finds_words_in_any_case_and_order(owner: httpx.AsyncClient, consumer: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    small = await published_offering(owner, service["id"])
    big = await published_offering(
        owner, service["id"], name="Virtual SERVER, tier 4", description="100 % of a host_x", external_ids=[]
    )
    await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "Server draft"})

    async def found(client: httpx.AsyncClient, **params: str) -> list[str]:
        response = await client.get("/v1/offerings", params=params)
        assert response.status_code == 200, response.text
        return [item["id"] for item in response.json()["items"]]

    assert await found(consumer, q="server") == [small["id"], big["id"]]
    assert await found(consumer, q="host server VIRTUAL") == [big["id"]]
    assert await found(consumer, q="100 %") == [big["id"]]
    assert await found(consumer, q="t_x") == [big["id"]]
    assert await found(consumer, q="r_e") == []
    assert await found(consumer, external_id="sample:virtual-server-1") == [small["id"]]
    assert await found(consumer, service_id=str(uuid4())) == []
    assert len(await found(owner)) == 3
    assert len(await found(consumer)) == 2
    assert len(await found(owner, state="draft")) == 1


async def test_a_list_item_carries_what_the_contract_says(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    await published_offering(owner, service["id"])
    (item,) = (await owner.get("/v1/offerings")).json()["items"]
    assert {"id", "name", "service_id", "tier", "commitments", "score"} <= set(item)
    assert item["score"] is None


async def test_the_same_post_twice_is_one_offering(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    body = OFFERING | {"service_id": service["id"], "external_ids": []}
    first = await owner.post("/v1/offerings", json=body, headers={"Idempotency-Key": "k1"})
    second = await owner.post("/v1/offerings", json=body, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert len((await owner.get("/v1/offerings")).json()["items"]) == 1


async def test_consumers_see_no_drafts_and_change_nothing(
    owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    draft = await publishable_offering(owner, service["id"])
    assert (await consumer.get(f"/v1/offerings/{draft['id']}")).status_code == 404
    assert (await consumer.post(f"/v1/offerings/{draft['id']}/publish")).status_code == 403
    await done(owner, f"/v1/offerings/{draft['id']}/publish")
    seen = (await consumer.get(f"/v1/offerings/{draft['id']}")).json()
    assert (seen["request_form"], seen["active_subscriptions"]) == (FORM, None)
