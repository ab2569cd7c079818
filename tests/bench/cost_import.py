"""Importing a FOCUS file: from the upload to rows that count, beside `csv.reader` over the same text.

The file is the real sample (../shared/data/focus), its rows repeated, or made-up rows of its shape where it is
missing. CPU seconds are those of this process: with SQLite the whole work, with PostgreSQL ours without the server's.
Peaks show that memory does not grow with the number of rows.
"""

from __future__ import annotations

import asyncio
import csv
import os
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from pricing_service.app import definition
from services.db import Database
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.local.backends import Postgres
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.pricing_service.samples import CSV, FOCUS_SAMPLE, focus_csv

SIZES = (20_000, 200_000)


def run(*, largest: int = SIZES[-1]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres.start(Path(folder) / "stack")
        try:
            for size in (size for size in SIZES if size <= largest):
                rows.append(asyncio.run(_measured(Path(folder), size, None)))
                rows.append(asyncio.run(_measured(Path(folder), size, postgres)))
        finally:
            postgres.discard()
    return rows


def sample(rows: int) -> Iterator[str]:
    """Line by line, so that the bench itself holds none of it."""
    if FOCUS_SAMPLE.exists():
        head, *lines = FOCUS_SAMPLE.read_text("utf-8-sig").splitlines(keepends=True)
    else:
        head, *lines = focus_csv(
            *[{"ResourceId": f"r{n}", "BilledCost": f"0.{n:09}"} for n in range(1_000)]
        ).splitlines(keepends=True)
    yield head
    for n in range(rows):
        yield lines[n % len(lines)]


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as content:
        while block := content.read(1 << 16):
            yield block


def _read_by_reference(file: Path) -> None:
    with file.open(encoding="utf-8", newline="") as text:
        for _ in csv.reader(text):
            pass


async def _measured(folder: Path, size: int, postgres: Postgres | None) -> dict[str, Any]:
    name = "SQLite" if postgres is None else "PostgreSQL"
    place = folder / f"{name}-{size}"
    place.mkdir()
    file = place / "focus.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        text.writelines(sample(size))
    reference = _least(lambda: _read_by_reference(file))
    settings, log = None, None
    if postgres is not None:
        database = f"costs_{size}"
        postgres.create_database(database)
        url = postgres.url(database)
        writer = Database(url)
        await migrate(writer, definition.migrations, definition.metadata, app="pricing")
        await writer.close()
        urls: dict[str, Any] = {f"{app}_database_url": url for app in APPS}
        settings = load_settings(itaas_data_dir=place, kafka_bootstrap_servers="not-used:9092", **urls)
        log = EmbeddedLog(f"sqlite+aiosqlite:///{place}/events.db")
        await log.open()
        await log.create_topics(all_topics())
    harness = ServiceHarness(definition, place, settings=settings, event_log=log)
    async with harness as service, service.client(roles=["finance"]) as client:
        before = _cpu_seconds()
        answer = await client.post(
            "/v1/cost-imports?source=bench&cost_basis=effective", content=_blocks(file), headers=CSV
        )
        while (await client.get(answer.headers["location"])).json()["state"] in ("queued", "running"):
            await asyncio.sleep(0.5)  # asking costs, too
        job = await service.finished_job(answer.json()["id"])
        ours = _cpu_seconds() - before
    if log is not None:
        await log.close()
    assert job.result is not None, job.problem
    assert (job.state, job.result["rows"]) == ("succeeded", size)
    return {
        "bench": f"FOCUS import, {name}",
        "rows": size,
        "cpu_s": ours,
        "rows_per_cpu_s": size / ours,
        "reference": "csv.reader alone",
        "reference_cpu_s": reference,
        "ratio": reference / ours,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _least(work: Any) -> float:
    taken = []
    for _ in range(3):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)
