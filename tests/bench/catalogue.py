"""Searching and browsing a large catalogue, beside reading one offering by its primary key over the same HTTP path.

10,000 services with 50,000 offerings, 200 business units in a tree, and a consumer of one of them: four in ten
offerings are for everybody, the others for one business unit each. Every answer goes through the app's routes; times
are wall clock at the 95th percentile, and CPU of this process (on SQLite that is the whole work; PostgreSQL's server is
not in it). `goal` is three times the read. Pages hold 50 items, but for the rows that say otherwise.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic_core import to_json
from sqlalchemy import JSON, text

from catalog_service.app import definition
from catalog_service.tables import (
    Capability,
    Offering,
    OfferingAudience,
    Service,
    ServiceCapability,
    ServiceScore,
    TaxonomyNode,
)
from catalog_service.use_cases import search_index
from services import context
from services.db import Database
from services.db.bulk import insert_many
from services.db.chassis_tables import KnownBusinessUnit
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.ids import uuid7
from services.local.backends import Postgres
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness

SERVICES, OFFERINGS, UNITS, NODES, CAPABILITIES = 10_000, 50_000, 200, 300, 200
ROUNDS = 60
GOAL = 3.0
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_KINDS = (
    *("server", "database", "storage", "network", "backup", "printer"),
    *("mailbox", "laptop", "telephone", "licence", "website", "container"),
)
_LEVELS = ["Bronze", "Silver", "Gold", "Platinum", "Basic"]
_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvwxyz" for vowel in "aeiou"]


def run(*, largest: int = OFFERINGS) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres.start(Path(folder) / "stack")
        try:
            for server in (None, postgres):
                rows += asyncio.run(_measured(Path(folder), largest, server))
        finally:
            postgres.discard()
    return rows


@dataclass
class Timing:
    wall: list[float]
    cpu_s: float

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.wall, n=20)[-1]


class Catalogue:
    """The rows, from a fixed seed."""

    def __init__(self, offerings: int) -> None:
        pick = random.Random(20261124)
        rare = ["".join(pick.choices(_SYLLABLES, k=pick.randrange(2, 6))) for _ in range(12_000)]
        weights = list(accumulate(1 / (place + 5) for place in range(len(rare))))
        self.units = [UUID(int=1_000 + number) for number in range(UNITS)]
        self.nodes = [UUID(int=5_000 + number) for number in range(NODES)]
        self.capabilities = [UUID(int=8_000 + number) for number in range(CAPABILITIES)]
        self.services = [uuid7() for _ in range(max(1, offerings * SERVICES // OFFERINGS))]
        self.offerings = [uuid7() for _ in range(offerings)]
        self.service_rows = [
            (f"Managed {pick.choice(_KINDS)} {pick.choices(rare, cum_weights=weights)[0]}", pick.choice(self.nodes))
            for _ in self.services
        ]
        self.offering_rows = [
            (
                f"Virtual {pick.choice(_KINDS)} {' '.join(pick.choices(rare, cum_weights=weights, k=2))}",
                f"A managed {pick.choice(_KINDS)} for {' '.join(pick.choices(rare, cum_weights=weights, k=25))}",
                pick.choice(_LEVELS),
                None if pick.random() < 0.4 else pick.choice(self.units),
            )
            for _ in self.offerings
        ]


async def fill(database: Database, rows: Catalogue) -> None:
    def aggregate(id_: UUID) -> tuple[Any, ...]:
        return id_, 1, BEGUN, BEGUN, "bench"

    common = ("id", "version", "created_at", "updated_at", "correlation_id")
    async with database.transaction() as session:

        async def insert(table: Any, columns: tuple[str, ...], lines: list[tuple[Any, ...]]) -> None:
            lists = tuple(
                column.name
                for column in table.__table__.c
                if not column.nullable and column.name not in columns and isinstance(column.type, JSON)
            )
            for start in range(0, len(lines), 5_000):
                full = [line + ("[]",) * len(lists) for line in lines[start : start + 5_000]]
                await insert_many(session, table.__table__, columns + lists, full)

        units = [
            (id_, 1, BEGUN, f"Unit {n}", None if n == 0 else rows.units[(n - 1) // 4])
            for n, id_ in enumerate(rows.units)
        ]
        await insert(KnownBusinessUnit, ("id", "sequence", "seen_at", "name", "parent_id"), units)
        for table, ids in ((TaxonomyNode, rows.nodes), (Capability, rows.capabilities)):
            lines = [
                (*aggregate(id_), f"{table.__name__} {n}", "", None if n == 0 else ids[(n - 1) // 5])
                for n, id_ in enumerate(ids)
            ]
            await insert(table, (*common, "name", "description", "parent_id"), lines)
        columns = (*common, "name", "description", "unit_of_measure", "state", "active_revision", "taxonomy_node_id")
        services = [
            (*aggregate(id_), name, "", "piece", "published", 1, node)
            for id_, (name, node) in zip(rows.services, rows.service_rows, strict=True)
        ]
        await insert(Service, columns, services)
        await insert(
            ServiceCapability,
            ("service_id", "capability_id"),
            [(id_, rows.capabilities[n % CAPABILITIES]) for n, id_ in enumerate(rows.services)],
        )
        scores = ("id", "sequence", "seen_at", "service_id", "kind", "score", "n", "low", "high", "withheld")
        await insert(
            ServiceScore, scores, [(uuid7(), 1, BEGUN, id_, "nps", None, 3, None, None, True) for id_ in rows.services]
        )
        form = {"type": "object", "required": ["purpose"], "properties": {"purpose": {"type": "string"}}}
        tasks = [{"key": "build", "name": "Build it", "depends_on": [], "role": "operations"}]
        promises = [
            {"kind": "availability", "target": "99.5", "unit": "percent"},
            {"kind": "lead_time", "target": "3", "unit": "days"},
        ]
        attributes = [{"key": "ram", "name": "Memory", "value": "16", "unit": "GB", "better": "higher"}] * 4
        columns = (
            *common,
            *("service_id", "name", "description", "unit_of_measure", "state", "everyone", "series_id", "number"),
            *("tier", "commitments", "request_form", "fulfilment"),
        )
        fixed = tuple(to_json(value).decode() for value in (promises, form, tasks))
        tiers = {
            level: to_json({"name": level, "rank": rank, "attributes": attributes}).decode()
            for rank, level in enumerate(_LEVELS, 1)
        }
        offerings = [
            (
                *aggregate(id_),
                *(rows.services[n % len(rows.services)], name, description, "piece", "published", unit is None, id_, 1),
                *(tiers[level], *fixed),
            )
            for n, (id_, (name, description, level, unit)) in enumerate(
                zip(rows.offerings, rows.offering_rows, strict=True)
            )
        ]
        await insert(Offering, columns, offerings)
        lines = [
            (id_, "business_unit", str(unit))
            for id_, (*_, unit) in zip(rows.offerings, rows.offering_rows, strict=True)
            if unit is not None
        ]
        await insert(OfferingAudience, ("offering_id", "kind", "value"), lines)
        await search_index.index_offerings(session, rows.offerings)
    if not database.is_sqlite:  # where autovacuum would do it; nobody does it on SQLite
        async with database.writer.connect() as connection:
            await connection.execute(text("ANALYZE"))
            await connection.commit()


@asynccontextmanager
async def _running(folder: Path, postgres: Postgres | None) -> AsyncIterator[ServiceHarness]:
    if postgres is None:
        async with ServiceHarness(definition, folder) as service:
            yield service
        return
    postgres.create_database("catalogue")
    url = postgres.url("catalogue")
    database = Database(url)
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    await database.close()
    urls: dict[str, Any] = {f"{app}_database_url": url for app in APPS}
    settings = load_settings(itaas_data_dir=folder, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{folder}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, folder, settings=settings, event_log=log) as service:
        yield service
    await log.close()


async def _measured(folder: Path, offerings: int, postgres: Postgres | None) -> list[dict[str, Any]]:
    name = "SQLite" if postgres is None else "PostgreSQL"
    place = folder / name
    place.mkdir()
    rows = Catalogue(offerings)
    async with _running(place, postgres) as service:
        with context.entered(context.WorkContext("bench", "bench", "bench")):
            await fill(service.runtime.database, rows)
        client = service.client(["consumer"], [rows.units[57]])
        begun = time.perf_counter()
        await _get(client, "/v1/offerings", q="server")
        first = time.perf_counter() - begun
        mine = [item["id"] for item in (await _get(client, "/v1/offerings", limit=200))["items"]]
        pick = random.Random(7)
        typos = ["srever", "datbase", "stoarge", "netwrk", "backpu", "mailbxo", "contaner", "webiste"]
        rare = sorted({name.split()[-1] for name, *_ in rows.offering_rows})
        seldom = f"business_unit:{rows.units[57]}"
        last = await _last_cursor(client, {})
        deep = await _last_cursor(client, {"q": "managed"})
        cases: dict[str, Iterator[tuple[str, dict[str, Any]]]] = {
            "read by primary key": (lambda: (f"/v1/offerings/{pick.choice(mine)}", {})),
            "a bare row by primary key": (lambda: (f"/v1/taxonomy-nodes/{pick.choice(rows.nodes)}", {})),
            "browse": (lambda: ("/v1/offerings", {})),
            "browse, last page": (lambda: ("/v1/offerings", {"cursor": last})),
            "browse one service": (lambda: ("/v1/offerings", {"service_id": str(pick.choice(rows.services))})),
            "search, a word that all have": (lambda: ("/v1/offerings", {"q": "managed"})),
            "search, its last page": (lambda: ("/v1/offerings", {"q": "managed", "cursor": deep})),
            "search, three common words": (lambda: ("/v1/offerings", {"q": f"virtual {pick.choice(_KINDS)} managed"})),
            "search, a typo": (lambda: ("/v1/offerings", {"q": pick.choice(typos)})),
            "search, rare word": (lambda: ("/v1/offerings", {"q": pick.choice(rare)})),
            "browse, one in 300 fits": (lambda: ("/v1/offerings", {"audience": seldom})),
            "search, one in 300 fits": (lambda: ("/v1/offerings", {"q": "managed", "audience": seldom})),
            "search, a letter": (lambda: ("/v1/offerings", {"q": pick.choice("abcdefghiklmnoprstuvwxyz")})),
        }
        timings: dict[str, Timing] = {case: Timing([], 0.0) for case in cases}
        for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine meets them all
            for case, request in cases.items():
                path, params = request()
                cpu, begun = time.process_time(), time.perf_counter()
                await _get(client, path, **params)
                timings[case].wall.append(time.perf_counter() - begun)
                timings[case].cpu_s += time.process_time() - cpu
        facets = time.perf_counter()
        await _get(client, "/v1/offerings/facets", q="managed")
        facets = time.perf_counter() - facets
    reference = timings["read by primary key"]
    table = [
        {
            "bench": f"{case}, {name}",
            "rows": ROUNDS,
            "cpu_s": timing.cpu_s,
            "rows_per_cpu_s": ROUNDS / timing.cpu_s,
            "reference": "read by primary key",
            "reference_cpu_s": reference.cpu_s,
            "ratio": reference.cpu_s / timing.cpu_s,
            "p95_ms": timing.p95 * 1_000,
            "p95_to_read": timing.p95 / reference.p95,
            "goal": GOAL,
        }
        for case, timing in timings.items()
    ]
    table[0] |= {"first_search_s": first, "facets_of_all_ms": facets * 1_000}
    return table


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _last_cursor(client: httpx.AsyncClient, params: dict[str, Any]) -> str:
    """The cursor that leads to the last full page: 50 items before the end, found with pages of 200."""
    cursor, before = "", ""
    while True:
        answer = await _get(client, "/v1/offerings", limit=200, **params, **({"cursor": cursor} if cursor else {}))
        if answer["next_cursor"] is None:
            return before
        cursor, before = answer["next_cursor"], cursor or before
