"""Export then import is the identity, whatever odd text a catalogue holds; and the two databases agree."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from catalog_service.app import definition
from catalog_service.tables import Base
from services.db import Database
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.catalog_service.samples import FORM, OFFERING
from tests.catalog_service.test_api_bulk import YAML, exported, imported

JSON = {"Content-Type": "application/json"}
ODD = [
    "no",
    "0x1F",
    "1e3",
    "12:30",
    "2026-11-01",
    "null",
    "~",
    "- a",
    "a: b",
    "#",
    "😀",
    "&a *b",
    "%",
    "é",
    "'\"",
    "{}",
]
LINE = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
        lambda text: text.strip(" ")
    ),
)
TEXT = st.one_of(
    st.sampled_from([*ODD, "two\nlines\n", " leading", "trailing ", "\n", "a\r\nb", "tab\t", "\u2028", "\ufeff"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
)
FORMS = st.dictionaries(LINE, st.sampled_from([{"type": "string"}, {"enum": ["no", 1, 1.5, None]}]), max_size=3)


@st.composite
def catalogues(draw: st.DrawFn) -> dict[str, Any]:
    number = iter(range(1, 100))

    def named() -> dict[str, Any]:
        place = next(number)
        names: dict[str, Any] = {"id": str(UUID(int=place + (7 << 76) + (2 << 62)))}
        if draw(st.booleans()):
            names["external_ids"] = [{"system": "odd", "id": f"{place}{draw(LINE)}"[:100]}]
        return names

    def reference(thing: dict[str, Any]) -> str:
        external = thing.get("external_ids")
        return f"odd:{external[0]['id']}" if external and draw(st.booleans()) else thing["id"]

    def tree() -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = []
        for place in range(draw(st.integers(0, 3))):
            node = named() | {"name": f"{place}{draw(LINE)}", "description": draw(TEXT)}
            if nodes and draw(st.booleans()):
                node["parent_id"] = reference(draw(st.sampled_from(nodes)))
            nodes.append(node)
        return draw(st.permutations(nodes))

    taxonomy, capabilities = tree(), tree()
    services: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 3))):
        service = named() | {"name": draw(LINE), "description": draw(TEXT), "unit_of_measure": "piece"}
        if taxonomy:
            service["taxonomy_node_id"] = reference(draw(st.sampled_from(taxonomy)))
        if capabilities:
            service["capability_ids"] = [reference(draw(st.sampled_from(capabilities)))]
        if services:
            service["dependencies"] = [{"on_id": reference(services[0]), "kind": "uses", "note": draw(TEXT)}]
        is_live = draw(st.booleans())
        if is_live:
            service["state"] = "published"
            service["revisions"] = [
                {"number": 1, "summary": "a" + draw(TEXT), "state": "archived"},
                {"number": 2, "summary": "a", "changes": [draw(LINE)], "state": "active", "based_on": 1},
                {
                    "number": 3,
                    "summary": "a",
                    "content": {"name": draw(LINE), "description": draw(TEXT)},
                    "based_on": 2,
                },
            ]
        service["offerings"] = []
        for _ in range(draw(st.integers(0, 2))):
            offering: dict[str, Any] = named() | {"name": draw(LINE), "description": draw(TEXT)}
            if draw(st.booleans()):
                offering |= {name: OFFERING[name] for name in ("tier", "commitments", "fulfilment")}
                offering["request_form"] = FORM | {"properties": draw(FORMS), "required": []}
                offering["audience"] = draw(st.sampled_from([{"everyone": True}, {"roles": ["consumer", "approver"]}]))
                if is_live:
                    offering |= {"state": "published", "description": f"a{offering['description']}"}
            service["offerings"].append(offering)
        services.append(service)
    return {"itaas_catalogue": 1, "taxonomy": taxonomy, "capabilities": capabilities, "services": services}


async def _emptied(service: ServiceHarness) -> None:
    async with service.runtime.database.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "dependency_graph":
                await session.execute(
                    table.update().values(parent_id=None) if "parent_id" in table.c else delete(table)
                )
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "dependency_graph":
                await session.execute(delete(table))


async def _is_kept(service: ServiceHarness, admin: httpx.AsyncClient, document: dict[str, Any]) -> None:
    await _emptied(service)
    # Not by our own writer, nor by PyYAML's: it leaves a text such as 1e3 unquoted, which YAML 1.2 reads as a number.
    job = await imported(service, admin, json.dumps(document), **JSON)
    assert job.problem is None, job.problem["errors"]
    text = await exported(admin)
    again = await imported(service, admin, text)
    assert again.problem is None, again.problem
    assert (again.result["created"], again.result["updated"], again.result["diff"]) == (0, 0, [])
    if document["services"]:
        assert again.result["unchanged"] == job.result["created"]
    as_json = await exported(admin, "?format=json")
    await _emptied(service)
    assert (await imported(service, admin, text)).problem is None
    assert await exported(admin) == text
    await _emptied(service)
    assert (await imported(service, admin, as_json, **JSON)).problem is None
    assert await exported(admin) == text


def test_export_then_import_is_the_identity(tmp_path: Path) -> None:
    service = ServiceHarness(definition, tmp_path)
    with asyncio.Runner() as runner:
        runner.run(service.__aenter__())
        admin = service.client(["admin"])

        @settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(catalogues())
        def same(document: dict[str, Any]) -> None:
            runner.run(_is_kept(service, admin, document))

        try:
            same()
        finally:
            runner.run(service.__aexit__(None, None, None))


@pytest.mark.anyio
async def test_postgresql_keeps_the_same_catalogue(postgresql_url: str, tmp_path: Path) -> None:
    writer = Database(postgresql_url)
    await migrate(writer, definition.migrations, definition.metadata, app="catalog")
    await writer.close()
    urls: dict[str, Any] = {f"{app}_database_url": postgresql_url for app in APPS}
    configured = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    text = "".join(f"- key: o{n}\n  name: no\n    \n".replace("    \n", "") for n in range(450))
    offerings = "\n".join(f"  {line}" for line in text.splitlines())
    document = (
        "itaas_catalogue: 1\ntaxonomy:\n- {key: b, name: B, parent_id: a}\n- {key: a, name: A}\n"
        "capabilities:\n- {key: c, name: C}\n"
        "services:\n- key: s\n  name: 😀\n  unit_of_measure: x\n  taxonomy_node_id: b\n  capability_ids: [c]\n"
        "  dependencies: [{on_id: t, kind: requires}]\n  state: published\n"
        "  revisions: [{number: 1, summary: x, state: active}]\n"
        f"  offerings:\n{offerings}\n"
        "- {key: t, name: T, unit_of_measure: x}\n"
    )
    async with ServiceHarness(definition, tmp_path, settings=configured, event_log=log) as service:
        admin = service.client(["admin"])
        job = await imported(service, admin, document)
        assert job.problem is None, job.problem["errors"]
        assert job.result["created"] == 456
        out = await exported(admin)
        assert (await imported(service, admin, out)).result["unchanged"] == 456
        assert (await admin.post("/v1/imports", content=document.replace("😀", "x"), headers=YAML)).status_code == 202
    (tmp_path / "other").mkdir()
    async with ServiceHarness(definition, tmp_path / "other") as other:
        admin = other.client(["admin"])
        assert (await imported(other, admin, out)).problem is None
        assert await exported(admin) == out
    await log.close()
