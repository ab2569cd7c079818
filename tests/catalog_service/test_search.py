"""Search over HTTP: the same hits in the same order on both databases, pages, facets, and whatever people type."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from catalog_service.app import definition
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import (
    Capability,
    Offering,
    OfferingAudience,
    OfferingExternalId,
    Service,
    ServiceCapability,
    TaxonomyNode,
)
from catalog_service.use_cases import search_index
from services import context
from services.db import Database
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.ids import uuid7
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness

pytestmark = pytest.mark.anyio
ARTS, PHYSICS = UUID(int=1), UUID(int=2)


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    """The app on either database."""
    if database_url.startswith("sqlite"):
        async with ServiceHarness(definition, tmp_path) as running:
            yield running
        return
    database = Database(database_url)
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    await database.close()
    urls: dict[str, Any] = {f"{app}_database_url": database_url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as running:
        yield running
    await log.close()


@asynccontextmanager
async def writing(service: ServiceHarness) -> AsyncIterator[Any]:
    with context.entered(context.WorkContext("thread", "cause", "request")):
        async with service.runtime.database.transaction() as session:
            yield session


def offering(of: Service, name: str, description: str = "", **columns: Any) -> Offering:
    offering_id = uuid7()
    values: dict[str, Any] = {
        "series_id": offering_id,
        "number": 1,
        "unit_of_measure": "u",
        "commitments": [],
        "fulfilment": [],
        "options": [],
        "state": OfferingState.PUBLISHED,
        "everyone": True,
    } | columns
    if "bundle" in Offering.__table__.c:
        values["bundle"] = []
    return Offering(id=offering_id, service=of, name=name, description=description, **values)


def a_service(name: str, **columns: Any) -> Service:
    return Service(name=name, description="", unit_of_measure="u", state=ServiceState.PUBLISHED, **columns)


async def names(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/v1/offerings", params=params)
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def fill(service: ServiceHarness) -> dict[str, UUID]:
    """infrastructure ──► compute (Virtual servers), storage (Backup, provides: Keep data safe)"""
    async with writing(service) as session:
        infrastructure = TaxonomyNode(name="Infrastructure", description="")
        session.add(infrastructure)
        await session.flush()
        compute = TaxonomyNode(name="Compute", description="", parent_id=infrastructure.id)
        storage = TaxonomyNode(name="Storage", description="", parent_id=infrastructure.id)
        capability = Capability(name="Keep data safe", description="")
        session.add_all([compute, storage, capability])
        await session.flush()
        servers = a_service("Virtual servers", taxonomy_node_id=compute.id)
        safe = a_service("Archive", taxonomy_node_id=storage.id)
        safe.capabilities = [ServiceCapability(capability_id=capability.id)]
        promise = {"kind": "availability", "target": "99.5", "unit": "percent"}
        tier = {"name": "Gold", "rank": 3, "attributes": []}
        for name, columns in {
            "Server, small": {"commitments": [promise]},
            "Server, large": {"tier": tier, "commitments": [promise, promise | {"kind": "rto"}]},
            "Café-Sevrer": {"everyone": False, "audience_lines": [_line("business_unit", str(ARTS))]},
            "Container platform": {"description": "Runs beside a server", "taxonomy_node_id": storage.id},
            "Draft server": {"state": OfferingState.DRAFT, "everyone": False},
        }.items():
            session.add(offering(servers, name, **columns))
            await session.flush()
        session.add(
            offering(
                safe,
                "Backup of servers",
                "100 % of a host_x; 日本語のサーバー",
                tier=tier,
                external_ids=[OfferingExternalId(system="erp", id="b:1")],
            )
        )
    return {
        "infrastructure": infrastructure.id,
        "compute": compute.id,
        "storage": storage.id,
        "capability": capability.id,
        "servers": servers.id,
    }


def _line(kind: str, value: str) -> OfferingAudience:
    return OfferingAudience(kind=kind, value=value)


SEEN_BY_ARTS: Sequence[tuple[str, list[str]]] = [
    ("server", ["Server, small", "Server, large", "Backup of servers", "Container platform", "Café-Sevrer"]),
    ("SERVRE", ["Server, small", "Server, large", "Container platform"]),
    ("large server", ["Server, large"]),
    ("cafe", ["Café-Sevrer", "Backup of servers"]),
    ("infrastructure", ["Server, small", "Server, large", "Café-Sevrer", "Container platform", "Backup of servers"]),
    ("storage", ["Container platform", "Backup of servers"]),
    ("safe", ["Backup of servers", "Café-Sevrer"]),
    ("gold server", ["Server, large", "Backup of servers"]),
    ("100 %", ["Backup of servers"]),
    ("t_x", []),
    ("h_x", ["Backup of servers"]),
    ("日本", ["Backup of servers"]),
    ("サーバー", ["Backup of servers"]),
    ("draft", []),
]


async def test_search_is_the_same_on_both_databases(service: ServiceHarness) -> None:
    ids = await fill(service)
    arts = service.client(["consumer"], [ARTS])
    for query, expected in SEEN_BY_ARTS:
        assert await names(arts, q=query) == expected, query
    physics = service.client(["consumer"], [PHYSICS])
    assert await names(physics, q="server", limit=200) == [n for n in SEEN_BY_ARTS[0][1] if n != "Café-Sevrer"]
    assert (await names(service.client(["service_owner"]), q="server"))[:3] == [
        "Server, small", "Server, large", "Draft server"
    ]  # fmt: skip
    for params, expected in [
        ({"taxonomy_node_id": ids["storage"]}, ["Container platform", "Backup of servers"]),
        ({"taxonomy_node_id": ids["infrastructure"], "q": "small"}, ["Server, small"]),
        ({"capability_id": ids["capability"]}, ["Backup of servers"]),
        ({"tier": "Gold"}, ["Server, large", "Backup of servers"]),
        ({"tier": "Gold", "q": "servers"}, ["Backup of servers", "Server, large"]),
        ({"commitment": "rto"}, ["Server, large"]),
        ({"audience": f"business_unit:{ARTS}"}, ["Café-Sevrer"]),
        ({"state": "retired"}, []),
        ({"external_id": "erp:b:1", "q": "server"}, ["Backup of servers"]),
        ({"service_id": ids["servers"], "q": "backup"}, []),
    ]:
        assert await names(arts, **params) == expected, params
    (hit,) = (await arts.get("/v1/offerings", params={"q": "Gold srever large"})).json()["items"]
    assert hit["match"] == [
        {"word": "gold", "field": "around", "how": "exact"},
        {"word": "srever", "field": "name", "how": "typo"},
        {"word": "large", "field": "name", "how": "exact"},
    ]
    assert {"id", "name", "service_id", "tier", "commitments", "score"} <= set(hit)


async def test_facets_add_up(service: ServiceHarness) -> None:
    ids = await fill(service)
    arts, physics = service.client(["consumer"], [ARTS]), service.client(["consumer"], [PHYSICS])

    async def facets(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
        answer = await client.get("/v1/offerings/facets", params=params)
        assert answer.status_code == 200, answer.text
        counted: dict[str, Any] = answer.json()
        return counted

    whole = await facets(arts)
    counts = {
        facet: {value["name"]: value["count"] for value in values}
        for facet, values in whole.items()
        if facet != "total"
    }
    assert whole["total"] == 5
    assert counts == {
        "service": {"Virtual servers": 4, "Archive": 1},
        "taxonomy_node": {"Infrastructure": 5, "Compute": 3, "Storage": 2},
        "capability": {"Keep data safe": 1},
        "tier": {"Gold": 2},
        "state": {"published": 5},
        "commitment": {"availability": 2, "rto": 1},
        "audience": {"everyone": 4, f"business_unit:{ARTS}": 1},
    }
    assert (await facets(physics))["total"] == 4
    assert f"business_unit:{ARTS}" not in str(await facets(physics))
    assert (await facets(arts, q="servre"))["total"] == 3
    assert (await facets(arts, q="server", tier="Gold"))["total"] == 2
    assert (await facets(arts, q="nothing"))["total"] == 0
    for facet in ("service", "taxonomy_node", "capability", "tier", "state", "commitment", "audience"):
        name = {"service": "service_id", "taxonomy_node": "taxonomy_node_id", "capability": "capability_id"}.get(facet)
        for value in whole[facet]:
            params = {name or facet: value["value"]}
            assert len(await names(arts, **params)) == value["count"], params
            assert (await facets(arts, **params))["total"] == value["count"], params
    assert str(ids["storage"]) in {node["value"] for node in whole["taxonomy_node"]}


async def test_pages_hold_everything_once_while_more_comes(service: ServiceHarness) -> None:
    async with writing(service) as session:
        of = a_service("Things")
        for number in range(40):
            columns = {} if number % 4 else {"everyone": False}  # every fourth is nobody's
            session.add(offering(of, f"Thing {number}" if number % 3 else f"{number}", "A thing", **columns))
    client = service.client(["consumer"])
    for q in (None, "thing", "thign"):
        params: dict[str, Any] = {"limit": 4} | ({} if q is None else {"q": q})
        seen: list[str] = []
        while True:
            answer = (await client.get("/v1/offerings", params=params)).json()
            seen += [item["id"] for item in answer["items"]]
            async with writing(service) as session:
                session.add(offering(await session.get(Service, of.id), "Thing of the meantime", everyone=False))
            if answer["next_cursor"] is None:
                break
            assert len(answer["items"]) == 4
            params["cursor"] = answer["next_cursor"]
        assert len(seen) == len(set(seen)) == 30, q
        whole = (await client.get("/v1/offerings", params=params | {"limit": 200, "cursor": ""})).status_code
        assert whole == 422


async def test_renames_are_searched_at_once(service: ServiceHarness) -> None:
    ids = await fill(service)
    client = service.client(["service_owner"])
    assert await names(client, q="hyperspace") == []
    for kind, key, count in [
        (TaxonomyNode, "infrastructure", 6),
        (Capability, "capability", 1),
        (Service, "servers", 5),
    ]:
        async with writing(service) as session:
            (await session.get(kind, ids[key])).name = "Hyperspace"
        assert len(await names(client, q="hyperspace")) == count
        async with writing(service) as session:
            (await session.get(kind, ids[key])).name = "Else"
        assert await names(client, q="hyperspace") == []
    async with writing(service) as session:
        of = await session.get(Service, ids["servers"])
        of.capabilities.append(ServiceCapability(capability_id=ids["capability"]))
    assert len(await names(client, q="else", capability_id=ids["capability"])) == 6
    with pytest.raises(RuntimeError):
        async with writing(service) as session:
            (await session.get(Service, ids["servers"])).name = "Hyperspace"
            await session.flush()
            raise RuntimeError
    assert await names(client, q="hyperspace") == []


async def test_what_goes_past_the_session_is_told_or_read_anew(service: ServiceHarness) -> None:
    await fill(service)
    client = service.client(["admin"])
    assert len(await names(client, q="small")) == 1
    async with writing(service) as session:
        await session.execute(update(Offering).where(Offering.name == "Server, small").values(name="Tiny"))
    assert len(await names(client, q="tiny")) == 0
    async with writing(service) as session:
        await search_index.index_offerings(session, [UUID(item["id"]) for item in await _items(client, q="small")])
    assert await names(client, q="tiny") == ["Tiny"]
    async with writing(service) as session:
        await session.execute(update(Offering).values(description="rewritten"))
    answer = await client.post("/v1/search-index/rebuild")
    assert answer.status_code == 202
    job = await service.finished_job(answer.json()["id"])
    assert (job.state, job.result) == ("succeeded", {"offerings": 6})
    assert len(await names(client, q="rewriten")) == 6
    assert (await service.client(["service_owner"]).post("/v1/search-index/rebuild")).status_code == 403


async def test_many_searches_at_once_after_a_change(service: ServiceHarness) -> None:
    """One of them reads the change, the others wait for it: none for a connection that another one in the queue has."""
    await fill(service)
    clients = [service.client([role], [ARTS]) for role in ("consumer", "admin")] * 10
    answers = await asyncio.gather(*(client.get("/v1/offerings", params={"q": "small"}) for client in clients))
    assert [len(answer.json()["items"]) for answer in answers] == [1] * 20


async def _items(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/v1/offerings", params=params)).json()["items"]
    return items


async def test_whatever_people_type(service: ServiceHarness) -> None:
    """Only-punctuation finds nothing, blanks ask for nothing; nothing is a defect."""
    await fill(service)
    client = service.client(["consumer"])
    for q in (
        "%",
        "_",
        "'",
        '"',
        "\\",
        "' OR 1=1 --",
        "🎉",
        "w" * 200,
        "((((",
        "\u0301",
        "\ufeff",
        "a" * 99 + " %",
        "١٢٣",
    ):
        assert await names(client, q=q) == [], q
        assert (await client.get("/v1/offerings/facets", params={"q": q})).json()["total"] == 0
    assert len(await names(client, q="  ")) == 4
    assert (await client.get("/v1/offerings", params={"q": "a\0b"})).status_code == 422
    for params, pointer in [
        ({"q": "x" * 201}, "q"),
        ({"q": " ".join(str(number) for number in range(21))}, "q"),
        ({"cursor": "x"}, "cursor"),
        ({"q": "server", "cursor": "A" * 22}, None),
        ({"q": "server", "cursor": "_" * 21 + "w"}, "cursor"),
        ({"audience": "nobody"}, "audience"),
        ({"audience": "business_unit:------------------------------------"}, None),
        ({"commitment": "beauty"}, "commitment"),
        ({"taxonomy_node_id": "x"}, "taxonomy_node_id"),
    ]:
        answer = await client.get("/v1/offerings", params=params)
        assert answer.status_code == (200 if pointer is None else 422), (params, answer.text)
        if pointer is not None:
            assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer], answer.text
